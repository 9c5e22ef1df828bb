#include "codec/scalar/scalar_form.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>  // std::copy_n, std::fill_n
#include <vector>     // std::vector

#include "codec/scalar/encode.h"         // encode_plane, dither_numbers
#include "codec/scalar/head_rotation.h"  // HeadRotation, transpose
#include "codec/scalar/kernels.h"        // ScalarKernels, Contraction
#include "codec/scalar/layout.h"         // ScalarLayout

namespace kvcompress {
namespace {

enum Stream : uint32_t { kKeyDither = 1, kValueDither };  // of random numbers

// Numbers of a plane; kept by each thread.
float* scratch(size_t count) {
  static thread_local std::vector<float> sheet;
  if (sheet.size() < count) sheet.resize(count);
  return sheet.data();
}

class ScalarForm final : public PackedForm {
 public:
  ScalarForm(const ScalarSettings& settings, int head_dim, const ScalarKernels& kernels)
      : settings_(settings),
        head_dim_(head_dim),
        padded_(padded_head_dim(head_dim)),
        layout_(scalar_layout(settings, head_dim)),
        kernels_(kernels),
        key_rotation_(head_dim, settings.rotated && settings.rotated_keys, kernels),
        value_rotation_(head_dim, settings.rotated, kernels) {}

  std::string name() const override {
    const std::string bits =
        settings_.key_bits == settings_.value_bits
            ? fmt::format("{}-bit", settings_.key_bits)
            : fmt::format("{}-bit keys, {}-bit values", settings_.key_bits, settings_.value_bits);
    const char* rotated = !settings_.rotated ? "" : settings_.rotated_keys ? "rotated " : "values rotated, ";
    return fmt::format("{}{}{}", rotated, settings_.symmetric ? "symmetric " : "", bits);
  }
  int head_dim() const override { return head_dim_; }
  size_t payload_bytes() const override { return layout_.bytes; }

  void encode(std::byte* page, const float* keys, const float* values, uint64_t seed) const override;
  void load(const std::byte* page, int slot, float* key, float* value) const override;
  void load_page(const std::byte* page, float* keys, float* values) const override;

  size_t query_bytes(int group) const override { return group * (row_bytes() + rounded_row_bytes()); }
  void prepare(const float* queries, int group, Precision precision, std::byte* out) const override;
  void score(const std::byte* page, const std::byte* queries, int group, Precision precision, float* logits,
             const std::byte* ahead) const override;
  int sum_floats() const override { return padded_; }
  void accumulate(const std::byte* page, const float* weights, int group, Precision precision, float* sums,
                  const std::byte* ahead) const override;
  void finish(const float* sums, int group, float* out) const override;

 private:
  size_t row_bytes() const { return sizeof(float) * padded_; }
  // Queries are rounded once, where the scales are not of their channels.
  size_t rounded_row_bytes() const {
    return layout_.keys.axis == Axis::lane && kernels_.round_row != nullptr
               ? layout_.keys.runs * rounded_block(layout_.keys)
               : 0;
  }
  void encode_keys(std::byte* page, const float* keys, uint64_t seed) const;
  void encode_values(std::byte* page, const float* values, uint64_t seed) const;
  void load_one(const PlaneView& view, int lane_step, int depth_step, int slot, const HeadRotation& rotation,
                float* out) const;
  void contract(const Contraction& contraction, Precision precision) const;

