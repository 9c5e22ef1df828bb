// Maps of one head's keys and values to latents of fewer channels and back, and what an answer is given to
// fit them.
#pragma once

#include <cstdint>  // int32_t, int64_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "policy/calibration.h"  // Calibration

namespace kvcompress {

// x is read back as mean + latent * decode, with latent = (x - mean) * encode; or, where `kept` lists
// channels, as these channels of x and the mean of all others.
struct ProjectionSide {
  int channels = 0, rank = 0;
  std::vector<int32_t> kept;  // [rank] ascending, or empty
  std::vector<float> encode;  // [channels][rank], or empty
  std::vector<float> decode;  // [rank][channels], or empty
  std::vector<float> mean;    // [channels]

  // For whoever stores it: every field once.
  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("channels", channels);
    visitor("rank", rank);
    visitor("kept", kept);
    visitor("encode", encode);
    visitor("decode", decode);
    visitor("mean", mean);
  }
  bool operator==(const ProjectionSide&) const = default;
};

struct Projection {
  ProjectionSide keys, values;

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("keys", keys);
    visitor("values", values);
  }
  bool operator==(const Projection&) const = default;
};

// One KV head of one layer.
struct ProjectionInput {
  int layer = 0, layers = 1;
  int kv_head = 0, kv_heads = 1;
  int head_dim = 0;
  int tokens = 0;
  int key_rank = 0, value_rank = 0;     // wanted
  float attention_scale = 0;            // multiplies q.k
  std::span<const float> keys, values;  // [tokens][head_dim] held by the head, sinks left out; keys rotated
  std::span<const float> queries;       // [any][head_dim] newest rotated queries of the head's group
  // [head_dim][head_dim] sum over the group's heads of W_O^T W_O, where it was asked for.
  std::span<const float> output_metric;
  const Calibration* calibration = nullptr;  // of the answer's calibration_kind(), when it asks for one
};

class ProjectionFit {
 public:
  virtual ~ProjectionFit() = default;
  virtual Projection fit(const ProjectionInput& input) const = 0;
  // Tokens that a head must hold before it is fitted, unless its prompt has been evicted from before.
  virtual int64_t fit_tokens() const = 0;
  virtual int query_window() const { return 0; }  // newest queries to be remembered
  virtual bool wants_output_metric() const { return false; }
};

}  // namespace kvcompress
