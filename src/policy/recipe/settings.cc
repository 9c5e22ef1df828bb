#include "policy/recipe/settings.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::find

#include "policy/messages.h"            // name_advice, in_quotes
#include "policy/parameter_values.h"    // parse_integer
#include "policy/recipe/idle_fields.h"  // refuse_idle_field

namespace kvcompress {
namespace {

bool is_stage(const std::string& name) {
  const auto& names = recipe_stage_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string at_line(const std::string& origin, int line) { return fmt::format("recipe {}:{}", origin, line); }

Setting plain_setting(const std::string& stage, const std::string& key, const YamlNode& node,
                      const std::string& origin) {
  return {stage, key, {node.text}, false, at_line(origin, node.line)};
}

// Flattens `keys: {bits: 4}` to "keys.bits".
void read_parameters(const YamlNode& map, const std::string& prefix, const std::string& origin,
                     StageSettings& out) {
  for (const YamlNode& node : map.entries) {
    const std::string key = prefix + node.key;
    if (node.kind == YamlNode::Kind::map) {
      read_parameters(node, key + ".", origin, out);
      continue;
    }
    Setting setting = plain_setting(out.stage, key, node, origin);
    if (node.kind == YamlNode::Kind::list) {
      setting.list = true;
      setting.items.clear();
      for (const YamlNode& item : node.items) {
        if (item.kind != YamlNode::Kind::value)
          throw_setting_error(setting, "a list of plain values", "flatten it");
        setting.items.push_back(item.text);
      }
    }
    if (key == "kind") {
      if (setting.list) throw_setting_error(setting, "the name of an answer", "give one name");
      out.kind = setting;
    } else {
      out.parameters.push_back(setting);
    }
  }
}

StageSettings read_stage(const std::string& stage, const YamlNode& node, const std::string& origin) {
  StageSettings out{stage, std::nullopt, {}, true, at_line(origin, node.line)};
  if (node.kind == YamlNode::Kind::value) {
    out.kind = plain_setting(stage, "kind", node, origin);
  } else if (node.kind == YamlNode::Kind::map) {
    read_parameters(node, "", origin, out);
  } else {
    throw UsageError(fmt::format(
        "[{}] {}: expected a name or {{kind: NAME, ...}}, got a list; write one of them", out.origin, stage));
  }
  if (!out.kind && stage != "budget") {
    throw UsageError(
        fmt::format("[{}] {}: expected the key 'kind', got none; add kind: NAME", out.origin, stage));
  }
  return out;
}

std::string plain_text(const std::string& key, const YamlNode& node, const std::string& origin) {
  if (node.kind == YamlNode::Kind::value) return node.text;
  throw UsageError(fmt::format("[{}] {}: expected text, got a list or map; write one line of text",
                               at_line(origin, node.line), key));
}

}  // namespace

const std::vector<std::string>& recipe_stage_names() {
  static const std::vector<std::string> names = {"propagate", "score",    "budget",
                                                 "store",     "schedule", "route"};
  return names;
}

RecipeText read_recipe_text(std::string_view yaml, const std::string& origin) {
  const YamlNode root = parse_yaml(yaml, origin);
  if (root.kind != YamlNode::Kind::map) {
    throw UsageError(fmt::format("[{}] expected a map of stages, got {}; write lines such as score: key_norm",
                                 at_line(origin, root.line > 0 ? root.line : 1),
                                 root.kind == YamlNode::Kind::list ? "a list" : in_quotes(root.text)));
  }
  RecipeText recipe;
  for (const YamlNode& node : root.entries) {
    const std::string& key = node.key;
    if (key == "name") {
      recipe.name = plain_text(key, node, origin);
    } else if (key == "summary") {
      recipe.summary = plain_text(key, node, origin);
    } else if (key == "source") {
      recipe.source = plain_text(key, node, origin);
    } else if (is_stage(key)) {
      recipe.stages.push_back(read_stage(key, node, origin));
    } else {
      refuse_idle_field(at_line(origin, node.line), key);
      std::vector<std::string> known = recipe_stage_names();
      known.insert(known.end(), {"name", "summary", "source"});
      throw UsageError(
          fmt::format("[{}] {}: expected a stage or name, summary, source, got an unknown key; {}",
                      at_line(origin, node.line), in_quotes(key), name_advice(key, known)));
    }
  }
  return recipe;
}

StageSettings read_override(const std::string& text) {
  const std::string origin = fmt::format("--set {}", in_quotes(text));
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw UsageError(
        fmt::format("[{}] expected STAGE.KEY=VALUE; write for example budget.tokens=512", origin));
  }
  const std::string path = text.substr(0, equals);
  const size_t dot = path.find('.');
  const std::string stage = path.substr(0, dot);
  if (!is_stage(stage)) {
    throw UsageError(fmt::format("[{}] expected a stage before the dot, got {}; {}", origin, in_quotes(stage),
                                 name_advice(stage, recipe_stage_names())));
  }
  Setting setting{stage, dot == std::string::npos ? "kind" : path.substr(dot + 1), {}, false, origin};
  std::string value = text.substr(equals + 1);
  setting.list = value.front() == '[' && value.back() == ']';
  if (setting.list) value = value.substr(1, value.size() - 2);
  // Without brackets too, a comma makes a list: --set budget.skip_layers=0,1.
  setting.list = setting.list || value.find(',') != std::string::npos;
  for (size_t begin = 0; setting.list && !value.empty() && begin <= value.size();) {
    const size_t comma = std::min(value.find(',', begin), value.size());
    const size_t first = std::min(value.find_first_not_of(' ', begin), comma);
    setting.items.push_back(value.substr(first, comma - first));
    begin = comma + 1;
  }
  if (!setting.list) setting.items = {value};
  StageSettings out{stage, std::nullopt, {}, false, origin};
  if (setting.key == "kind") {
    if (setting.list) throw_setting_error(setting, "the name of an answer", "give one name");
    out.kind = setting;
  } else {
    out.parameters.push_back(setting);
  }
  return out;
}

Setting read_amount(const std::string& text, const std::string& origin) {
  Setting amount{"budget", "tokens", {text}, false, origin};
  const bool has_unit = !text.empty() && (text.back() == 'B' || text.back() == '%');
  if (has_unit) amount.key = text.back() == '%' ? "keep" : "bytes";
  const auto tokens = parse_integer(text);
  const bool right = amount.key == "keep"    ? parse_share(text).has_value()
                     : amount.key == "bytes" ? parse_bytes(text).has_value()
                                             : tokens && *tokens >= 1 && *tokens <= 0x7fffffff;
  if (!right) {
    throw UsageError(
        fmt::format("[{}] budget: expected tokens (1024), a share up to 100% (25%) or bytes (64MiB), got "
                    "{}; give one of them",
                    origin, in_quotes(text)));
  }
  return amount;
}

}  // namespace kvcompress
