// Decoding of 128 weights (4 blocks of 32) of a row into unsigned codes, in AVX-512 registers. Included by
// *.isa.cc files only. Lane L (128 bits) of `low` holds elements 0..15 of block L, of `high` elements 16..31.
//
// A format F gives:
//   kUnits         units of 128 in a step: 1 for blocks of 32, 2 for super-blocks of 256
//   kStepBytes     bytes of a step
//   kind           how codes become values, see Kind
//   Header, header(steps, blocks)    what scales() needs of four rows' steps
//   codes(step, unit, blocks)        `blocks` < 4 in the last unit of a row: beyond them nothing is read,
//   codes are 0 scales(header, unit)             of four rows: element 4 L + j belongs to block L of row j
#pragma once

#include "compute/simd/intrinsics_x86.h"
#include "dense/block_formats.h"

namespace kvcompress::KVC_ISA {
namespace {

// What Scales::first (f) and Scales::second (s) mean.
enum class Kind {
  centred,  // f * (q - kOffset)
  minimum,  // f * q + s
  halves,   // f * (q - kOffset) in elements 0..15 of a block, s * (q - kOffset) in 16..31
};

struct Scales {
  __m512 first, second;
};

struct Codes {
  __m512i low, high;
};

using Steps = const uint8_t* const (&)[4];

inline __m512i nibble_mask() { return _mm512_set1_epi8(15); }

inline Codes split_nibbles(__m512i nibbles) {
  return {_mm512_and_si512(nibbles, nibble_mask()),
          _mm512_and_si512(_mm512_srli_epi16(nibbles, 4), nibble_mask())};
}

// The 16-bit words of a unit of four small blocks, 32..48 words, in two overlapping registers.
struct Words {
  __m512i first, last;  // words 0..31; the unit's last 32 words

  template <int kUnitWords>
  static Words load(const uint8_t* p, int blocks) {
    constexpr int kSkip = kUnitWords - 32;
    if (blocks == 4) return {_mm512_loadu_si512(p), _mm512_loadu_si512(p + 2 * kSkip)};
    const uint64_t present = (uint64_t{1} << (kUnitWords / 4 * blocks)) - 1;
    return {_mm512_maskz_loadu_epi16(static_cast<__mmask32>(present), p),
            _mm512_maskz_loadu_epi16(static_cast<__mmask32>(present >> kSkip), p + 2 * kSkip)};
  }

  __m512i pick(__m512i index) const { return _mm512_permutex2var_epi16(first, index, last); }
};

// Index vectors for Words::pick, built at compile time.
struct alignas(64) WordIndex {
  uint16_t word[32];
  __m512i vector() const { return _mm512_load_si512(word); }
};

template <int kUnitWords>
constexpr uint16_t index_of(int word) {
  return static_cast<uint16_t>(word < 32 ? word : 32 + word - (kUnitWords - 32));
}

// Word `offset + i % 8` of block L in word i of lane L: sixteen bytes of nibbles.
template <int kUnitWords>
constexpr WordIndex nibble_index(int offset) {
  WordIndex index{};
  for (int i = 0; i < 32; ++i)
    index.word[i] = index_of<kUnitWords>(kUnitWords / 4 * (i / 8) + offset + i % 8);
  return index;
}

// Four times word `offset`, four times word `offset + 1`: the high bits.
template <int kUnitWords>
constexpr WordIndex bits_index(int offset) {
  WordIndex index{};
  for (int i = 0; i < 32; ++i)
    index.word[i] = index_of<kUnitWords>(kUnitWords / 4 * (i / 8) + offset + i % 8 / 4);
  return index;
}

// Words 4 L + j: the scale of block L, for every j; words 16 + 4 L + j: the minimum.
template <int kUnitWords>
constexpr WordIndex scale_index(int scale, int minimum) {
  WordIndex index{};
  for (int i = 0; i < 32; ++i) {
    index.word[i] = index_of<kUnitWords>(kUnitWords / 4 * (i % 16 / 4) + (i < 16 ? scale : minimum));
  }
  return index;
}

// Formats of blocks of 32 with nibbles: `kBits` is the word of the high bits, or -1; `kMinimum` the word of
// the minimum, or -1.
template <int kBlockBytes, int kMinimum, int kBits, int kNibbles>
struct SmallBlocks {
  static constexpr int kUnits = 1;
  static constexpr int kStepBytes = 4 * kBlockBytes;
  static constexpr int kWords = kStepBytes / 2;
  static constexpr Kind kind = kMinimum < 0 ? Kind::centred : Kind::minimum;
  static constexpr float kOffset = kBits < 0 ? 8.0f : 16.0f;
  static constexpr WordIndex kNibbleIndex = nibble_index<kWords>(kNibbles);
  static constexpr WordIndex kBitsIndex = bits_index<kWords>(kBits < 0 ? 0 : kBits);
  static constexpr WordIndex kScaleIndex = scale_index<kWords>(0, kMinimum < 0 ? 0 : kMinimum);

