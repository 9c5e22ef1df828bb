#include "cli/options.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <fstream>  // std::ofstream

#include "policy/calibration.h"
#include "support/fixtures.h"

namespace kvcompress {
namespace {

TEST(Options, ListsOfNumbers) {
  EXPECT_EQ(parse_list("--depth", "0,4096,8192", 0), (std::vector<int64_t>{0, 4096, 8192}));
  for (const char* wrong : {"", "1,", "a", "1;2", "-1", "1.5", "99999999999999999999"}) {
    EXPECT_THROW(parse_list("--depth", wrong, 0), UsageError) << wrong;
  }
  EXPECT_THROW(parse_list("--batch", "0", 1), UsageError);
}

TEST(Options, AGridIsEveryRecipeAtEveryBudgetAndFullOnce) {
  RecipeFlags flags;
  flags.recipe = "full,streaming_llm,snapkv";
  flags.budget = "128,50%";
  const auto grid = flags.grid();
  ASSERT_EQ(grid.size(), 5U);
  EXPECT_EQ(grid[0].recipe.name, "full");
  EXPECT_FALSE(grid[0].recipe.compresses());
  EXPECT_EQ(grid[0].budget, "");
  EXPECT_EQ(grid[1].recipe.name, "streaming_llm");
  EXPECT_EQ(grid[1].budget, "128");
  EXPECT_EQ(grid[1].recipe.budget.tokens, 128);
  EXPECT_EQ(grid[4].recipe.name, "snapkv");
  EXPECT_DOUBLE_EQ(grid[4].recipe.budget.share, 0.5);
}

TEST(Options, EveryRecipeGetsEveryProfile) {
  const test::TemporaryFolder folder;
  RecipeFlags flags;
  for (const char* kind : {"gate", "rank"}) {
    Calibration calibration;
    calibration.kind = kind;
    calibration.model = "m";
    calibration.model_hash = "00";
    calibration.data = "d";
    calibration.arrays["a"] = {{2}, {1, 2}};
    std::ofstream(folder.file(kind)) << calibration_json(calibration);
    flags.profiles.push_back(folder.file(kind));
  }
  flags.recipe = "full,streaming_llm";
  for (const auto& named : flags.grid()) {
    ASSERT_EQ(named.recipe.calibrations.size(), 2U);
    EXPECT_EQ(named.recipe.calibrations[1]->kind, "rank");
  }
  flags.profiles = {folder.file("absent")};
  EXPECT_THROW(flags.grid(), IoError);
}

TEST(Options, ValuesOutOfRangeAreRefused) {
  ModelFlags flags;
  EXPECT_THROW(flags.options(), UsageError) << "no model";
  flags.path = "model.gguf";
  EXPECT_NO_THROW(flags.options());
  flags.engine.threads = 0;
  EXPECT_THROW(flags.options(), UsageError);
  flags.engine.threads = 1;
  flags.precision = "double";
  EXPECT_THROW(flags.options(), UsageError);
}

}  // namespace
}  // namespace kvcompress
