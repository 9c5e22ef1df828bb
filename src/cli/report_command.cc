// kvcompress report: tables and pictures from results, never from numbers typed in.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <CLI/CLI.hpp>        // CLI::App
#include <filesystem>         // std::filesystem::is_directory
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/file.h"  // write_file
#include "cli/commands.h"
#include "cli/console.h"                  // write_output
#include "cli/options.h"                  // OutputFlags
#include "eval/compare/results_folder.h"  // read_results
#include "eval/report/markdown.h"         // results_markdown
#include "eval/report/page.h"             // results_page, page_data
#include "eval/report/summary.h"          // summarise, summary_csv

namespace kvcompress {
namespace {

struct ReportFlags {
  std::vector<std::string> results;
  std::string page, markdown, csv, title;
  OutputFlags output;
};

std::vector<Json> read_all(const std::vector<std::string>& places) {
  std::vector<Json> rows;
  for (const std::string& place : places) {
    const bool folder = std::filesystem::is_directory(place);
    for (Json& row : read_results(folder ? place + "/results.jsonl" : place)) rows.push_back(std::move(row));
  }
  return rows;
}

int report(const ReportFlags& flags) {
  flags.output.apply();
  if (flags.results.empty()) {
    throw UsageError(
        "[report] expected a folder of `kvcompress compare` or its results.jsonl, got none; give one");
  }
  const std::vector<Json> all = read_all(flags.results);
  const std::vector<SummaryRow> rows = summarise(all);
  if (rows.empty()) {
    throw UsageError(
        fmt::format("[{}] expected results, got a file without a whole row; run kvcompress compare "
                    "--resume",
                    flags.results[0]));
  }
  const std::string title =
      flags.title.empty() ? rows[0].row.value("suite", std::string("results")) : flags.title;
  const bool page_only = flags.markdown.empty() && flags.csv.empty() && !flags.output.json;
  const std::string page = flags.page.empty() && page_only ? "report.html" : flags.page;
  std::string written;
  const auto write = [&](const std::string& path, const std::string& text) {
    if (path.empty()) return;
    write_file(path, text);
    written += path + "\n";
  };
  write(page, page.empty() ? "" : results_page(rows, title));
  write(flags.csv, summary_csv(rows));
  // The command without machine paths: the page is the same wherever it is made.
  write(flags.markdown, results_markdown(rows, "kvcompress report DIR --markdown FILE"));
  write_output(flags.output.json ? dump(page_data(rows, title)) + "\n" : written);
  return 0;
}

}  // namespace

CommandBody declare_report(CLI::App& app) {
  const auto flags = std::make_shared<ReportFlags>();
  app.add_option("results", flags->results, "folders of `kvcompress compare`, or their results.jsonl")
      ->type_name("DIR|FILE");
  app.add_option("-o,--output", flags->page, "the page (default: report.html)")->type_name("FILE");
  app.add_option("--markdown", flags->markdown, "the tables as Markdown as well")->type_name("FILE");
  app.add_option("--csv", flags->csv, "a line for each row as well")->type_name("FILE");
  app.add_option("--title", flags->title, "of the page")->type_name("TEXT");
  flags->output.declare(app, /*writes_file=*/false, /*gated=*/false, /*progress=*/false);
  return [flags] { return report(*flags); };
}

}  // namespace kvcompress
