#include "codec/projected/head_map.h"

#include <algorithm>  // std::clamp, std::fill_n, std::copy
#include <stdexcept>  // std::logic_error

#include "codec/f16.h"                    // f16_from_f32, f32_from_f16
#include "codec/page_form.h"              // padded_head_dim
#include "codec/projected/half_matrix.h"  // half_product

namespace kvcompress {
namespace {

uint16_t half(float x) { return f16_from_f32(std::clamp(x, -kF16Max, kF16Max)); }

void check(bool fits) {
  if (!fits) throw std::logic_error("[store] a projection's arrays must fit its channels and rank");
}

}  // namespace

HeadMap::HeadMap(const ProjectionSide& side, Isa isa)
    : channels_(side.channels), padded_(padded_head_dim(side.channels)), rank_(side.rank), isa_(isa) {
  check(rank_ >= 1 && rank_ <= channels_ && side.mean.size() == static_cast<size_t>(channels_));
  mean_ = side.mean;
  mean_.resize(static_cast<size_t>(padded_));
  if (!side.kept.empty()) {
    check(side.kept.size() == static_cast<size_t>(rank_));
    for (const int32_t channel : side.kept) check(channel >= 0 && channel < channels_);
    kept_.assign(side.kept.begin(), side.kept.end());
    return;
  }
  const size_t count = static_cast<size_t>(channels_) * rank_, padded_count = size_t{1} * padded_ * rank_;
  check(side.encode.size() == count && side.decode.size() == count);
  encode_.resize(padded_count);
  decode_.resize(padded_count);
  ask_.resize(padded_count);
  for (int c = 0; c < channels_; ++c) {
    for (int r = 0; r < rank_; ++r) {
      encode_[c * rank_ + r] = half(side.encode[c * rank_ + r]);
      decode_[r * padded_ + c] = ask_[c * rank_ + r] = half(side.decode[r * channels_ + c]);
    }
  }
  if (ask_ == encode_) ask_ = {};
}

size_t HeadMap::bytes() const {
  return sizeof(float) * mean_.size() +
         sizeof(uint16_t) * (kept_.size() + encode_.size() + decode_.size() + ask_.size());
}

ProjectionSide HeadMap::side() const {
  ProjectionSide side;
  side.channels = channels_;
  side.rank = rank_;
  side.mean.assign(mean_.begin(), mean_.begin() + channels_);
  side.kept.assign(kept_.begin(), kept_.end());
  if (!kept_.empty()) return side;
  for (int i = 0; i < channels_ * rank_; ++i) side.encode.push_back(f32_from_f16(encode_[i]));
  for (int r = 0; r < rank_; ++r) {
    for (int c = 0; c < channels_; ++c) side.decode.push_back(f32_from_f16(decode_[r * padded_ + c]));
  }
  return side;
}

void HeadMap::gather(const float* x, int rows, float* out, int64_t out_stride) const {
  for (int row = 0; row < rows; ++row) {
    for (int r = 0; r < rank_; ++r) out[row * out_stride + r] = x[int64_t{row} * padded_ + kept_[r]];
  }
}

void HeadMap::encode(const float* x, int rows, float* latents) const {
  if (!kept_.empty()) return gather(x, rows, latents, rank_);
  half_product(isa_)({encode_.data(), padded_, rank_, x, padded_, rows, latents, rank_, false, 0});
}

void HeadMap::ask(const float* queries, int rows, float* out, int64_t out_stride) const {
  if (!kept_.empty()) return gather(queries, rows, out, out_stride);
  const std::vector<uint16_t>& matrix = ask_.empty() ? encode_ : ask_;
  half_product(isa_)({matrix.data(), padded_, rank_, queries, padded_, rows, out, out_stride, false, 0});
}

void HeadMap::decode(const float* latents, int64_t stride, int rows, float* x) const {
  if (kept_.empty()) {
    half_product(isa_)({decode_.data(), rank_, padded_, latents, stride, rows, x, padded_, false, 0});
    return;
  }
  std::fill_n(x, int64_t{rows} * padded_, 0.0f);
  for (int row = 0; row < rows; ++row) {
    for (int r = 0; r < rank_; ++r) x[int64_t{row} * padded_ + kept_[r]] = latents[row * stride + r];
  }
}

}  // namespace kvcompress
