#include "policy/parameter_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::find
#include <limits>     // std::numeric_limits

#include "base/nearest_name.h"          // nearest_name
#include "policy/messages.h"            // name_advice, in_quotes
#include "policy/parameter_values.h"    // parse_integer
#include "policy/recipe/idle_fields.h"  // refuse_idle_field

namespace kvcompress {
namespace {

const std::string kTakeOne = "give one such value";

// The value of a setting that may not be a list.
const std::string& plain(const Setting& setting, const std::string& expected) {
  if (setting.list) throw_setting_error(setting, expected, kTakeOne);
  return setting.items.front();
}

// Every item of a list, read and checked; the message names the item that is wrong.
template <typename T, typename Read>
std::vector<T> list_of(const Setting& setting, Read&& read, T minimum, T maximum, const std::string& expected,
                       const std::string& advice) {
  std::vector<T> values;
  for (const std::string& item : setting.items) {
    const std::optional<T> parsed = read(item);
    if (!parsed || *parsed < minimum || *parsed > maximum) {
      Setting wrong = setting;
      wrong.list = false;
      wrong.items = {item};
      throw_setting_error(wrong, expected, advice);
    }
    values.push_back(*parsed);
  }
  return values;
}

}  // namespace

void throw_setting_error(const Setting& setting, const std::string& expected, const std::string& advice) {
  const std::string got = setting.list ? "a list of " + std::to_string(setting.items.size())
                                       : in_quotes(setting.items.empty() ? "" : setting.items.front());
  throw UsageError(fmt::format("[{}] {}.{}: expected {}, got {}; {}", setting.origin, setting.stage,
                               setting.key, expected, got, advice));
}

ParameterReader::ParameterReader(const std::vector<Setting>& settings)
    : settings_(settings), taken_(settings.size(), false) {}

const Setting* ParameterReader::take(std::string_view name) {
  known_.emplace_back(name);
  const Setting* found = nullptr;
  for (size_t i = 0; i < settings_.size(); ++i) {
    if (settings_[i].key != name) continue;
    found = &settings_[i];  // the last one wins; an earlier one was overridden on the same command line
    taken_[i] = true;
  }
  return found;
}

void ParameterReader::integer(std::string_view name, int64_t& value, int64_t minimum, int64_t maximum,
                              std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const std::string expected = maximum == std::numeric_limits<int64_t>::max()
                                   ? fmt::format("a whole number >= {}", minimum)
                                   : fmt::format("a whole number in {}..{}", minimum, maximum);
  const auto parsed = parse_integer(plain(*setting, expected));
  if (!parsed || *parsed < minimum || *parsed > maximum) throw_setting_error(*setting, expected, kTakeOne);
  value = *parsed;
}

void ParameterReader::real(std::string_view name, double& value, double minimum, double maximum,
                           std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const std::string expected = fmt::format("a number in {}..{}", minimum, maximum);
  const auto parsed = parse_real(plain(*setting, expected));
  if (!parsed || *parsed < minimum || *parsed > maximum) throw_setting_error(*setting, expected, kTakeOne);
  value = *parsed;
}

void ParameterReader::share(std::string_view name, double& value, std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const std::string expected = "a share above 0 and at most 1, as 0.25 or 25%";
  const auto parsed = parse_share(plain(*setting, expected));
  if (!parsed) throw_setting_error(*setting, expected, kTakeOne);
  value = *parsed;
}

void ParameterReader::bytes(std::string_view name, int64_t& value, std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const std::string expected = "a size of at least 1 byte, as 4096, 64MiB or 1.5GB";
  const auto parsed = parse_bytes(plain(*setting, expected));
  if (!parsed) throw_setting_error(*setting, expected, kTakeOne);
  value = *parsed;
}

void ParameterReader::boolean(std::string_view name, bool& value, std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const auto parsed = parse_boolean(plain(*setting, "true or false"));
  if (!parsed) throw_setting_error(*setting, "true or false", kTakeOne);
  value = *parsed;
}

void ParameterReader::choice(std::string_view name, std::string& value,
                             const std::vector<std::string_view>& choices, std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const std::string expected = fmt::format("one of {}", fmt::join(choices, ", "));
  const std::string& text = plain(*setting, expected);
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    const std::vector<std::string> names(choices.begin(), choices.end());
    throw_setting_error(*setting, expected, fmt::format("did you mean '{}'?", nearest_name(text, names)));
  }
  value = text;
}

void ParameterReader::integers(std::string_view name, std::vector<int64_t>& value, int64_t minimum,
                               int64_t maximum, std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const std::string expected = fmt::format("a list of whole numbers in {}..{}", minimum, maximum);
  const auto read = [&](const std::string& item) { return parse_integer(item); };
  value = list_of<int64_t>(*setting, read, minimum, maximum, expected, "write it as [0, 1]");
}

void ParameterReader::reals(std::string_view name, std::vector<double>& value, double minimum, double maximum,
                            std::string_view) {
  const Setting* setting = take(name);
  if (setting == nullptr) return;
  const std::string expected = fmt::format("a list of numbers in {}..{}", minimum, maximum);
  const auto read = [&](const std::string& item) { return parse_real(item); };
  value = list_of<double>(*setting, read, minimum, maximum, expected, "write it as [0.5, 0.25]");
}

void ParameterReader::finish(std::vector<std::string> also_known) const {
  also_known.insert(also_known.end(), known_.begin(), known_.end());
  for (size_t i = 0; i < settings_.size(); ++i) {
    if (taken_[i]) continue;
    refuse_idle_field(settings_[i].origin, settings_[i].key);
    throw UsageError(
        fmt::format("[{}] {}.{}: expected a parameter of this answer, got the unknown key {}; {}",
                    settings_[i].origin, settings_[i].stage, settings_[i].key, in_quotes(settings_[i].key),
                    name_advice(settings_[i].key, also_known)));
  }
}

}  // namespace kvcompress
