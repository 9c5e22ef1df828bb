// One side of a projection (policy/projection.h) as it is kept and used: f16 matrices, or a list of channels.
#pragma once

#include <cstdint>  // uint16_t
#include <vector>   // std::vector

#include "compute/isa.h"        // Isa
#include "policy/projection.h"  // ProjectionSide

namespace kvcompress {

// Rows of channels are `padded` floats apart, padded_head_dim; what lies beyond the head is written as 0.
class HeadMap {
 public:
  // Throws std::logic_error for arrays that do not fit channels and rank.
  HeadMap(const ProjectionSide& side, Isa isa);

  int rank() const { return rank_; }
  const std::vector<float>& mean() const { return mean_; }  // [padded]
  size_t bytes() const;
  ProjectionSide side() const;  // gives this map again

  // Latents [rows][rank] of x [rows][padded], whose mean has been taken off.
  void encode(const float* x, int rows, float* latents) const;
  // decode * queries: [rows][rank] of [rows][padded], so that their product with a latent is q.x.
  void ask(const float* queries, int rows, float* out, int64_t out_stride) const;
  // x [rows][padded] of latents, without the mean.
  void decode(const float* latents, int64_t stride, int rows, float* x) const;

 private:
  void gather(const float* x, int rows, float* out, int64_t out_stride) const;

  int channels_, padded_, rank_;
  Isa isa_;
  std::vector<float> mean_;       // [padded]
  std::vector<uint16_t> kept_;    // [rank] channels
  std::vector<uint16_t> encode_;  // [padded][rank] f16
  std::vector<uint16_t> decode_;  // [rank][padded]
  std::vector<uint16_t> ask_;     // [padded][rank]: decode, transposed; empty where that is encode_
};

}  // namespace kvcompress
