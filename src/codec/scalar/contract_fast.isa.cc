// Contractions with integer products: left factors, times the scales of depths, are rounded to bytes, and
// four codes go into a lane's sum at once. What codes count from is taken in float32, from their middle, so
// that rounding the factors errs by what codes differ from it, not by the codes.
#include <type_traits>  // std::conditional_t

#include "codec/scalar/contract.h"

namespace kvcompress::KVC_ISA {

#if KVC_HAS_BYTE_DOT

namespace {

constexpr int kChunkTiles = 4, kChunk = kChunkTiles * kTile;  // factors that go to bytes together
// Smaller factors than this count as 0: their reciprocal may be none.
constexpr float kNothing = 1e-30f;

struct Steps {
  float step, per_step;
};

// Weights are never negative, so that theirs are bytes without a sign, of half the step.
template <bool kWeights, int kParts>
KVC_INLINE Steps steps_for(F32x16 magnitudes) {
  constexpr float kRange = kWeights ? (kParts == 1 ? 255.0f : kGreatestPartsUnsigned)
                                    : (kParts == 1 ? 127.0f : kGreatestPartsSigned);
  const float greatest = reduce_max(magnitudes);
  if (!(greatest > kNothing)) return {0, 0};
  return {greatest / kRange, kRange / greatest};
}

template <bool kWeights>
KVC_INLINE F32x16 larger_magnitude(F32x16 magnitudes, F32x16 x) {
  const F32x16 larger = max(magnitudes, x);
  return kWeights ? larger : max(larger, sub(zero(), x));
}

// Rounds a chunk of factors to bytes, in vectors that factor(v) gives. Returns lanes of their sum.
template <bool kWeights, int kParts, class Factor>
KVC_INLINE I32x16 round_chunk(const Factor& factor, F32x16 per_step, int8_t* high, int8_t* low) {
  I32x16 q[kChunkTiles];
  each<kChunkTiles>([&](auto v) KVC_LAMBDA { q[v] = to_i32(mul(factor(v), per_step)); });
  if constexpr (kParts == 1) {
    kWeights ? store_unsigned_bytes(high, q[0], q[1], q[2], q[3])
             : store_signed_bytes(high, q[0], q[1], q[2], q[3]);
  } else {
    kWeights ? store_unsigned_parts(high, low, q[0], q[1], q[2], q[3])
             : store_signed_parts(high, low, q[0], q[1], q[2], q[3]);
  }
  return add(add(q[0], q[1]), add(q[2], q[3]));
}

// A product wants one factor with a sign and one without. Weights have none, so codes get one by counting
// from their middle; beside queries they have none, and what that adds is taken off again (shift).
template <bool kWeights>
struct ByteMath {
  static constexpr bool kCentred = true;
  template <int kRows>
  struct Folded {
    alignas(64) int8_t high[kRows][kFolded];
    alignas(64) int8_t low[kRows][kFolded];
    float step[kRows], shift[kRows], offsets[kRows];
  };

