// Decode over f16 pages with float32 products.
#include "attention/f16_decode.h"

namespace kvcompress::KVC_ISA {
namespace {

struct F32Math {
  template <int kRows>
  struct Weights {
    KVC_INLINE_MEMBER explicit Weights(const float (&scores)[kRows][kPageSlots]) : rows(scores) {}
    const float (&rows)[kRows][kPageSlots];
  };

  // scores[row][slot] = query . key for kGroups groups of 16 slots, starting with `group`.
  template <int kRows, int kGroups>
  KVC_INLINE void score(const PagePass& pass, int group, float (&scores)[kRows][kPageSlots]) {
    const int padded = pass.padded;
    const uint16_t* keys = page_keys(*pass.page) + group * padded * kKeyGroup;
    F32x16 sums[kRows][kGroups];
    for (int r = 0; r < kRows; ++r) {
      for (int g = 0; g < kGroups; ++g) sums[r][g] = zero();
    }
    for (int c = 0; c < padded; c += 2) {
      for (int g = 0; g < kGroups; ++g) prefetch_keys(pass, group * padded / 2 + c * kGroups / 2 + g);
      for (int odd = 0; odd < 2; ++odd) {
        F32x16 key[kGroups];
        for (int g = 0; g < kGroups; ++g) key[g] = load_f16(keys + (g * padded + c + odd) * kKeyGroup);
        for (int r = 0; r < kRows; ++r) {
          const F32x16 q = broadcast(pass.query[r * padded + c + odd]);
          for (int g = 0; g < kGroups; ++g) sums[r][g] = fma(key[g], q, sums[r][g]);
        }
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int g = 0; g < kGroups; ++g) store(&scores[r][(group + g) * kKeyGroup], sums[r][g]);
    }
  }

  // partial[row][c ..] += weights[row] . values, for kWide vectors of channels from c on. Unwritten slots are
  // not read: what they hold may not even be a number.
  template <int kRows, int kWide>
  KVC_INLINE void gather(const PagePass& pass, int c, const Weights<kRows>& weights) {
    const int padded = pass.padded;
    const int stride = padded + kPartialTail;
    const uint16_t* values = page_values(*pass.page, padded) + c;
    F32x16 sums[kRows][kWide];
    for (int r = 0; r < kRows; ++r) {
      for (int w = 0; w < kWide; ++w) sums[r][w] = load(pass.partial + r * stride + c + w * kLanes);
    }
    const int used = pass.page->used;
    for (int i = 0; i < kPageSlots; ++i) {
      const int s = slot_at<1>(i);
      if (s >= used) continue;
      for (int w = 0; w < kWide; w += 2) prefetch_values(pass, i, c + w * kLanes);
      F32x16 value[kWide];
      for (int w = 0; w < kWide; ++w) value[w] = load_f16(values + s * padded + w * kLanes);
      for (int r = 0; r < kRows; ++r) {
        const F32x16 weight = broadcast(weights.rows[r][s]);
        for (int w = 0; w < kWide; ++w) sums[r][w] = fma(value[w], weight, sums[r][w]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int w = 0; w < kWide; ++w) store(pass.partial + r * stride + c + w * kLanes, sums[r][w]);
    }
  }
};

}  // namespace

void f16_decode_exact(const DecodePart& part, const AttentionShape& shape) {
  decode<F32Math>(part, shape, nullptr);
}

}  // namespace kvcompress::KVC_ISA
