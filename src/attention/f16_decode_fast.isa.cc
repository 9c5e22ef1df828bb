// Decode over f16 pages with BF16 products, as fast prefill takes them. With few query heads to a KV head,
// float32 keeps up with memory and stays; with more it would not.
#include "attention/f16_decode.h"

namespace kvcompress::KVC_ISA {

#if KVC_HAS_BF16_DOT

namespace {

// Keys and values come narrowed, at 2^-112 of their value. One part of that is made good in the other factor,
// the rest in the sum, so that neither can overflow and no product is lost as too small.
constexpr float kNarrowed = 0x1p-112f;
constexpr float kFactorScale = 0x1p64f;
constexpr float kSumScale = 0x1p48f;
static_assert(kNarrowedExponent + 64 + 48 == 0);

constexpr int kLeastGroup = 4;
constexpr int kMostQueryChannels = 4096;  // of a group; beyond, float32 has to do

struct Bf16Math {
  template <int kRows>
  struct Weights {
    KVC_INLINE_MEMBER explicit Weights(const float (&scores)[kRows][kPageSlots]) {
      const F32x16 scale = broadcast(kFactorScale);
      for (int r = 0; r < kRows; ++r) {
        for (int s = 0; s < kPageSlots; s += 2 * kLanes) {
          store_bf16_2(&rows[r][s], mul(load(&scores[r][s]), scale),
                       mul(load(&scores[r][s + kLanes]), scale));
        }
      }
    }
    alignas(64) uint16_t rows[kRows][kPageSlots];
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
      Bf16Pairs key[kGroups];
      for (int g = 0; g < kGroups; ++g) key[g] = narrow_pairs(keys + (g * padded + c) * kKeyGroup);
      for (int r = 0; r < kRows; ++r) {
        const Bf16Pairs q = broadcast_pair(pass.query_pairs + r * padded + c);
        for (int g = 0; g < kGroups; ++g) sums[r][g] = dot(key[g], q, sums[r][g]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int g = 0; g < kGroups; ++g) {
        store(&scores[r][(group + g) * kKeyGroup], mul(sums[r][g], broadcast(kSumScale)));
      }
    }
  }

  // partial[row][c ..] += weights[row] . values, for kWide vectors of channels from c on. Unwritten slots
  // count as 0: what they hold may not even be a number.
  template <int kRows, int kWide>
  KVC_INLINE void gather(const PagePass& pass, int c, const Weights<kRows>& weights) {
    alignas(64) static constexpr uint16_t kNothing[kWide * kLanes] = {};
    const int padded = pass.padded;
    const int stride = padded + kPartialTail;
    const uint16_t* values = page_values(*pass.page, padded) + c;
    F32x16 sums[kRows][kWide];
    for (int r = 0; r < kRows; ++r) {
      for (int w = 0; w < kWide; ++w) sums[r][w] = zero();
    }
    const int used = pass.page->used;
    for (int i = 0; i < kPageSlots / 2; ++i) {
      const int s = slot_at<2>(i);
      if (s >= used) continue;
      for (int w = 0; w < kWide; w += 2) {
        prefetch_values(pass, 2 * i, c + w * kLanes);
        prefetch_values(pass, 2 * i + 1, c + w * kLanes);
      }
      const uint16_t* even = values + s * padded;
      const uint16_t* odd = s + 1 < used ? even + padded : kNothing;
      Bf16Pairs value[kWide];
      if constexpr (kWide == 1) {
        const F32x16 scale = broadcast(kNarrowed);
        value[0] = pack_pairs(mul(load_f16(even), scale), mul(load_f16(odd), scale));
      } else {
        for (int w = 0; w < kWide; w += 2) narrow_pairs_2(even + w * kLanes, odd + w * kLanes, value + w);
      }
      for (int r = 0; r < kRows; ++r) {
        const Bf16Pairs weight = broadcast_pair(&weights.rows[r][s]);
        for (int w = 0; w < kWide; ++w) sums[r][w] = dot(value[w], weight, sums[r][w]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int w = 0; w < kWide; ++w) {
        float* sum = pass.partial + r * stride + c + w * kLanes;
        store(sum, fma(sums[r][w], broadcast(kSumScale), load(sum)));
      }
    }
  }
};

}  // namespace

void f16_decode_fast(const DecodePart& part, const AttentionShape& shape) {
  const int count = shape.group * padded_head_dim(shape.head_dim);
  if (shape.group < kLeastGroup || count > kMostQueryChannels) return f16_decode_exact(part, shape);
  alignas(64) uint16_t query_pairs[kMostQueryChannels];
  for (int i = 0; i < count; i += kLanes) {
    store_bf16(query_pairs + i, mul(load(part.query + i), broadcast(kFactorScale)));
  }
  decode<Bf16Math>(part, shape, query_pairs);
}

#else

void f16_decode_fast(const DecodePart& part, const AttentionShape& shape) { f16_decode_exact(part, shape); }

#endif

}  // namespace kvcompress::KVC_ISA
