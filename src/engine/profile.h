// Where the time of the engine's steps went.
#pragma once

namespace kvcompress {

struct Profile {
  double dense_s = 0;      // weights times activations, norms, RoPE, activations
  double attention_s = 0;  // append, attention over the cache
  double compress_s = 0;   // scoring, selecting, evicting
  double head_s = 0;       // output projection
  double dense_flop = 0, head_flop = 0;
  double attention_flop = 0;   // visible query-key pairs only
  double attention_bytes = 0;  // keys and values that decode attention read
};

}  // namespace kvcompress
