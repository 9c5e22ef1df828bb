// Everything that changes while a sequence lives, for writing and for reading it.
#pragma once

#include <functional>  // std::function

#include "base/archive.h"        // Archive
#include "engine/sequence.h"     // Sequence
#include "model/architecture.h"  // ModelConfig
#include "policy/projection.h"   // Projection

namespace kvcompress {

// What only the engine can give an empty head, by its number through all layers: the form that was fitted to
// it, and pages with biases.
struct HeadRestorer {
  std::function<void(Sequence& sequence, size_t index, const Projection& projection)> fitted_form;
  std::function<void(Sequence& sequence, size_t index)> biased_pages;
};

// Recipe, prefill mode and page sizes are the caller's: they make the sequence that is read into. Time spent
// is not kept. Throws InputError for what no sequence of this model and recipe can hold, UsageError for a
// sequence in the middle of a replay or a calibration, which cannot be written.
// restorer is for reading alone.
void archive_sequence(Archive& archive, Sequence& sequence, const ModelConfig& config,
                      const HeadRestorer& restorer);

}  // namespace kvcompress
