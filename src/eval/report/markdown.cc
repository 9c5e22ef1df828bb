#include "eval/report/markdown.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>          // std::find
#include <map>                // std::map
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/text.h"  // format_bytes

namespace kvcompress {
namespace {

using Group = std::vector<const SummaryRow*>;

template <typename Value>
void add_once(std::vector<Value>& values, const Value& value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

// Rows of a model on a task, in the order of the results.
std::vector<Group> groups(const std::vector<SummaryRow>& rows) {
  std::vector<std::pair<std::string, std::string>> keys;
  std::map<std::pair<std::string, std::string>, Group> found;
  for (const SummaryRow& row : rows) {
    const std::pair key(row.text("model"), row.text("label"));
    add_once(keys, key);
    found[key].push_back(&row);
  }
  std::vector<Group> groups;
  for (const auto& key : keys) groups.push_back(found[key]);
  return groups;
}

std::string shown(const Figure& figure) {
  const FigureKind& kind = *figure.kind;
  const auto number = [&](double value) { return fmt::format("{:.{}f}", value * kind.scale, kind.decimals); };
  std::string text = number(figure.value.mean);
  if (figure.value.has_bounds())
    text += fmt::format(" [{}, {}]", number(figure.value.low), number(figure.value.high));
  if (beyond(kind, figure.to_full) > 0) text += " ▲";
  if (beyond(kind, figure.to_random) < 0) text += " ▼";
  return text;
}

const SummaryRow* find(const Group& group, const std::string& method, const std::string& budget) {
  for (const SummaryRow* row : group) {
    if (row->text("method") == method && row->text("budget") == budget) return row;
  }
  return nullptr;
}

struct Axes {
  std::vector<std::string> methods, budgets;
};

Axes axes_of(const Group& group) {
  Axes axes;
  for (const SummaryRow* row : group) {
    add_once(axes.methods, row->text("method"));
    if (!row->text("budget").empty()) add_once(axes.budgets, row->text("budget"));
  }
  if (axes.budgets.empty()) axes.budgets.push_back("");
  return axes;
}

// One table: a line for each method, a column for each budget. `cell` is what stands in a field.
template <typename CellText>
std::string table(const Group& group, const CellText& cell) {
  const Axes axes = axes_of(group);
  std::string text = "| method |", rule = "|---|";
  for (const std::string& budget : axes.budgets) {
    text += fmt::format(" {} |", budget.empty() ? "own budget" : budget);
    rule += "---:|";
  }
  text += "\n" + rule + "\n";
  for (const std::string& method : axes.methods) {
    text += fmt::format("| {} |", method);
    for (const std::string& budget : axes.budgets) {
      const SummaryRow* row = find(group, method, budget);
      if (row == nullptr) row = find(group, method, "");  // full, and recipes with a budget of their own
      text += fmt::format(" {} |", row == nullptr ? "" : cell(*row));
    }
    text += "\n";
  }
  return text;
}

std::string claimed_table(const Group& group) {
  std::vector<std::string> names;
  for (const SummaryRow* row : group) {
    if (!row->row.contains("claimed")) continue;
    for (const auto& entry : row->row.at("claimed").items()) add_once(names, entry.key());
  }
  if (names.empty()) return "";
  std::string text =
      "\nClaimed: published elsewhere, on another model and machine; nothing is tuned to it.\n\n| method | "
      "budget |";
  std::string rule = "|---|---|";
  for (const std::string& name : names) {
    text += fmt::format(" {}, claimed |", name);
    rule += "---:|";
  }
  text += "\n" + rule + "\n";
  for (const SummaryRow* row : group) {
    if (!row->row.contains("claimed")) continue;
    text += fmt::format("| {} | {} |", row->text("method"), row->text("budget"));
    for (const std::string& name : names) {
      const Json& claimed = row->row.at("claimed");
      text += claimed.contains(name) ? fmt::format(" {} |", claimed.at(name).get<double>()) : " |";
    }
    text += "\n";
  }
  return text;
}

std::string section(const Group& group) {
  const SummaryRow& first = *group.front();
  std::string text = fmt::format("## {} on {}\n\nTask `{}`, {} samples", first.text("label"),
                                 first.text("model"), first.text("task"), first.row.value("samples", 0));
  const Json settings = first.row.value("settings", Json::object());
  for (const auto& entry : settings.items()) {
    text += fmt::format(", {} {}", entry.key(),
                        entry.value().is_string() ? entry.value().get<std::string>() : entry.value().dump());
  }
  text += ".\n";
  for (const FigureKind& kind : figure_kinds()) {
    const bool measured = std::any_of(
        group.begin(), group.end(), [&](const SummaryRow* row) { return row->figure(kind.key) != nullptr; });
    if (!measured) continue;
    text += fmt::format("\n### {} ({})\n\n", kind.title,
                        kind.higher_is_better ? "higher is better" : "lower is better");
    text += table(group, [&](const SummaryRow& row) {
      const Figure* figure = row.figure(kind.key);
      return figure == nullptr ? std::string() : shown(*figure);
    });
  }
  text += "\n### Cache\n\nBits: held for each number that the full cache has in 16.\n\n" +
          table(group, [](const SummaryRow& row) {
            return fmt::format("{} ({:.1f}x), {:.2f} bits", format_bytes(row.kept_bytes()), row.ratio(),
                               row.bits());
          });
  return text + claimed_table(group) + "\n";
}

// What needs an explanation: better than full, or worse than random, beyond the interval.
std::string findings(const std::vector<SummaryRow>& rows) {
  std::string text;
  for (const SummaryRow& row : rows) {
    for (const Figure& figure : row.figures) {
      const bool is_time = std::string_view(figure.kind->samples).find("_ms") != std::string_view::npos ||
                           std::string_view(figure.kind->key) == "tokens_per_second";
      if (is_time) continue;
      const auto note = [&](const char* what, const Interval& interval) {
        text += fmt::format("* {} at {} on {}, {}: {} is {} by {:.{}f} [{:.{}f}, {:.{}f}]\n",
                            row.text("method"), row.text("budget"), row.text("label"), row.text("model"),
                            figure.kind->title, what, interval.mean * figure.kind->scale,
                            figure.kind->decimals, interval.low * figure.kind->scale, figure.kind->decimals,
                            interval.high * figure.kind->scale, figure.kind->decimals);
      };
      if (beyond(*figure.kind, figure.to_full) > 0) note("better than the full cache", *figure.to_full);
      if (beyond(*figure.kind, figure.to_random) < 0) note("worse than random eviction", *figure.to_random);
    }
  }
  return text.empty() ? "None.\n" : text;
}

}  // namespace

std::string results_markdown(const std::vector<SummaryRow>& rows, const std::string& command) {
  std::string text = "# Results\n\n";
  text += fmt::format("Made by `{}` from measured results; not edited by hand.\n\n", command);
  if (!rows.empty()) {
    const Json& row = rows.front().row;
    const Json build = row.value("build", Json::object()), machine = row.value("machine", Json::object());
    text += fmt::format("Suite `{}`, version {} {}, {} with {} threads ({}).\n", row.value("suite", ""),
                        build.value("version", ""), build.value("commit", ""), machine.value("cpu", ""),
                        machine.value("threads", 0), machine.value("instruction_set", ""));
  }
  text +=
      "\nBrackets are 95 % intervals of 2,000 bootstrap draws of the samples. ▲: better than the full cache "
      "beyond the "
      "interval "
      "of the paired difference. ▼: worse than random eviction at the same budget beyond it. A figure with "
      "few "
      "samples has an interval that is too narrow.\n\n## To be explained\n\n" +
      findings(rows) + "\n";
  for (const Group& group : groups(rows)) text += section(group);
  return text;
}

}  // namespace kvcompress
