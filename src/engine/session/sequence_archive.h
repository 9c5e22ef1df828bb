// Everything that changes while a sequence lives, for writing and for reading it.
#pragma once

#include "base/archive.h"        // Archive
#include "engine/sequence.h"     // Sequence
#include "model/architecture.h"  // ModelConfig

namespace kvcompress {

// Recipe, prefill mode and page sizes are the caller's: they make the sequence that is read into. Time spent
// is not kept. Throws InputError for what no sequence of this model and recipe can hold, UsageError for a
// sequence in the middle of a replay or a calibration, which cannot be written.
void archive_sequence(Archive& archive, Sequence& sequence, const ModelConfig& config);

}  // namespace kvcompress
