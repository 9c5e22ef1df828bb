#include "codec/block/block_form.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>  // std::fill_n
#include <vector>     // std::vector

#include "codec/block/encode.h"          // encode_blocks
#include "codec/block/kernels.h"         // BlockKernels
#include "codec/block/layout.h"          // BlockLayout
#include "codec/scalar/head_rotation.h"  // HeadRotation, transpose
#include "codec/scalar/kernels.h"        // scalar_kernels

namespace kvcompress {
namespace {

// Numbers of a plane; kept by each thread.
float* scratch(size_t count) {
  static thread_local std::vector<float> sheet;
  if (sheet.size() < count) sheet.resize(count);
  return sheet.data();
}

class BlockForm final : public PackedForm {
 public:
  BlockForm(const BlockSettings& settings, int head_dim, Isa isa)
      : settings_(settings),
        head_dim_(head_dim),
        padded_(padded_head_dim(head_dim)),
        layout_(block_layout(settings, head_dim)),
        kernels_(block_kernels(isa)),
        rotation_(head_dim, settings.rotated, scalar_kernels(isa)) {}

  std::string name() const override;
  int head_dim() const override { return head_dim_; }
  size_t payload_bytes() const override { return layout_.bytes; }

  void encode(std::byte* page, const float* keys, const float* values, uint64_t seed) const override;
  void load(const std::byte* page, int slot, float* key, float* value) const override;
  void load_page(const std::byte* page, float* keys, float* values) const override;

  void prepare(const float* queries, int group, Precision precision, std::byte* out) const override;
  void score(const std::byte* page, const std::byte* queries, int group, Precision precision, float* logits,
             const std::byte* ahead) const override;
  void accumulate(const std::byte* page, const float* weights, int group, Precision precision, float* sums,
                  const std::byte* ahead) const override;
  void finish(const float* sums, int group, float* out) const override;

 private:
  // Rows of [padded_] floats, turned, and zero beyond head_dim.
  void turn(const float* in, int rows, int64_t stride, bool back, float* out) const;

  const BlockSettings settings_;
  const int head_dim_, padded_;
  const BlockLayout layout_;
  const BlockKernels& kernels_;
  const HeadRotation rotation_;
};

std::string BlockForm::name() const {
  const Element &keys = *layout_.keys.element, &values = *layout_.values.element;
  const bool normal = keys.family == Element::Family::normal;
  const std::string numbers = keys.kind == values.kind
                                  ? std::string(keys.name)
                                  : fmt::format("{} keys, {} values", keys.name, values.name);
  return fmt::format("{}{}{}", settings_.rotated && !normal ? "rotated " : "", numbers,
                     settings_.block != 0 && keys.family == Element::Family::floating
                         ? fmt::format(", blocks of {}", settings_.block)
                         : "");
}

void BlockForm::turn(const float* in, int rows, int64_t stride, bool back, float* out) const {
  rotation_.rows(in, rows, stride, back, out, padded_);
  for (int row = 0; row < rows; ++row) {
    std::fill_n(out + static_cast<int64_t>(row) * padded_ + head_dim_, padded_ - head_dim_, 0.0f);
  }
}

void BlockForm::encode(std::byte* page, const float* keys, const float* values, uint64_t) const {
  std::fill_n(page + layout_.bytes - kLineBytes, kLineBytes, std::byte{0});
  std::byte* page_scales = page + layout_.page_scales;
  float* rows = scratch(static_cast<size_t>(padded_) * kPageSlots);
  turn(keys, kPageSlots, head_dim_, false, rows);
  encode_blocks(layout_.keys, rows, head_dim_, page, page + layout_.key_scales, page_scales);
  turn(values, kPageSlots, head_dim_, false, rows);
  encode_blocks(layout_.values, rows, head_dim_, page + layout_.value_codes, page + layout_.value_scales,
                page_scales + sizeof(float));
}

void BlockForm::load(const std::byte* page, int slot, float* key, float* value) const {
  if (key != nullptr) {
    const BlockView view = keys_of(layout_, page);
    for (int c = 0; c < head_dim_; ++c) key[c] = number_at(view, slot, c);
    rotation_.row(key, true);
  }
  if (value != nullptr) {
    const BlockView view = values_of(layout_, page);
    for (int c = 0; c < head_dim_; ++c) value[c] = number_at(view, c, slot);
    rotation_.row(value, true);
  }
}

void BlockForm::load_page(const std::byte* page, float* keys, float* values) const {
  float* x = scratch(static_cast<size_t>(padded_) * kPageSlots);
  if (keys != nullptr) {
    kernels_.unpack(keys_of(layout_, page), x);
    rotation_.columns(x, kPageSlots, true);
    transpose(x, head_dim_, kPageSlots, kPageSlots, keys, head_dim_);
  }
  if (values != nullptr) {
    kernels_.unpack(values_of(layout_, page), x);
    rotation_.rows(x, kPageSlots, padded_, true, values, head_dim_);
  }
}

void BlockForm::prepare(const float* queries, int group, Precision, std::byte* out) const {
  turn(queries, group, padded_, false, reinterpret_cast<float*>(out));
}

void BlockForm::score(const std::byte* page, const std::byte* queries, int group, Precision, float* logits,
                      const std::byte* ahead) const {
  kernels_.contract({.x = keys_of(layout_, page),
                     .left = reinterpret_cast<const float*>(queries),
                     .left_stride = padded_,
                     .rows = group,
                     .out = logits,
                     .out_stride = kPageSlots,
                     .add = false,
                     .ahead = ahead != nullptr ? ahead - page : 0});
}

void BlockForm::accumulate(const std::byte* page, const float* weights, int group, Precision, float* sums,
                           const std::byte* ahead) const {
  kernels_.contract({.x = values_of(layout_, page),
                     .left = weights,
                     .left_stride = kPageSlots,
                     .rows = group,
                     .out = sums,
                     .out_stride = padded_,
                     .add = true,
                     .ahead = ahead != nullptr ? ahead - page : 0});
}

void BlockForm::finish(const float* sums, int group, float* out) const {
  turn(sums, group, padded_, true, out);
}

}  // namespace

std::unique_ptr<PackedForm> make_block_form(const BlockSettings& settings, int head_dim, Isa isa) {
  block_layout(settings, head_dim);  // refuses before anything is sized by head_dim
  return std::make_unique<BlockForm>(settings, head_dim, isa);
}

}  // namespace kvcompress
