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
  int value_group = 0;      // channels of one token; 0: all of them
  bool symmetric = false;   // a scale alone, codes centred on 0
  bool rotated = false;     // Hadamard transform of keys, queries, values and outputs
  bool stochastic = false;  // rounds at random, seeded

  bool operator==(const ScalarSettings&) const = default;
};

using PackedSettings = std::variant<ScalarSettings>;

class StorePolicy : public Answer {
 public:
  // Adds what all packed forms have in common.
  void visit(ParameterVisitor& visitor) override;

  virtual PackedSettings packed(int layer, int kv_head, int kv_heads) const = 0;
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
