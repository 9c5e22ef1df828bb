// What recipes that pack tokens say of the form, and what they refuse.
#include <gtest/gtest.h>
#include <kvcompress/error.h>  // UsageError

#include "policy/recipe.h"        // resolve_recipe
#include "policy/store_policy.h"  // BlockSettings

namespace kvcompress {
namespace {

BlockSettings block_settings(const std::string& preset, std::vector<std::string> overrides = {}) {
  const Recipe recipe = resolve_recipe({preset, std::move(overrides), ""});
  return std::get<BlockSettings>(recipe.store->packed(0, 0, 1));
}

std::string refusal(const std::string& preset, std::vector<std::string> overrides) {
  try {
    block_settings(preset, std::move(overrides));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Store, PresetsOfBlockFormsAreTheFormsTheyAreNamedAfter) {
  using enum BlockSettings::Element;
  using Scale = BlockSettings::Scale;
  EXPECT_EQ(block_settings("fp8"), (BlockSettings{.keys = e4m3, .values = e4m3}));
  EXPECT_EQ(block_settings("fp4"),
            (BlockSettings{.keys = e2m1, .values = e2m1, .scale = Scale::e4m3, .block = 16}));
  EXPECT_EQ(block_settings("q8_0"), (BlockSettings{.keys = int8, .values = int8, .block = 32}));
  EXPECT_EQ(block_settings("q4_0"), (BlockSettings{.keys = int4, .values = int4, .block = 32}));
  EXPECT_EQ(block_settings("codebook_4"),
            (BlockSettings{.keys = normal_4, .values = normal_4, .rotated = true}));
}

TEST(Store, EverySettingOfABlockFormChangesIt) {
  using enum BlockSettings::Element;
  EXPECT_EQ(block_settings("fp8", {"store.format=e5m2"}).keys, e5m2);
  EXPECT_EQ(block_settings("fp8", {"store.format=e5m2"}).values, e5m2);
  EXPECT_EQ(block_settings("fp8", {"store.block=48"}).block, 48);
  EXPECT_TRUE(block_settings("fp8", {"store.rotate=true"}).rotated);
  EXPECT_EQ(block_settings("fp4", {"store.block=32"}).block, 32);
  EXPECT_EQ(block_settings("fp4", {"store.scale=e8m0"}).scale, BlockSettings::Scale::e8m0);
  EXPECT_EQ(block_settings("fp4", {"store.scale=f16"}).scale, BlockSettings::Scale::f16);
  EXPECT_TRUE(block_settings("fp4", {"store.rotate=true"}).rotated);
  EXPECT_EQ(block_settings("codebook_4", {"store.key_bits=3"}).keys, normal_3);
  EXPECT_EQ(block_settings("codebook_4", {"store.value_bits=2"}).values, normal_2);
}

TEST(Store, RefusesBlocksThatCannotBe) {
  EXPECT_NE(refusal("fp8", {"store.block=24"}).find("block: expected a multiple of 16, or 0, got 24"),
            std::string::npos);
  EXPECT_NE(refusal("fp4", {"store.block=24"}).find("block: expected 16 or 32, got 24"), std::string::npos);
  EXPECT_NE(refusal("codebook_4", {"store.key_bits=5"}), "");
}

TEST(Store, DescriptionsSayWhatIsHeld) {
  const auto text = [](const std::string& preset, const std::vector<std::string>& overrides) {
    return resolve_recipe({preset, overrides, ""}).store->describe();
  };
  EXPECT_EQ(text("fp8", {}), "keys e4m3, values e4m3");
  EXPECT_EQ(text("fp4", {"store.rotate=true"}),
            "keys e2m1, values e2m1, e4m3 scales of 16 channels, rotated");
  EXPECT_EQ(text("q8_0", {}), "keys q8_0, values q8_0");
  EXPECT_EQ(text("codebook_4", {"store.value_bits=3"}), "keys 4 bit, values 3 bit, rotated, codebook");
}

}  // namespace
}  // namespace kvcompress