  const ScalarSettings settings_;
  const int head_dim_, padded_;
  const ScalarLayout layout_;
  const ScalarKernels& kernels_;
  const HeadRotation key_rotation_, value_rotation_;
};

// Channels beyond head_dim repeat the last one, so that they do not widen a range.
void ScalarForm::encode_keys(std::byte* page, const float* keys, uint64_t seed) const {
  const Plane& plane = layout_.keys;
  float* x = scratch(static_cast<size_t>(padded_) * kPageSlots);
  transpose(keys, kPageSlots, head_dim_, head_dim_, x, kPageSlots);
  key_rotation_.columns(x, kPageSlots, false);
  const float* last = x + static_cast<int64_t>(head_dim_ - 1) * kPageSlots;
  for (int c = head_dim_; c < padded_; ++c) std::copy_n(last, kPageSlots, x + c * kPageSlots);
  std::vector<float> dither;
  if (settings_.stochastic) {
    dither = dither_numbers(seed, kKeyDither, static_cast<size_t>(padded_) * kPageSlots);
  }
  encode_plane(kernels_, plane, x, settings_.stochastic ? dither.data() : nullptr, page + layout_.key_codes,
               reinterpret_cast<uint16_t*>(page + layout_.key_scales),
               reinterpret_cast<uint16_t*>(page + layout_.key_minima));
}

void ScalarForm::encode_values(std::byte* page, const float* values, uint64_t seed) const {
  const Plane& plane = layout_.values;
  float* x = scratch(static_cast<size_t>(padded_) * kPageSlots);
  value_rotation_.rows(values, kPageSlots, head_dim_, false, x, padded_);
  for (int slot = 0; slot < kPageSlots && head_dim_ < padded_; ++slot) {
    float* row = x + static_cast<int64_t>(slot) * padded_;
    std::fill_n(row + head_dim_, padded_ - head_dim_, row[head_dim_ - 1]);
  }
  std::vector<float> dither;
  if (settings_.stochastic) {
    dither = dither_numbers(seed, kValueDither, static_cast<size_t>(padded_) * kPageSlots);
  }
  encode_plane(kernels_, plane, x, settings_.stochastic ? dither.data() : nullptr, page + layout_.value_codes,
               reinterpret_cast<uint16_t*>(page + layout_.value_scales),
               reinterpret_cast<uint16_t*>(page + layout_.value_minima));
}

void ScalarForm::encode(std::byte* page, const float* keys, const float* values, uint64_t seed) const {
  std::fill_n(page + layout_.bytes - kLineBytes, kLineBytes, std::byte{0});
  encode_keys(page, keys, seed);
  encode_values(page, values, seed);
}

// A slot's channels; the slot is the lane of keys and the depth of values.
void ScalarForm::load_one(const PlaneView& view, int lane_step, int depth_step, int slot,
                          const HeadRotation& rotation, float* out) const {
  for (int c = 0; c < head_dim_; ++c) {
    const int lane = lane_step * c + depth_step * slot, depth = depth_step * c + lane_step * slot;
    out[c] = number_at(view, lane, depth);
  }
  rotation.row(out, true);
}

void ScalarForm::load(const std::byte* page, int slot, float* key, float* value) const {
  if (key != nullptr) load_one(keys_of(layout_, page), 0, 1, slot, key_rotation_, key);
  if (value != nullptr) load_one(values_of(layout_, page), 1, 0, slot, value_rotation_, value);
}

void ScalarForm::load_page(const std::byte* page, float* keys, float* values) const {
  float* x = scratch(static_cast<size_t>(padded_) * kPageSlots);
  if (keys != nullptr) {
    kernels_.unpack(keys_of(layout_, page), x);
    key_rotation_.columns(x, kPageSlots, true);
    transpose(x, head_dim_, kPageSlots, kPageSlots, keys, head_dim_);
  }
  if (values != nullptr) {
    kernels_.unpack(values_of(layout_, page), x);
    value_rotation_.rows(x, kPageSlots, padded_, true, values, head_dim_);
  }
}

void ScalarForm::prepare(const float* queries, int group, Precision precision, std::byte* out) const {
  float* rows = reinterpret_cast<float*>(out);
  key_rotation_.rows(queries, group, padded_, false, rows, padded_);
  for (int g = 0; g < group; ++g) {
    std::fill_n(rows + static_cast<int64_t>(g) * padded_ + head_dim_, padded_ - head_dim_, 0.0f);
  }
  const size_t rounded = rounded_row_bytes();
  if (rounded == 0 || precision == Precision::exact) return;
  for (int g = 0; g < group; ++g) {
    kernels_.round_row(layout_.keys, rows + static_cast<int64_t>(g) * padded_,
                       out + group * row_bytes() + g * rounded);
  }
}

void ScalarForm::contract(const Contraction& contraction, Precision precision) const {
  const bool fast = precision == Precision::fast && kernels_.contract_fast != nullptr;
  fast ? kernels_.contract_fast(contraction) : kernels_.contract(contraction);
}

void ScalarForm::score(const std::byte* page, const std::byte* queries, int group, Precision precision,
                       float* logits, const std::byte* ahead) const {
  contract({.x = keys_of(layout_, page),
            .left = reinterpret_cast<const float*>(queries),
            .left_stride = padded_,
            .rounded = rounded_row_bytes() != 0 ? queries + group * row_bytes() : nullptr,
            .rows = group,
            .out = logits,
            .out_stride = kPageSlots,
            .add = false,
            .weights = false,
            .ahead = ahead != nullptr ? ahead - page : 0},
           precision);
}

void ScalarForm::accumulate(const std::byte* page, const float* weights, int group, Precision precision,
                            float* sums, const std::byte* ahead) const {
  contract({.x = values_of(layout_, page),
            .left = weights,
            .left_stride = kPageSlots,
            .rounded = nullptr,
            .rows = group,
            .out = sums,
            .out_stride = padded_,
            .add = true,
            .weights = true,
            .ahead = ahead != nullptr ? ahead - page : 0},
           precision);
}

void ScalarForm::finish(const float* sums, int group, float* out) const {
  value_rotation_.rows(sums, group, padded_, true, out, padded_);
  for (int g = 0; g < group; ++g) {
    std::fill_n(out + static_cast<int64_t>(g) * padded_ + head_dim_, padded_ - head_dim_, 0.0f);
  }
}

}  // namespace

std::unique_ptr<PackedForm> make_scalar_form(const ScalarSettings& settings, int head_dim, Isa isa) {
  scalar_layout(settings, head_dim);  // refuses before anything is sized by head_dim
  return std::make_unique<ScalarForm>(settings, head_dim, scalar_kernels(isa));
}

size_t scalar_payload_bytes(const ScalarSettings& settings, int head_dim) {
  return scalar_layout(settings, head_dim).bytes;
}

}  // namespace kvcompress
