// The model whose sessions are fuzzed: the seeds were saved with it.
#pragma once

#include "support/tiny_gguf.h"  // TinyModel

namespace kvcompress {

inline test::TinyModel session_model() {
  test::TinyModel model{.architecture = "llama", .layers = 2, .query_heads = 2};
  model.head_dim = 16;
  model.hidden = 32;
  model.feed_forward = 32;
  return model;
}

}  // namespace kvcompress