  template <int kBits, int kRows>
  KVC_INLINE void fold(const Contraction& c, const Part& part, int at, Folded<kRows>& folded) {
    constexpr int kParts = rounded_parts(kBits);
    F32x16 offsets[kRows], magnitudes[kRows];
    each<kRows>([&](auto r) KVC_LAMBDA { offsets[r] = magnitudes[r] = zero(); });
    const float* left = c.left + part.depth;
    for (int d = 0; d < part.depths; d += kTile) {
      const Scales s = math_scales<ByteMath, kBits>(c.x, at + d);
      each<kRows>([&](auto r) KVC_LAMBDA {
        const F32x16 x = load(left + r * c.left_stride + d);
        magnitudes[r] = larger_magnitude<kWeights>(magnitudes[r], mul(x, s.scale));
        offsets[r] = fma(x, s.base, offsets[r]);
      });
    }
    float per_step[kRows];
    I32x16 sums[kRows];
    each<kRows>([&](auto r) KVC_LAMBDA {
      const Steps steps = steps_for<kWeights, kParts>(magnitudes[r]);
      folded.step[r] = steps.step;
      folded.shift[r] = 0;
      per_step[r] = steps.per_step;
      sums[r] = broadcast_i32(0);
    });
    for (int d = 0; d < part.depths; d += kChunk) {
      F32x16 scales[kChunkTiles];
      each<kChunkTiles>([&](auto v) KVC_LAMBDA {
        const bool inside = d + v * kTile < part.depths;
        scales[v] = inside ? scales_at<kBits>(c.x, at + d + v * kTile).scale : zero();
      });
      each<kRows>([&](auto r) KVC_LAMBDA {
        const float* x = left + r * c.left_stride + d;
        const auto factor = [&](auto v) KVC_LAMBDA {
          return d + v * kTile < part.depths ? mul(load(x + v * kTile), scales[v]) : zero();
        };
        sums[r] = add(sums[r], round_chunk<kWeights, kParts>(factor, broadcast(per_step[r]),
                                                             folded.high[r] + d, folded.low[r] + d));
      });
    }
    each<kRows>([&](auto r) KVC_LAMBDA {
      const F32x16 centre = broadcast(-folded.step[r] * static_cast<float>(centre_code(kBits)));
      folded.offsets[r] = reduce_add(kWeights ? offsets[r] : fma(to_float(sums[r]), centre, offsets[r]));
    });
  }

  // What round_row() left. A run longer than kFolded comes in several takes; the first has its sums.
  template <int kBits, int kRows>
  KVC_INLINE void take(const Contraction& c, const Part& part, Folded<kRows>& folded) {
    const Plane& plane = *c.x.plane;
    const int block = rounded_block(plane), begin = part.depth - part.run * plane.run;
    for (int r = 0; r < kRows; ++r) {
      const std::byte* rounded = c.rounded + (int64_t{r} * plane.runs + part.run) * block;
      const float* header = reinterpret_cast<const float*>(rounded);
      folded.step[r] = header[0];
      folded.shift[r] = part.first ? header[1] : 0;
      folded.offsets[r] = part.first ? header[2] : 0;
      const std::byte* high = rounded + kLineBytes + begin;
      for (int d = 0; d < part.depths; d += kChunk) {
        store_i32(folded.high[r] + d, load_i32(high + d));
        if constexpr (rounded_parts(kBits) == 2) {
          store_i32(folded.low[r] + d, load_i32(high + line_up(plane.run) + d));
        }
      }
    }
  }

  // Factors of one part: bytes with bytes.
  struct BytesTimesBytes {
    using Sum = I32x16;
    static KVC_INLINE_MEMBER Sum none() { return broadcast_i32(0); }
    static KVC_INLINE_MEMBER I32x16 widened(I32x16 codes) { return codes; }
    static KVC_INLINE_MEMBER Sum add_product(I32x16 codes, const int8_t* high, const int8_t*, Sum sum) {
      const I32x16 factors = broadcast_quad(high);
      return kWeights ? dot(factors, codes, sum) : dot(codes, factors, sum);
    }
    static KVC_INLINE_MEMBER F32x16 number(Sum sum) { return to_float(sum); }
  };
  // Of two parts.
  struct BytesTimesParts {
    using Sum = PartSums;
    static KVC_INLINE_MEMBER Sum none() { return no_parts(); }
    static KVC_INLINE_MEMBER WideCodes widened(I32x16 codes) {
      return kWeights ? widen_signed(codes) : widen_unsigned(codes);
    }
    static KVC_INLINE_MEMBER Sum add_product(const WideCodes& codes, const int8_t* high, const int8_t* low,
                                             Sum sum) {
      const I32x16 first = broadcast_quad(high), second = broadcast_quad(low);
      return kWeights ? dot_parts_signed(codes, first, second, sum) : dot_parts(codes, first, second, sum);
    }
    static KVC_INLINE_MEMBER F32x16 number(const Sum& sum) { return sum_of_parts(sum); }
  };

