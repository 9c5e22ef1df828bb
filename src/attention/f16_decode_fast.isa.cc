// Decode over f16 pages with BF16 products, as fast prefill takes them: with four query heads or more to a KV
// head, float32 multiply-adds would be slower than memory.
#include "attention/f16_decode.h"

namespace kvcompress::KVC_ISA {

#if KVC_HAS_BF16_DOT

namespace {

constexpr int kMostQueryChannels = 4096;  // of a group; beyond, float32 has to do

struct Bf16Math {
  template <int kRows>
  struct Weights {
    KVC_INLINE_MEMBER explicit Weights(const float (&scores)[kRows][kPageSlots]) {
      for (int r = 0; r < kRows; ++r) {
        for (int s = 0; s < kPageSlots; s += 2 * kLanes) {
          store_bf16_2(&rows[r][s], load(&scores[r][s]), load(&scores[r][s + kLanes]));
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
      for (int g = 0; g < kGroups; ++g) {
        const uint16_t* from = keys + (g * padded + c) * kKeyGroup;
        key[g] = pack_pairs(load_f16(from), load_f16(from + kKeyGroup));
      }
      for (int r = 0; r < kRows; ++r) {
        const Bf16Pairs q = broadcast_pair(pass.query_pairs + r * padded + c);
        for (int g = 0; g < kGroups; ++g) sums[r][g] = dot(key[g], q, sums[r][g]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int g = 0; g < kGroups; ++g) store(&scores[r][(group + g) * kKeyGroup], sums[r][g]);
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
      for (int w = 0; w < kWide; ++w) sums[r][w] = load(pass.partial + r * stride + c + w * kLanes);
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
      for (int w = 0; w < kWide; ++w)
        value[w] = pack_pairs(load_f16(even + w * kLanes), load_f16(odd + w * kLanes));
      for (int r = 0; r < kRows; ++r) {
        const Bf16Pairs weight = broadcast_pair(&weights.rows[r][s]);
        for (int w = 0; w < kWide; ++w) sums[r][w] = dot(value[w], weight, sums[r][w]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int w = 0; w < kWide; ++w) store(pass.partial + r * stride + c + w * kLanes, sums[r][w]);
    }
  }
};

}  // namespace

void f16_decode_fast(const DecodePart& part, const AttentionShape& shape) {
  const int count = shape.group * padded_head_dim(shape.head_dim);
  if (count > kMostQueryChannels) return f16_decode_exact(part, shape);
  alignas(64) uint16_t query_pairs[kMostQueryChannels];
  for (int i = 0; i < count; i += kLanes) store_bf16(query_pairs + i, load(part.query + i));
  decode<Bf16Math>(part, shape, query_pairs);
}

#else

void f16_decode_fast(const DecodePart& part, const AttentionShape& shape) { f16_decode_exact(part, shape); }

#endif

}  // namespace kvcompress::KVC_ISA