  using Header = Scales;
  static Header header(Steps steps, int blocks) {
    __m512i words = _mm512_setzero_si512();
    for (int j = 0; j < 4; ++j) {
      const __m512i row = Words::load<kWords>(steps[j], blocks).pick(kScaleIndex.vector());
      words = _mm512_mask_mov_epi16(words, 0x11111111u << j, row);
    }
    Header header{_mm512_cvtph_ps(_mm512_castsi512_si256(words)), _mm512_setzero_ps()};
    if constexpr (kind == Kind::minimum) header.second = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(words, 1));
    return header;
  }

  static Scales scales(const Header& header, int) { return header; }

  static Codes codes(const uint8_t* step, int, int blocks) {
    const Words words = Words::load<kWords>(step, blocks);
    Codes codes = split_nibbles(words.pick(kNibbleIndex.vector()));
    if constexpr (kBits >= 0) {
      // Byte i of a lane gets the byte that holds bit i, then bit 4 if that bit is set.
      const __m512i bits = words.pick(kBitsIndex.vector());
      const __m512i which = _mm512_set1_epi64(static_cast<int64_t>(0x8040201008040201u));
      const __m512i low_bytes = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0101010101010101, 0));
      const __m512i high_bytes =
          _mm512_broadcast_i32x4(_mm_set_epi64x(0x0909090909090909, 0x0808080808080808));
      const __m512i sixteen = _mm512_set1_epi8(16);
      const __mmask64 low = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, low_bytes), which);
      const __mmask64 high = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, high_bytes), which);
      codes.low = _mm512_mask_add_epi8(codes.low, low, codes.low, sixteen);
      codes.high = _mm512_mask_add_epi8(codes.high, high, codes.high, sixteen);
    }
    return codes;
  }
};

using FormatQ4_0 = SmallBlocks<18, -1, -1, 1>;
using FormatQ4_1 = SmallBlocks<20, 1, -1, 2>;
using FormatQ5_0 = SmallBlocks<22, -1, 1, 3>;
using FormatQ5_1 = SmallBlocks<24, 1, 2, 4>;

struct FormatQ8_0 {
  static constexpr int kUnits = 1;
  static constexpr int kStepBytes = 4 * sizeof(BlockQ8_0);
  static constexpr Kind kind = Kind::centred;
  static constexpr float kOffset = 128.0f;  // codes are taken as unsigned

  using Header = Scales;
  static Header header(Steps steps, int blocks) {
    alignas(32) uint16_t words[16] = {};  // [block][row]
    for (int block = 0; block < blocks; ++block) {
      for (int j = 0; j < 4; ++j) {
        __builtin_memcpy(&words[4 * block + j], steps[j] + block * sizeof(BlockQ8_0), sizeof(uint16_t));
      }
    }
    return {_mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(words))), _mm512_setzero_ps()};
  }

  static Scales scales(const Header& header, int) { return header; }

  static __m512i gather(const uint8_t* first, int blocks) {
    const auto at = [&](int block) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(first + block * sizeof(BlockQ8_0)));
    };
    __m512i v = _mm512_castsi128_si512(at(0));
    if (blocks > 1) v = _mm512_inserti32x4(v, at(1), 1);
    if (blocks > 2) v = _mm512_inserti32x4(v, at(2), 2);
    if (blocks > 3) v = _mm512_inserti32x4(v, at(3), 3);
    return _mm512_xor_si512(v, _mm512_set1_epi8(static_cast<char>(0x80)));
  }

  static Codes codes(const uint8_t* step, int, int blocks) {
    return {gather(step + 2, blocks), gather(step + 18, blocks)};
  }
};

}  // namespace
}  // namespace kvcompress::KVC_ISA
