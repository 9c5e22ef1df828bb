// KVzip's replay (arXiv:2505.23416, section 3.2): the context is fed again in chunks, behind an instruction
// to repeat it, on top of the whole cache; what its queries look at is what the model needs to rebuild it.
#pragma once

#include <atomic>  // std::atomic

#include "engine/forward.h"    // Forward
#include "model/vocabulary.h"  // Vocabulary

namespace kvcompress {

class Replayer {
 public:
  // chunk: tokens of one step.
  Replayer(Forward& forward, const Vocabulary& vocabulary, int chunk, const std::atomic<bool>& stop);

  // Fills SlotNotes::replay of a sequence that holds its whole prompt; nothing when it has been done.
  void run(Sequence& sequence);

 private:
  void replay_part(Sequence& sequence, int32_t first, int32_t last);

  Forward& forward_;
  const Vocabulary& vocabulary_;
  int chunk_;
  const std::atomic<bool>& stop_;
};

}  // namespace kvcompress
