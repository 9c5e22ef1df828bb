#include <filesystem>  // std::filesystem::absolute
#include <nlohmann/json.hpp>
#include <regex>  // std::regex

#include "cli/browser.h"
#include "cli/program.h"
#include "support/fixtures.h"  // TemporaryFolder
#include "support/hand_made_results.h"

namespace kvcompress::test {
namespace {

class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    KVC_SKIP_WITHOUT_PROGRAM();
    write_rows(hand_made_rows(), folder_.file("results.jsonl"));
  }
  std::string page() const { return folder_.file("report.html"); }
  Outcome report(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"report", folder_.path().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  TemporaryFolder folder_;
};

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) found++;
  return found;
}

std::string attribute(const std::string& document, const std::string& name) {
  std::smatch match;
  const bool found = std::regex_search(document, match, std::regex(name + "=\"([^\"]*)\""));
  return found ? match[1].str() : "";
}

// All of it, in both widths and both colour schemes.
TEST_F(ReportTest, RendersInABrowser) {
  if (browser_path().empty()) {
    GTEST_SKIP() << "needs Chromium: scripts/install-deps.sh browser, or KVC_BROWSER";
  }
  const Outcome outcome = report({"-o", page()});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const int width : {1280, 390}) {
    for (const bool dark : {false, true}) {
      const RenderedPage shown = render(page(), width, dark, folder_.path().string());
      ASSERT_EQ(attribute(shown.document, "data-ready"), "yes") << shown.console;
      EXPECT_EQ(shown.console, "");
      EXPECT_EQ(attribute(shown.document, "data-width"), std::to_string(width));
      EXPECT_EQ(attribute(shown.document, "data-overflow"), "0") << width;
      EXPECT_EQ(count(shown.document, "<tr class="), 7u);
      EXPECT_EQ(count(shown.document, "<figure data-picture="), 8u);
      EXPECT_EQ(count(shown.document, "data-save=\"SVG\""), 8u);
      EXPECT_EQ(count(shown.document, "data-save=\"PNG\""), 8u);
      EXPECT_EQ(count(shown.document, "data-save=\"CSV\""), 8u);
      EXPECT_EQ(count(shown.document, "class=\"front\""), 2u);
      EXPECT_GE(count(shown.document, "class=\"point\""), 7u * 3);
      EXPECT_GE(count(shown.document, "class=\"bar\""), 4u * 3);
      EXPECT_GE(count(shown.document, "class=\"cell\""), 3u * (6 + 4));
      EXPECT_EQ(shown.document.substr(0, shown.document.find("</main>")).find("NaN"), std::string::npos);
      // The ground of a picture is the scheme's.
      EXPECT_EQ(shown.document.find("fill=\"#12161b\"") != std::string::npos, dark);
    }
  }
}

TEST_F(ReportTest, WritesMarkdownCsvAndJson) {
  const Outcome outcome = report({"--markdown", folder_.file("r.md"), "--csv", folder_.file("r.csv")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(page()));
  const std::vector<char> markdown = read_file(folder_.file("r.md"));
  EXPECT_NE(std::string(markdown.begin(), markdown.end()).find("| good |"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder_.file("r.csv")));
  EXPECT_EQ(report({"--json"}).json().at("rows").size(), 7u);
}

TEST_F(ReportTest, TheSameResultsGiveTheSamePage) {
  ASSERT_EQ(report({"-o", page()}).code, 0);
  const std::vector<char> first = read_file(page());
  ASSERT_EQ(report({"-o", page()}).code, 0);
  EXPECT_EQ(read_file(page()), first);
}

TEST_F(ReportTest, BadInputIsOneLine) {
  expect_one_line_error(run_program({"report"}), 2);
  expect_one_line_error(run_program({"report", folder_.file("absent")}), 1);
  std::ofstream(folder_.file("bad.jsonl")) << "{}\n{}\n";
  const Outcome outcome = run_program({"report", folder_.file("bad.jsonl")});
  expect_one_line_error(outcome, 1);
  EXPECT_NE(outcome.err.find("bad.jsonl:1]"), std::string::npos);
  std::ofstream(folder_.file("empty.jsonl")) << "";
  expect_one_line_error(run_program({"report", folder_.file("empty.jsonl")}), 2);
}

}  // namespace
}  // namespace kvcompress::test
