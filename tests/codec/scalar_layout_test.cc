#include <gtest/gtest.h>
#include <kvcompress/error.h>  // UsageError

#include <string>  // std::string
#include <vector>  // std::vector

#include "base/random.h"  // Random
#include "codec/scalar/layout.h"
#include "codec/scalar/scalar_form.h"  // make_scalar_form, scalar_payload_bytes
#include "codec/scalar_pages.h"

namespace kvcompress {
namespace {

using enum ScalarSettings::KeyAxis;

TEST(ScalarLayout, PayloadIsTheFormulaToTheByte) {
  for (const int head_dim : {1, 16, 40, 64, 80, 96, 100, 128, 256, 320}) {
    const int d = padded_head_dim(head_dim);
    for (const int key_bits : {2, 3, 4, 8}) {
      for (const int value_bits : {2, 3, 4, 8}) {
        for (const bool symmetric : {false, true}) {
          for (const int tokens : {0, 16, 32, 64}) {  // 0: by token
            const ScalarSettings settings{.key_bits = key_bits,
                                          .value_bits = value_bits,
                                          .key_axis = tokens == 0 ? token : channel,
                                          .key_group = tokens,
                                          .value_group = tokens == 0 ? 16 : 0,
                                          .symmetric = symmetric};
            const int key_scales = tokens == 0 ? 64 : 64 * d / tokens,
                      value_scales = tokens == 0 ? 4 * d : 64;
            const int bytes =
                8 * d * (key_bits + value_bits) + 2 * (symmetric ? 1 : 2) * (key_scales + value_scales);
            EXPECT_EQ(scalar_payload_bytes(settings, head_dim), static_cast<size_t>((bytes + 63) / 64 * 64))
                << head_dim << ", " << describe(settings);
            EXPECT_EQ(make_scalar_form(settings, head_dim)->payload_bytes(),
                      scalar_payload_bytes(settings, head_dim));
          }
        }
      }
    }
  }
  // By hand: 64 channels of 4 bits, 64 + 64 scales and minima.
  EXPECT_EQ(scalar_payload_bytes({}, 64), size_t{4096 + 512});
  EXPECT_EQ(scalar_payload_bytes({.key_bits = 3, .value_bits = 2, .key_group = 32, .value_group = 32}, 128),
            size_t{5120 + 4 * 256 * 2});
}

TEST(ScalarLayout, EveryCodeHasAPlaceOfItsOwn) {
  for (const int bits : {2, 3, 4, 8}) {
    for (const auto& [lanes, depths] : {std::pair{64, 80}, {80, 64}, {64, 16}, {16, 64}}) {
      const Plane plane{bits, lanes, depths, Axis::depth, 16, lanes / 16, false};
      std::vector<std::byte> codes(code_bytes(plane));
      std::vector<int> written(static_cast<size_t>(lanes * depths));
      Random random(static_cast<uint64_t>(bits));
      for (int i = 0; i < lanes * depths; ++i) {
        written[static_cast<size_t>(i)] = static_cast<int>(random.below(1 << bits));
        set_code(plane, codes.data(), i % lanes, i / lanes, written[static_cast<size_t>(i)]);
      }
      for (int i = 0; i < lanes * depths; ++i) {
        ASSERT_EQ(code_at(plane, codes.data(), i % lanes, i / lanes), written[static_cast<size_t>(i)]);
      }
    }
  }
}

TEST(ScalarLayout, EveryScaleServesItsRun) {
  for (const Axis axis : {Axis::depth, Axis::lane}) {
    const Plane plane{4, 96, 64, axis, 32, axis == Axis::depth ? 3 : 2, false};
    std::vector<int> uses(scale_count(plane));
    for (int lane = 0; lane < plane.lanes; ++lane) {
      for (int depth = 0; depth < plane.depths; ++depth) {
        ++uses.at(static_cast<size_t>(scale_index(plane, lane, depth)));
      }
    }
    for (const int count : uses) EXPECT_EQ(count, plane.run);
  }
}

// The message of the error, or "" where there is none.
std::string refusal(const ScalarSettings& settings, int head_dim) {
  try {
    make_scalar_form(settings, head_dim);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(ScalarLayout, RefusesWhatItCannotHoldAndSaysWhatItCan) {
  EXPECT_EQ(refusal({}, 64), "");
  EXPECT_NE(refusal({.key_bits = 5}, 64).find("[store] expected 2, 3, 4 or 8 bits for keys, got 5"),
            std::string::npos);
  EXPECT_NE(refusal({.value_bits = 16}, 64).find("bits for values, got 16"), std::string::npos);
  EXPECT_NE(refusal({.key_group = 8}, 64).find("expected groups of 16, 32 or 64 tokens"), std::string::npos);
  EXPECT_NE(refusal({.key_group = 0}, 64).find("got 0"), std::string::npos);
  const std::string at_80 = refusal({.value_group = 32}, 80);
  EXPECT_NE(at_80.find("expected groups of 16, 80 channels for values"), std::string::npos) << at_80;
  EXPECT_NE(at_80.find("got 32"), std::string::npos) << at_80;
  EXPECT_NE(refusal({.key_axis = token, .key_group = 48}, 128).find("16, 32, 64, 128 channels for keys"),
            std::string::npos);
  EXPECT_NE(refusal({.value_group = -16}, 64), "");
  EXPECT_NE(refusal({.value_group = 128}, 64), "");
  EXPECT_NE(refusal({}, 0).find("head dimension"), std::string::npos);
}

TEST(ScalarLayout, NamesTellWhatItIs) {
  EXPECT_EQ(make_scalar_form({}, 64)->name(), "4-bit");
  EXPECT_EQ(make_scalar_form({.rotated = true}, 64)->name(), "rotated 4-bit");
  EXPECT_EQ(make_scalar_form({.key_bits = 8, .value_bits = 2, .symmetric = true}, 64)->name(),
            "symmetric 8-bit keys, 2-bit values");
}

}  // namespace
}  // namespace kvcompress
