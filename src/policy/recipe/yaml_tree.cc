#include "policy/recipe/yaml_tree.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>  // std::any_of, std::count, std::find_if
#include <sstream>    // std::istringstream

#include "base/text.h"        // invalid_utf8_offset
#include "policy/messages.h"  // name_advice, in_quotes

namespace kvcompress {
namespace {

constexpr size_t kMaxDepth = 8;
constexpr size_t kMaxNodes = 4096;

[[noreturn]] void fail(const std::string& origin, int line, const std::string& what) {
  throw UsageError(fmt::format("[recipe {}:{}] {}", origin, line, what));
}

[[noreturn]] void fail_at_byte(std::string_view text, size_t at, const std::string& origin) {
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 1;
  fail(origin, static_cast<int>(line),
       fmt::format("expected UTF-8 text, got the byte 0x{:02x}; save the file as UTF-8",
                   static_cast<unsigned char>(text[at])));
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f;
}

void check_text(std::string_view text, const std::string& origin) {
  if (text.size() > kMaxRecipeBytes) {
    fail(origin, 1,
         fmt::format("expected at most {} bytes, got {}; is this a recipe?", kMaxRecipeBytes, text.size()));
  }
  if (const auto at = invalid_utf8_offset(text)) fail_at_byte(text, *at, origin);
  const auto control = std::find_if(text.begin(), text.end(), is_control);
  if (control != text.end()) fail_at_byte(text, static_cast<size_t>(control - text.begin()), origin);
}

// Builds the tree from the parser's events; it never sees an alias, so the tree is finite.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& origin) : origin_(origin) {}

  YamlNode root;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // The parser's mark is where it noticed that nothing came: a line late.
    const bool has_key = !levels_.empty() && levels_.back().has_key;
    add_value(has_key ? levels_.back().key_mark : mark, "?", anchor, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(origin_, mark.line + 1, "expected plain values, got an alias (*name); write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    add_value(mark, tag, anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(YamlNode::Kind::list, mark);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(YamlNode::Kind::map, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    YamlNode node;
    std::string key;  // of a map: read, its value still to come
    bool has_key = false;
    YAML::Mark key_mark;
  };

  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      fail(origin_, mark.line + 1, "expected plain values, got an anchor (&name); write the value out");
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      fail(origin_, mark.line + 1,
           fmt::format("expected plain values, got the tag {}; remove it", in_quotes(tag)));
    }
    if (++nodes_ > kMaxNodes) {
      fail(origin_, mark.line + 1, fmt::format("expected at most {} values; is this a recipe?", kMaxNodes));
    }
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (levels_.size() >= kMaxDepth) {
      fail(origin_, mark.line + 1,
           fmt::format("expected at most {} levels of nesting; is this a recipe?", kMaxDepth));
    }
    if (!levels_.empty() && levels_.back().node.kind == YamlNode::Kind::map && !levels_.back().has_key) {
      fail(origin_, mark.line + 1,
           "expected a name as key, got a list or map; close every { and [, and write NAME: VALUE");
    }
    levels_.emplace_back();
    levels_.back().node.kind = kind;
    levels_.back().node.line = mark.line + 1;
  }

  void close() {
    YamlNode node = std::move(levels_.back().node);
    levels_.pop_back();
    place(std::move(node));
  }

  void add_value(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                 const std::string& text) {
    check(mark, tag, anchor);
    if (!levels_.empty() && levels_.back().node.kind == YamlNode::Kind::map && !levels_.back().has_key) {
      take_key(mark, text);
      return;
    }
    YamlNode node;
    node.text = text;
    node.line = mark.line + 1;
    place(std::move(node));
  }

  void take_key(const YAML::Mark& mark, const std::string& key) {
    Level& level = levels_.back();
    const auto same = [&](const YamlNode& entry) { return entry.key == key; };
    if (std::any_of(level.node.entries.begin(), level.node.entries.end(), same)) {
      fail(origin_, mark.line + 1,
           fmt::format("expected each key once, got {} again; remove one", in_quotes(key)));
    }
    level.key = key;
    level.key_mark = mark;
    level.has_key = true;
  }

  void place(YamlNode node) {
    if (levels_.empty()) {
      root = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == YamlNode::Kind::list) {
      level.node.items.push_back(std::move(node));
      return;
    }
    node.key = level.key;
    level.node.entries.push_back(std::move(node));
    level.has_key = false;
  }

  const std::string& origin_;
  std::vector<Level> levels_;
  size_t nodes_ = 0;
};

}  // namespace

YamlNode parse_yaml(std::string_view text, const std::string& origin) {
  check_text(text, origin);
  TreeBuilder builder(origin);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder))
      fail(origin, 1, "expected a recipe, got an empty file; write its stages");
    TreeBuilder rest(origin);
    if (parser.HandleNextDocument(rest)) {
      fail(origin, rest.root.line, "expected one document, got a second one; remove it");
    }
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 1 : error.mark.line + 1;
    fail(origin, line, fmt::format("expected YAML, got text that is not: {}; correct it", error.msg));
  }
  return std::move(builder.root);
}

}  // namespace kvcompress
