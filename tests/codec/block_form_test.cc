#include "codec/block/block_form.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>  // UsageError

#include <cmath>  // std::abs

#include "codec/block/element.h"
#include "codec/block/layout.h"
#include "codec/scalar_pages.h"
#include "support/packed_forms.h"

namespace kvcompress {
namespace {

using Kind = BlockSettings::Element;

TEST(BlockForm, PayloadIsTheFormulaToTheByte) {
  for (const NamedForm& named : block_forms()) {
    const auto& s = std::get<BlockSettings>(named.settings);
    for (const int head_dim : {1, 16, 40, 48, 64, 80, 96, 100, 128, 256, 320}) {
      const int d = (head_dim + 15) / 16 * 16, block = s.block == 0 ? d : s.block;
      const int bits = element_of(s.keys).bits + element_of(s.values).bits;
      const int scale = s.scale == BlockSettings::Scale::f16 ? 2 : 1;
      const int bytes = 8 * d * bits + 128 * scale * ((d + block - 1) / block) +
                        (s.scale == BlockSettings::Scale::e4m3 ? 8 : 0);
      EXPECT_EQ(make_block_form(s, head_dim)->payload_bytes(), static_cast<size_t>((bytes + 63) / 64 * 64))
          << named.name << ", " << head_dim;
    }
  }
  // By hand, for 64 channels: ggml's blocks have 34 and 18 bytes for 32 numbers.
  EXPECT_EQ(make_block_form({.keys = Kind::int8, .values = Kind::int8, .block = 32}, 64)->payload_bytes(),
            size_t{64 * 4 * 34});
  EXPECT_EQ(make_block_form({.keys = Kind::int4, .values = Kind::int4, .block = 32}, 64)->payload_bytes(),
            size_t{64 * 4 * 18});
  EXPECT_EQ(make_block_form({}, 64)->payload_bytes(), size_t{64 * 2 * 66});
}

// Every code of a float comes back as itself, numbers between two as the nearer one, ties as the even one,
// and what is greater than all as the greatest.
TEST(BlockForm, FloatsRoundToNearestEven) {
  struct Row {
    Kind kind;
    int codes;  // of numbers of 0 or more
    float greatest, least;
  };
  for (const Row& row :
       {Row{Kind::e4m3, 0x7F, 448, 0x1p-9f}, {Kind::e5m2, 0x7C, 57344, 0x1p-16f}, {Kind::e2m1, 8, 6, 0.5f}}) {
    const Element& element = element_of(row.kind);
    const auto value = [&](int code) { return element.steps[code] * element.unit; };
    const int sign = 1 << (element.bits - 1);
    EXPECT_EQ(value(row.codes - 1), row.greatest);
    EXPECT_EQ(value(1), row.least);
    for (int code = 0; code < row.codes; ++code) {
      ASSERT_EQ(code_of(element, value(code)), code);
      ASSERT_EQ(code_of(element, -value(code)), code | sign);
      ASSERT_EQ(value(code | sign), -value(code));
      if (code + 1 == row.codes) break;
      const float middle = (value(code) + value(code + 1)) / 2;
      ASSERT_EQ(code_of(element, middle), code % 2 == 0 ? code : code + 1) << middle;
      ASSERT_EQ(code_of(element, std::nextafter(middle, 0.0f)), code);
      ASSERT_EQ(code_of(element, std::nextafter(middle, 1e9f)), code + 1);
    }
    EXPECT_EQ(code_of(element, 1e30f), row.codes - 1);
    EXPECT_EQ(code_of(element, -1e30f), (row.codes - 1) | sign);
    EXPECT_EQ(code_of(element, 1e-40f), 0);
  }
}

TEST(BlockForm, CodebooksTakeTheNearestLevel) {
  for (const Kind kind : {Kind::normal_2, Kind::normal_3, Kind::normal_4}) {
    const Element& element = element_of(kind);
    for (float x = -4; x <= 4; x += 0.013f) {
      const float taken = std::abs(element.steps[code_of(element, x)] * element.unit - x);
      for (int code = 0; code < 1 << element.bits; ++code) {
        ASSERT_LE(taken, std::abs(element.steps[code] * element.unit - x) + 1e-6f) << x;
      }
    }
  }
}

// The norm of a token comes back, whatever its levels.
TEST(BlockForm, CodebooksKeepNorms) {
  const auto form = make_block_form({.keys = Kind::normal_3, .values = Kind::normal_2, .rotated = true}, 80);
  const SealedPage sealed(*form, 7);
  for (const auto& [in, out] :
       {std::pair(&sealed.keys, &sealed.stored_keys), {&sealed.values, &sealed.stored_values}}) {
    for (size_t slot = 0; slot < kPageSlots; ++slot) {
      double before = 0, after = 0;
      for (size_t i = slot * 80; i < (slot + 1) * 80; ++i) {
        before += double{(*in)[i]} * (*in)[i];
        after += double{(*out)[i]} * (*out)[i];
      }
      ASSERT_NEAR(std::sqrt(after / before), 1, 0x1p-10);
    }
  }
}

// The greatest number of a block is worst off in the middle between 4 and 6; saturated from 8 it would lose
// a quarter.
TEST(BlockForm, FourBitFloatsDoNotSaturateInSilence) {
  for (const auto scale :
       {BlockSettings::Scale::f16, BlockSettings::Scale::e4m3, BlockSettings::Scale::e8m0}) {
    const auto form =
        make_block_form({.keys = Kind::e2m1, .values = Kind::e2m1, .scale = scale, .block = 16}, 16);
    for (float greatest = 1; greatest < 3; greatest += 0.01f) {
      std::vector<float> numbers(static_cast<size_t>(kPageSlots) * 16, 0.1f);
      for (size_t i = 0; i < numbers.size(); i += 16) numbers[i] = i % 32 == 0 ? greatest : -1.3f * greatest;
      const SealedPage sealed(*form, numbers, numbers);
      for (size_t i = 0; i < numbers.size(); i += 16) {
        ASSERT_NEAR(std::abs(sealed.stored_values[i] / numbers[i]), 1, 0.2001) << greatest;
      }
    }
  }
}

TEST(BlockForm, RefusesWhatCannotBe) {
  const auto refusal = [](const BlockSettings& settings, int head_dim) -> std::string {
    try {
      make_block_form(settings, head_dim);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal({.block = 32}, 16), "");
  EXPECT_NE(refusal({.block = 24}, 64).find("[store] expected blocks of 16, 32, 48, ... channels, got 24"),
            std::string::npos);
  EXPECT_NE(refusal({.block = -16}, 64), "");
  EXPECT_NE(refusal({}, 0).find("head dimension"), std::string::npos);
}

TEST(BlockForm, NamesTellWhatItIs) {
  EXPECT_EQ(make_block_form({}, 64)->name(), "e4m3");
  EXPECT_EQ(
      make_block_form({.keys = Kind::e2m1, .values = Kind::e2m1, .block = 16, .rotated = true}, 64)->name(),
      "rotated e2m1, blocks of 16");
  EXPECT_EQ(make_block_form({.keys = Kind::int8, .values = Kind::int8, .block = 32}, 64)->name(), "q8_0");
  EXPECT_EQ(make_block_form({.keys = Kind::normal_4, .values = Kind::normal_2, .rotated = true}, 64)->name(),
            "4-bit codebook keys, 2-bit codebook values");
}

}  // namespace
}  // namespace kvcompress
