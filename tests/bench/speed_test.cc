#include "bench/speed.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "bench/speed_report.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

class Speed : public testing::Test {
 protected:
  Speed() {
    test::write_tiny_gguf({}, folder_.file("tiny.gguf"));
    engine_ = std::make_unique<Engine>(folder_.file("tiny.gguf"), EngineOptions{.threads = 1, .chunk = 64});
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(Speed, MeasuresEveryCell) {
  SpeedSettings settings{.depths = {0, 200}, .batches = {1, 3}, .decode_tokens = 4, .repetitions = 2};
  const Recipe full = resolve_recipe({"full", {}, ""}), small = resolve_recipe({"streaming_llm", {}, "64"});
  int64_t last_done = 0, last_total = 0;
  const auto results = measure_speed(*engine_, {full, small}, settings, [&](int64_t done, int64_t total) {
    EXPECT_EQ(done, last_done + 1);
    last_done = done, last_total = total;
  });
  EXPECT_EQ(last_done, last_total);
  ASSERT_EQ(results.size(), 8U);
  for (const SpeedResult& result : results) {
    EXPECT_GT(result.decode_tokens_per_second, 0);
    EXPECT_GE(result.tpot_p95_ms, result.tpot_median_ms);
    EXPECT_EQ(result.decode_steps, 8);
    EXPECT_EQ(result.ttft_ms > 0, result.depth > 0);
    EXPECT_EQ(result.cache.tokens_seen, result.depth + 4) << "each repetition starts at the depth";
    EXPECT_GT(result.decode.dense_s + result.decode.attention_s, 0);
    const bool evicts = result.recipe.compresses() && result.depth > 0;  // 4 tokens alone fit the budget
    EXPECT_EQ(result.prefill.compress_s > 0, evicts);
    EXPECT_LE(result.prefill.compress_s, result.prefill_wall_s);
  }
  EXPECT_EQ(results[3].recipe.name, "full");
  EXPECT_EQ(results[3].depth, 200);
  EXPECT_EQ(results[3].batch, 3);
  EXPECT_EQ(results[3].cache.kept[0][0], 204);
  EXPECT_EQ(results[7].cache.kept[0][0], 64);
  EXPECT_LT(results[7].cache.bytes, results[3].cache.bytes);
  EXPECT_EQ(engine_->memory().usage().bytes, 0U) << "every sequence is gone";
}

TEST_F(Speed, RefusesADepthBeyondTheContext) {
  SpeedSettings settings{.depths = {510}, .decode_tokens = 4};
  EXPECT_THROW(measure_speed(*engine_, {Recipe{}}, settings, {}), UsageError);
}

TEST_F(Speed, JsonHasTheKeysOfTheInterface) {
  SpeedSettings settings{.depths = {0, 100}, .batches = {1}, .decode_tokens = 3, .repetitions = 1};
  const auto results = measure_speed(*engine_, {Recipe{}}, settings, {});
  const MachineFacts machine{"a processor", 1, "scalar", 10, 100, 50};
  const Json json = speed_json(*engine_, machine, settings, results);
  for (const char* key : {"cpu", "threads", "instruction_set", "memory_gb_per_second"}) {
    EXPECT_TRUE(json["machine"].contains(key)) << key;
  }
  for (const char* key : {"version", "commit", "ggml"}) EXPECT_TRUE(json["build"].contains(key)) << key;
  ASSERT_EQ(json["results"].size(), 2U);
  EXPECT_FALSE(json["results"][0].contains("ttft_ms"));
  for (const char* key : {"recipe", "depth", "batch", "ttft_ms", "prefill_tokens_per_second",
                          "decode_tokens_per_second", "tpot_ms", "attention_gb_per_second", "cache"}) {
    EXPECT_TRUE(json["results"][1].contains(key)) << key;
  }
  EXPECT_NE(time_table(machine, results).find("attention"), std::string::npos);
}

TEST(MachineFactsTest, CountsAtLeastOneCore) { EXPECT_GE(physical_cores(), 1); }

}  // namespace
}  // namespace kvcompress
