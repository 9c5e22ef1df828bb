#include "cli/receipt_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

namespace kvcompress {
namespace {

Receipt example() {
  Receipt receipt;
  receipt.prompt_tokens = 7200;
  receipt.generated_tokens = 15;
  receipt.finish = FinishReason::stop;
  receipt.cache = {6'200'000, 6'100'000, 166'200'000, 19'300'000, 7214, {{96, 1480}, {260, 612}}};
  receipt.time = {12, 9310, 40, 8.4, 9.0, 118.2};
  return receipt;
}

TEST(ReceiptText, HasTheThreeLinesOfTheInterface) {
  EXPECT_EQ(receipt_text(example(), "snapkv, 512 tokens a head"),
            "kept     612 of 7,214 tokens a head on average (min 96, max 1,480) · 26.8x smaller: 166.2 MB -> "
            "6.2 MB · "
            "peak 19.3 MB\n"
            "speed    first token 9.31 s · then 118.2 tokens/s (median 8.4 ms, p95 9.0 ms)\n"
            "recipe   snapkv, 512 tokens a head\n");
}

TEST(ReceiptText, SaysSoWhenPagesOutweighAShortText) {
  Receipt receipt = example();
  receipt.cache.bytes_full = 3'100'000;
  EXPECT_NE(receipt_text(receipt, "full").find("2.0x larger (whole pages): 3.1 MB -> 6.2 MB"),
            std::string::npos);
}

TEST(ReceiptText, LeavesOutSpeedsThatWereNotMeasured) {
  Receipt receipt = example();
  receipt.generated_tokens = 1;
  EXPECT_EQ(receipt_text(receipt, "full").find("tokens/s"), std::string::npos);
  EXPECT_FALSE(run_json("m", "r", "", receipt)["time"].contains("tpot_ms"));
  receipt.generated_tokens = 0;
  EXPECT_NE(receipt_text(receipt, "full").find("no token was written"), std::string::npos);
  EXPECT_FALSE(run_json("m", "r", "", receipt)["time"].contains("ttft_ms"));
}

TEST(ReceiptText, JsonHasTheKeysOfTheInterface) {
  const Json json = run_json("model.gguf", "snapkv", "answer", example());
  for (const char* key : {"model", "recipe", "text", "finish_reason", "tokens", "time", "cache"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  for (const char* key : {"load_ms", "ttft_ms", "compress_ms", "tpot_ms", "tokens_per_second"}) {
    EXPECT_TRUE(json["time"].contains(key)) << key;
  }
  for (const char* key :
       {"bytes", "bytes_prompt", "bytes_full", "bytes_peak", "ratio", "tokens_seen", "kept"}) {
    EXPECT_TRUE(json["cache"].contains(key)) << key;
  }
  EXPECT_EQ(json["finish_reason"], "stop");
  EXPECT_EQ(json["tokens"]["generated"], 15);
  EXPECT_DOUBLE_EQ(json["time"]["tpot_ms"]["p95"], 9.0);
  EXPECT_NEAR(json["cache"]["ratio"].get<double>(), 166.2 / 6.2, 1e-9);
  EXPECT_EQ(json["cache"]["kept"][0][1], 1480);
}

TEST(ReceiptText, BytesThatAreNoTextBecomeReplacementCharacters) {
  EXPECT_EQ(dump(Json{{"text", "a\xff"}}, -1), "{\"text\":\"a\uFFFD\"}");
}

}  // namespace
}  // namespace kvcompress
