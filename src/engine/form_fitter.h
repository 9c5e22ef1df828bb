// Fits the forms of a store that asks for it (StorePolicy::projection_fit()) to the heads of a sequence, each
// when it is first to be packed: from the exact tokens it holds, its newest queries, or a calibration.
#pragma once

#include <cstdint>  // int64_t
#include <memory>   // std::shared_ptr
#include <span>     // std::span
#include <vector>   // std::vector

#include "cache/cache_memory.h"   // CacheMemory
#include "compute/thread_pool.h"  // ThreadPool
#include "engine/packings.h"      // Packings
#include "engine/sequence.h"      // Sequence
#include "model/architecture.h"   // Architecture

namespace kvcompress {

class FormFitter {
 public:
  FormFitter(const Architecture& model, ThreadPool& pool, Packings& packings, CacheMemory& memory);

  // Gives every head that has none yet its form, if it holds a page to be sealed, and as many tokens as a fit
  // wants or what an eviction left. Throws CapacityError when the maps do not fit the memory.
  void fit(Sequence& sequence);
  // A form that was fitted before, for a head that has packed nothing yet. Throws UsageError or
  // CapacityError.
  void restore(Sequence& sequence, size_t index, const Projection& projection);

 private:
  void adopt(Sequence& sequence, size_t index, std::shared_ptr<const FittedForm> form);
  bool ready(const Sequence& sequence, size_t index) const;
  std::shared_ptr<const FittedForm> fitted(const Sequence& sequence, int layer, int head,
                                           std::span<const float> metric) const;

  const Architecture& model_;
  const ModelConfig& config_;
  ThreadPool& pool_;
  Packings& packings_;
  CacheMemory& memory_;
};

}  // namespace kvcompress
