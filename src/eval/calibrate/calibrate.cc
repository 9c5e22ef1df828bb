#include <fmt/format.h>        // fmt::format
#include <fmt/ranges.h>        // fmt::join
#include <kvcompress/error.h>  // InputError, UsageError

#include <algorithm>   // std::max
#include <filesystem>  // std::filesystem::path

#include "base/nearest_name.h"           // nearest_name
#include "eval/calibrate/calibrators.h"  // make_gate_calibrator, ..
#include "policy/parameter_reader.h"     // ParameterReader
#include "policy/parameter_table.h"      // parameter_rows

namespace kvcompress {
namespace {

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

void set_parameters(Calibrator& calibrator, const std::vector<std::string>& overrides) {
  std::vector<Setting> settings;
  for (const std::string& text : overrides) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(fmt::format("[--set] expected KEY=VALUE, got '{}'", text));
    }
    Setting setting;
    setting.stage = calibrator.kind();
    setting.key = text.substr(0, equals);
    const std::string value = text.substr(equals + 1);
    setting.list = value.find(',') != std::string::npos;
    for (size_t begin = 0; begin <= value.size();) {
      const size_t comma = std::min(value.find(',', begin), value.size());
      setting.items.push_back(value.substr(begin, comma - begin));
      begin = comma + 1;
    }
    setting.origin = "--set " + text;
    settings.push_back(std::move(setting));
  }
  ParameterReader reader(settings);
  calibrator.visit(reader);
  reader.finish();
}

// Round by round one window of each text; a text's windows lie evenly spread over it.
std::vector<std::vector<int32_t>> spread_windows(const std::vector<std::vector<int32_t>>& texts,
                                                 int64_t window, int64_t limit, int32_t bos) {
  const auto count = static_cast<int64_t>(texts.size());
  const int64_t rounds = (limit + count - 1) / count;
  std::vector<std::vector<int32_t>> windows;
  for (int64_t round = 0; round < rounds; ++round) {
    for (const std::vector<int32_t>& text : texts) {
      const auto length = static_cast<int64_t>(text.size());
      const int64_t own = std::min(rounds, length / window);
      if (round >= own || static_cast<int64_t>(windows.size()) == limit) continue;
      const int64_t part = length / own;
      const auto first = text.begin() + round * part + (part - window) / 2;
      windows.emplace_back(first, first + window);
      if (bos >= 0) windows.back()[0] = bos;
    }
  }
  return windows;
}

CalibrationData data_of(const Engine& engine, const Calibrator& calibrator,
                        const CalibrationRequest& request) {
  CalibrationData data;
  data.window = request.window > 0 ? request.window : calibrator.default_window();
  data.seed = request.seed;
  if (data.window > engine.context()) {
    throw UsageError(fmt::format("[--window] expected at most the context of {} tokens, got {}",
                                 engine.context(), data.window));
  }
  const Vocabulary& vocabulary = engine.vocabulary();
  std::vector<std::vector<int32_t>> texts;
  size_t longest = 0;
  for (const TextFile& file : request.texts) {
    texts.push_back(vocabulary.tokenize(file.text, /*add_special=*/false, /*parse_special=*/false));
    longest = std::max(longest, texts.back().size());
  }
  const int64_t limit = request.windows > 0 ? request.windows : calibrator.default_windows();
  data.windows = spread_windows(texts, data.window, limit, vocabulary.adds_bos() ? vocabulary.bos() : -1);
  if (data.windows.empty()) {
    throw InputError(
        fmt::format("[--data] expected a text of {} tokens or more, got {}; give a longer one or "
                    "lower --window",
                    data.window, longest));
  }
  return data;
}

}  // namespace

std::vector<std::unique_ptr<Calibrator>> make_calibrators() {
  std::vector<std::unique_ptr<Calibrator>> all;
  all.push_back(make_duo_calibrator());
  all.push_back(make_gate_calibrator());
  all.push_back(make_head_importance_calibrator());
  all.push_back(make_query_statistics_calibrator());
  all.push_back(make_rank_calibrator());
  all.push_back(make_second_moments_calibrator());
  return all;
}

std::unique_ptr<Calibrator> make_calibrator(const std::string& kind) {
  std::vector<std::string> names;
  for (std::unique_ptr<Calibrator>& calibrator : make_calibrators()) {
    if (calibrator->kind() == kind) return std::move(calibrator);
    names.emplace_back(calibrator->kind());
  }
  throw UsageError(fmt::format("[calibrate] expected {}, got '{}'; the nearest is '{}'",
                               fmt::join(names, ", "), kind, nearest_name(kind, names)));
}

Calibration calibrate(Engine& engine, Calibrator& calibrator, const CalibrationRequest& request,
                      const OnTokens& on_tokens) {
  set_parameters(calibrator, request.overrides);
  const CalibrationData data = data_of(engine, calibrator, request);
  Calibration out;
  out.kind = calibrator.kind();
  out.model = file_name(engine.file().path());
  out.model_hash = fmt::format("{:016x}", engine.file().hash());
  for (const TextFile& file : request.texts) {
    out.data += (out.data.empty() ? "" : ", ") + file_name(file.path);
  }
  const std::string made_up = calibrator.made_up();
  if (!made_up.empty()) out.data += "; " + made_up;
  for (const ParameterRow& row : parameter_rows(calibrator)) out.settings[row.name] = row.value;
  out.settings["window"] = std::to_string(data.window);
  out.settings["windows"] = std::to_string(data.windows.size());
  out.settings["seed"] = std::to_string(data.seed);
  calibrator.measure(engine, data, on_tokens, out);
  return out;
}

}  // namespace kvcompress
