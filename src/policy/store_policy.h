// Stage `store`: in what form are kept tokens held? An answer is parameters alone; codec/ builds the form.
// Tokens are packed 64 at a time once they are neither sinks nor recent; until then, and without an answer,
// they are f16.
#pragma once

#include <cstdint>  // int64_t
#include <string>   // std::string
#include <variant>  // std::variant

#include "policy/answer.h"  // Answer

namespace kvcompress {

// Integers of a few bits with a scale, and a minimum where asymmetric, for each group (codec/scalar).
struct ScalarSettings {
  enum class KeyAxis { channel, token };
  int key_bits = 4, value_bits = 4;  // 2, 3, 4 or 8
  // channel: one scale for a channel over key_group tokens (KIVI). token: for a token over key_group
  // channels.
  KeyAxis key_axis = KeyAxis::channel;
  int key_group = 64;
  int value_group = 0;     // channels of one token; 0: all of them
  bool symmetric = false;  // a scale alone, codes centred on 0
  bool rotated = false;    // Hadamard transform of values and outputs and, if rotated_keys, keys and queries
  bool rotated_keys = true;
  bool stochastic = false;  // rounds at random, seeded

  bool operator==(const ScalarSettings&) const = default;
};

// Numbers of few bits with a scale for each block of a token's channels (codec/block).
struct BlockSettings {
  // int8, int4: rounded as ggml's q8_0 and q4_0. e4m3, e5m2, e2m1: floats of so many bits of exponent and
  // mantissa. normal_N: the 2^N levels that are best for normal numbers, with the block's norm as scale.
  enum class Element { int8, int4, e4m3, e5m2, e2m1, normal_2, normal_3, normal_4 };
  enum class Scale { f16, e4m3, e8m0 };
  Element keys = Element::e4m3, values = Element::e4m3;
  Scale scale = Scale::f16;
  int block = 0;         // channels of a token; the last block may be shorter; 0: all of them
  bool rotated = false;  // Hadamard transform of keys, queries, values and outputs

  bool operator==(const BlockSettings&) const = default;
};

// Latents of keys and values, by maps that are fitted to a head (policy/projection.h, codec/projected).
struct ProjectedSettings {
  // Channels of a latent: a rank, or the multiple of 16 next to a share of the head's channels.
  int key_rank = 0, value_rank = 0;
  double key_share = 0.5, value_share = 0.5;
  int bits = 16;         // of a latent's number: f16, or 2, 3, 4 or 8
  double outliers = 0;   // share of a page's numbers whose error is kept beside the latents
  bool selects = false;  // latents are channels of the head, not sums of them

  bool operator==(const ProjectedSettings&) const = default;
};

using PackedSettings = std::variant<ScalarSettings, BlockSettings, ProjectedSettings>;

class ProjectionFit;  // policy/projection.h

class StorePolicy : public Answer {
 public:
  // Adds what all packed forms have in common.
  void visit(ParameterVisitor& visitor) override;

  virtual PackedSettings packed(int layer, int kv_head, int kv_heads) const = 0;
  // What fits ProjectedSettings to a head; null where packed() gives no such.
  virtual const ProjectionFit* projection_fit() const { return nullptr; }
  // For the receipt: "keys 4 bit, values 4 bit, rotated".
  virtual std::string describe() const = 0;

  // Tokens of each head that stay in f16: the first ones, and the newest ones.
  int64_t sinks() const { return sinks_; }
  int64_t recent() const { return recent_; }
  // Share of a head's tokens, at the prompt's end, that stay in f16: sinks and recent ones, and beside these
  // the best scores.
  double guards() const { return guards_; }

 protected:
  int64_t sinks_ = 4;
  int64_t recent_ = 64;
  double guards_ = 0;
};

}  // namespace kvcompress
