// The exact form: keys channel-major in groups of 16 slots, so that a query is multiplied into 16 logits at
// once, and values token-major, so that a weighted sum walks along memory.
#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::min
#include <cstring>    // std::memmove, std::memset
#include <vector>     // std::vector

#include "codec/f16_kernels.h"
#include "codec/page_form.h"

namespace kvcompress {
namespace {

class F16Form final : public PageForm {
 public:
  F16Form(int head_dim, const F16Kernels& kernels)
      : head_dim_(head_dim), padded_(padded_head_dim(head_dim)), kernels_(kernels) {}

  std::string_view name() const override { return "f16"; }
  int head_dim() const override { return head_dim_; }
  size_t payload_bytes() const override { return sizeof(uint16_t) * 2 * kPageSlots * padded_; }

  int store(std::byte* page, int slot, int rows, const float* keys, int64_t key_stride, const float* values,
            int64_t value_stride) const override {
    const bool keys_fit = store_keys(page, slot, rows, keys, key_stride);
    bool values_fit = true;
    for (int row = 0; row < rows; ++row) {
      values_fit &= kernels_.store_row(values + row * value_stride, head_dim_, value(page, slot + row));
    }
    if (keys_fit && values_fit) return -1;
    return first_unfit(rows, keys, key_stride, values, value_stride);
  }

  void clear(std::byte* page, int slot, int rows) const override {
    for (int s = slot; s < slot + rows; ++s) {
      uint16_t* channel = key(page, s);
      for (int c = 0; c < padded_; ++c) channel[c * kKeyGroup] = 0;
      std::memset(value(page, s), 0, sizeof(uint16_t) * padded_);
    }
  }

  void load(const std::byte* page, int slot, float* key_out, float* value_out) const override {
    if (key_out != nullptr) {
      const uint16_t* channel = key(page, slot);
      uint16_t block[kBlock];
      for (int begin = 0; begin < head_dim_; begin += kBlock) {
        const int count = std::min(kBlock, head_dim_ - begin);
        for (int c = 0; c < count; ++c) block[c] = channel[(begin + c) * kKeyGroup];
        kernels_.load_row(block, count, key_out + begin);
      }
    }
    if (value_out != nullptr) kernels_.load_row(value(page, slot), head_dim_, value_out);
  }

  void copy(std::byte* to_page, int to_slot, const std::byte* from_page, int from_slot) const override {
    uint16_t* to = key(to_page, to_slot);
    const uint16_t* from = key(from_page, from_slot);
    for (int c = 0; c < padded_; ++c) to[c * kKeyGroup] = from[c * kKeyGroup];
    std::memmove(value(to_page, to_slot), value(from_page, from_slot), sizeof(uint16_t) * padded_);
  }

  void load_page(const std::byte* page, float* keys, float* values) const override {
    if (keys != nullptr) {
      std::vector<float> group(static_cast<size_t>(padded_) * kKeyGroup);
      for (int first = 0; first < kPageSlots; first += kKeyGroup) {
        kernels_.load_row(key(page, first), padded_ * kKeyGroup, group.data());
        for (int slot = 0; slot < kKeyGroup; ++slot) {
          float* out = keys + static_cast<int64_t>(first + slot) * head_dim_;
          for (int c = 0; c < head_dim_; ++c) out[c] = group[c * kKeyGroup + slot];
        }
      }
    }
    for (int slot = 0; values != nullptr && slot < kPageSlots; ++slot) {
      kernels_.load_row(value(page, slot), head_dim_, values + static_cast<int64_t>(slot) * head_dim_);
    }
  }

 private:
  static constexpr int kBlock = 64;  // channels converted at a time where they do not lie side by side

  // Channel c of a slot's key is at key(page, slot)[c * kKeyGroup].
  uint16_t* key(std::byte* page, int slot) const {
    return reinterpret_cast<uint16_t*>(page) + slot / kKeyGroup * (padded_ * kKeyGroup) + slot % kKeyGroup;
  }
  const uint16_t* key(const std::byte* page, int slot) const {
    return key(const_cast<std::byte*>(page), slot);
  }
  uint16_t* value(std::byte* page, int slot) const {
    return reinterpret_cast<uint16_t*>(page) + (kPageSlots + slot) * padded_;
  }
  const uint16_t* value(const std::byte* page, int slot) const {
    return value(const_cast<std::byte*>(page), slot);
  }

  bool store_keys(std::byte* page, int slot, int rows, const float* keys, int64_t stride) const {
    bool fit = true;
    for (int row = 0; row < rows;) {
      if ((slot + row) % kKeyGroup == 0 && rows - row >= kKeyGroup) {
        fit &= kernels_.store_transposed(keys + row * stride, stride, head_dim_, key(page, slot + row));
        row += kKeyGroup;
      } else {
        fit &= store_key(key(page, slot + row), keys + row * stride);
        ++row;
      }
    }
    return fit;
  }

  bool store_key(uint16_t* channel, const float* in) const {
    bool fit = true;
    uint16_t block[kBlock];
    for (int begin = 0; begin < head_dim_; begin += kBlock) {
      const int count = std::min(kBlock, head_dim_ - begin);
      fit &= kernels_.store_row(in + begin, count, block);
      for (int c = 0; c < count; ++c) channel[(begin + c) * kKeyGroup] = block[c];
    }
    return fit;
  }

  int first_unfit(int rows, const float* keys, int64_t key_stride, const float* values,
                  int64_t value_stride) const {
    uint16_t block[kBlock];
    for (int row = 0; row < rows; ++row) {
      for (int begin = 0; begin < head_dim_; begin += kBlock) {
        const int count = std::min(kBlock, head_dim_ - begin);
        if (!kernels_.store_row(keys + row * key_stride + begin, count, block)) return row;
        if (!kernels_.store_row(values + row * value_stride + begin, count, block)) return row;
      }
    }
    return -1;
  }

  const int head_dim_, padded_;
  const F16Kernels& kernels_;
};

}  // namespace

std::unique_ptr<PageForm> make_f16_form(int head_dim, Isa isa) {
  if (head_dim < 1) {
    throw UsageError(
        fmt::format("[f16] expected a head dimension of 1 or more, got {}; check the model", head_dim));
  }
  return std::make_unique<F16Form>(head_dim, f16_kernels(isa));
}

}  // namespace kvcompress
