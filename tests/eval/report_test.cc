#include <gtest/gtest.h>

#include <algorithm>          // std::count
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/report/markdown.h"
#include "eval/report/page.h"
#include "eval/report/summary.h"
#include "support/hand_made_results.h"

namespace kvcompress {
namespace {

const SummaryRow& find(const std::vector<SummaryRow>& rows, const std::string& method,
                       const std::string& budget) {
  for (const SummaryRow& row : rows) {
    if (row.text("method") == method && row.text("budget") == budget) return row;
  }
  throw std::runtime_error("no row " + method);
}

TEST(Summary, HasFiguresWithPairedDifferences) {
  const std::vector<SummaryRow> rows = summarise(test::hand_made_rows());
  ASSERT_EQ(rows.size(), 7u);
  const SummaryRow& good = find(rows, "good", "25%");
  const Figure* score = good.figure("score");
  ASSERT_NE(score, nullptr);
  EXPECT_DOUBLE_EQ(score->value.mean, 90);
  EXPECT_DOUBLE_EQ(score->to_full->mean, -10);
  EXPECT_DOUBLE_EQ(score->to_random->mean, 40);
  EXPECT_EQ(beyond(*score->kind, score->to_random), 1);
  EXPECT_EQ(beyond(*score->kind, score->to_full), 0);  // one question of ten
  EXPECT_EQ(beyond(*score->kind, find(rows, "bad <&\"", "25%").figure("score")->to_random), -1);
  EXPECT_DOUBLE_EQ(good.ratio(), 4);
  EXPECT_FALSE(find(rows, "full", "").figure("score")->to_full);
}

TEST(Summary, TheLastOfEqualRowsCounts) {
  std::vector<Json> rows = test::hand_made_rows();
  rows.push_back(test::hand_made_row("good", "25%", 250000, 0.6, std::vector<double>(10, 20)));
  const std::vector<SummaryRow> summary = summarise(rows);
  EXPECT_EQ(summary.size(), 7u);
  EXPECT_DOUBLE_EQ(find(summary, "good", "25%").figure("score")->value.mean, 20);
}

TEST(Summary, CsvHasALineForEachRowAndQuotes) {
  const std::string csv = summary_csv(summarise(test::hand_made_rows()));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 8);
  EXPECT_NE(csv.find("\"bad <&\"\"\""), std::string::npos);
  EXPECT_NE(csv.find("claimed_score"), std::string::npos);
  const std::string header = csv.substr(0, csv.find('\n'));
  const auto commas = std::count(header.begin(), header.end(), ',');
  const size_t full = csv.find("by hand,m,needle,needles,full");
  const std::string line = csv.substr(full, csv.find('\n', full) - full);
  EXPECT_EQ(std::count(line.begin(), line.end(), ','), commas);
}

TEST(Markdown, HasTheTablesAndWhatNeedsAnExplanation) {
  const std::string page = results_markdown(summarise(test::hand_made_rows()), "kvcompress report DIR");
  EXPECT_NE(page.find("| good | 90.0 ["), std::string::npos) << page;
  EXPECT_NE(page.find("bad <&\" at 25% on needles, m: score, 0 to 100 is worse than random eviction"),
            std::string::npos);
  EXPECT_EQ(page.find("good at 25% on needles, m: score, 0 to 100 is"), std::string::npos);
  EXPECT_NE(page.find("66.5"), std::string::npos);
  EXPECT_NE(page.find("250.0 kB (4.0x), 4.00 bits"), std::string::npos);
}

TEST(Page, HoldsEverythingAndAsksForNothing) {
  const std::string page = results_page(summarise(test::hand_made_rows()), "a <title>");
  EXPECT_NE(page.find("a &lt;title&gt;"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("Mike Bostock"), std::string::npos);
  EXPECT_NE(page.find("Redistributions of source code must retain"), std::string::npos);
  EXPECT_NE(page.find("bad \\u003c&\\\""), std::string::npos);  // in the data, no tag can begin
  for (const char* wants : {"src=\"http", "href=\"http", "@import", "url(http"}) {
    EXPECT_EQ(page.find(wants), std::string::npos) << wants;
  }
  const std::vector<SummaryRow> rows = summarise(test::hand_made_rows());
  EXPECT_EQ(page_data(rows, "t").at("rows").size(), 7u);
}

}  // namespace
}  // namespace kvcompress