  template <int kBits, int kRows, int kTiles>
  KVC_INLINE void multiply(const Contraction& c, const Part& part, int lane_tile, const Folded<kRows>& folded,
                           F32x16 (&sums)[kRows][kTiles]) {
    using Product = std::conditional_t<rounded_parts(kBits) == 2, BytesTimesParts, BytesTimesBytes>;
    const Tiles places(c.x);
    typename Product::Sum products[kRows][kTiles];
    each<kRows * kTiles>([&](auto i) KVC_LAMBDA { products[i / kTiles][i % kTiles] = Product::none(); });
    for (int d = 0; d < part.depths; d += kTile) {
      const int tile = lane_tile * places.depth_tiles + (part.depth + d) / kTile;
      for (int t = 0; t < kTiles; ++t) prefetch_tile<kBits>(places, tile + t * places.depth_tiles, c.ahead);
      const int quad_at = d / kChunk * kChunk + d % kChunk / 4;
      each<kQuads>([&](auto f) KVC_LAMBDA {
        decltype(Product::widened(I32x16())) codes[kTiles];
        each<kTiles>([&](auto t) KVC_LAMBDA {
          I32x16 quad = Codes<kBits>(places, tile + t * places.depth_tiles).quad(f);
          if constexpr (kWeights) quad = sub_bytes(quad, every_byte(centre_code(kBits)));
          codes[t] = Product::widened(quad);
        });
        each<kRows>([&](auto r) KVC_LAMBDA {
          const int at = quad_at + 16 * f;
          each<kTiles>([&](auto t) KVC_LAMBDA {
            products[r][t] =
                Product::add_product(codes[t], folded.high[r] + at, folded.low[r] + at, products[r][t]);
          });
        });
      });
    }
    each<kRows>([&](auto r) KVC_LAMBDA {
      const F32x16 step = broadcast(folded.step[r]), shift = broadcast(folded.shift[r]);
      each<kTiles>([&](auto t)
                       KVC_LAMBDA { sums[r][t] = fma(Product::number(products[r][t]), step, shift); });
    });
  }
};

template <int kParts>
KVC_INLINE void round_runs(const Plane& plane, const float* row, std::byte* out) {
  for (int run = 0; run < plane.runs; ++run, out += rounded_block(plane)) {
    const float* factors = row + run * plane.run;
    F32x16 magnitudes = zero(), total = zero();
    for (int d = 0; d < plane.run; d += kTile) {
      const F32x16 factor = load(factors + d);
      magnitudes = larger_magnitude<false>(magnitudes, factor);
      total = add(total, factor);
    }
    const Steps steps = steps_for<false, kParts>(magnitudes);
    int8_t* high = reinterpret_cast<int8_t*>(out + kLineBytes);
    I32x16 sum = broadcast_i32(0);
    for (int d = 0; d < plane.run; d += kChunk) {
      const auto factor = [&](auto v) KVC_LAMBDA {
        return d + v * kTile < plane.run ? load(factors + d + v * kTile) : zero();
      };
      sum = add(sum, round_chunk<false, kParts>(factor, broadcast(steps.per_step), high + d,
                                                high + line_up(plane.run) + d));
    }
    float* header = reinterpret_cast<float*>(out);
    header[0] = steps.step;
    header[1] = -steps.step * static_cast<float>(centre_code(plane.bits)) * reduce_add(to_float(sum));
    header[2] = reduce_add(total);
  }
}

}  // namespace

void scalar_contract_fast(const Contraction& contraction) {
  contraction.weights ? contract_with<ByteMath<true>>(contraction)
                      : contract_with<ByteMath<false>>(contraction);
}

void scalar_round_row(const Plane& plane, const float* row, std::byte* out) {
  rounded_parts(plane.bits) == 2 ? round_runs<2>(plane, row, out) : round_runs<1>(plane, row, out);
}

#endif

}  // namespace kvcompress::KVC_ISA
