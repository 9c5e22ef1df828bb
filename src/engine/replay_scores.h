// The scores of one layer of a replayed step.
#pragma once

#include "compute/thread_pool.h"  // ThreadPool
#include "engine/features.h"      // FeatureReader
#include "engine/observer.h"      // ObservedRows, LayerRows

namespace kvcompress {

// Every query of the segment's rows looks at the sinks, the replayed part and the pass so far; the most that
// any of them gives a slot of the part is its score.
void note_replay(int layer, const ObservedRows& segment, const LayerRows& rows, const ModelConfig& config,
                 const FeatureReader& reader, ThreadPool& pool);

}  // namespace kvcompress
