// Writes settings (from a recipe file or --set) into the parameters of a policy, checking each against its
// range.
#pragma once

#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "policy/parameters.h"  // ParameterVisitor

namespace kvcompress {

// One `key: value` with the place it was written at.
struct Setting {
  std::string stage;               // "score", "budget.layers": the key's first part, for messages
  std::string key;                 // within the stage, nested maps joined by dots
  std::vector<std::string> items;  // one for a plain value, any number for a list
  bool list = false;               // written as [..]
  std::string origin;              // "recipe my.yaml:4" or "--set score.window=3"
};

// "[origin] STAGE.KEY: expected ... got 'VALUE'; ADVICE" as a UsageError.
[[noreturn]] void throw_setting_error(const Setting& setting, const std::string& expected,
                                      const std::string& advice);

class ParameterReader final : public ParameterVisitor {
 public:
  explicit ParameterReader(const std::vector<Setting>& settings);
  void integer(std::string_view name, int64_t& value, int64_t minimum, int64_t maximum,
               std::string_view help) override;
  void real(std::string_view name, double& value, double minimum, double maximum,
            std::string_view help) override;
  void share(std::string_view name, double& value, std::string_view help) override;
  void bytes(std::string_view name, int64_t& value, std::string_view help) override;
  void boolean(std::string_view name, bool& value, std::string_view help) override;
  void choice(std::string_view name, std::string& value, const std::vector<std::string_view>& choices,
              std::string_view help) override;
  void integers(std::string_view name, std::vector<int64_t>& value, int64_t minimum, int64_t maximum,
                std::string_view help) override;
  void reals(std::string_view name, std::vector<double>& value, double minimum, double maximum,
             std::string_view help) override;

  // Call after the visit: a setting that no parameter took is an unknown key. `also_known` widens the list of
  // names.
  void finish(std::vector<std::string> also_known = {}) const;

 private:
  const Setting* take(std::string_view name);  // null when not set

  const std::vector<Setting>& settings_;
  std::vector<bool> taken_;
  std::vector<std::string> known_;
};

}  // namespace kvcompress
