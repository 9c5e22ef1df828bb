// The packed forms of an engine and the pools of their pages: made when a recipe first wants them, shared by
// all sequences.
#pragma once

#include <memory>   // std::unique_ptr
#include <utility>  // std::pair
#include <vector>   // std::vector

#include "cache/head_slots.h"      // Packing
#include "cache/page_pool.h"       // PagePool
#include "cache/position_store.h"  // PositionStore
#include "codec/packed_form.h"     // PackedForm
#include "engine/page_sizes.h"     // PageSizes
#include "policy/recipe.h"         // Recipe

namespace kvcompress {

class Packings {
 public:
  // exact: the pool of f16 pages, whose memory and optional fields the packed pools share; outlives this.
  Packings(const PagePool& exact, int layers, int kv_heads);

  // [layers][kv_heads], or empty for a recipe that stores f16; without a form and a pool where the form is
  // fitted to each head (engine/form_fitter.h). Throws UsageError for settings that the
  // model's head dimension does not allow. Valid as long as this lives.
  std::vector<Packing> of(const Recipe& recipe);
  PageSizes sizes(const Recipe& recipe);
  PagePool* pool(size_t payload_bytes);

 private:
  const PackedForm* form(const PackedSettings& settings);

  const PagePool& exact_;
  const int layers_, kv_heads_;
  PositionStore positions_;
  std::vector<std::pair<PackedSettings, std::unique_ptr<PackedForm>>> forms_;
  std::vector<std::pair<size_t, std::unique_ptr<PagePool>>> pools_;
};

}  // namespace kvcompress
