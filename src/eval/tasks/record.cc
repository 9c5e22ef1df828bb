#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

#include <nlohmann/json.hpp>  // nlohmann::json

#include "eval/tasks/task_data.h"

namespace kvcompress {
namespace {

using nlohmann::json;

std::string describe(const json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty() ? "an empty string" : "a string";
  if (value.is_array()) return value.empty() ? "an empty list" : "a list";
  return value.is_object() ? "an object" : fmt::format("{}", value.dump());
}

}  // namespace

Record::Record(std::string place, json object)
    : place_(std::move(place)), object_(std::make_shared<const json>(std::move(object))) {
  if (!object_->is_object()) {
    throw InputError(fmt::format("[{}] expected a JSON object, got {}", place_, describe(*object_)));
  }
}

void Record::fail(const char* field, const std::string& expected, const std::string& got) const {
  throw InputError(fmt::format("[{}, field \"{}\"] expected {}, got {}", place_, field, expected, got));
}

const json& Record::value(const char* field) const {
  const auto found = object_->find(field);
  if (found == object_->end()) fail(field, "this field", "none");
  return *found;
}

bool Record::has(const char* field) const { return object_->contains(field); }

std::string Record::text(const char* field) const {
  const json& found = value(field);
  if (!found.is_string() || found.get_ref<const std::string&>().empty()) {
    fail(field, "a string that is not empty", describe(found));
  }
  return found.get<std::string>();
}

std::string Record::text_or(const char* field, const char* instead) const {
  return has(field) ? text(field) : instead;
}

std::string Record::word(const char* field) const {
  const json& found = value(field);
  return found.is_number_integer() ? found.dump() : text(field);
}

std::vector<std::string> Record::texts(const char* field) const {
  const json& found = value(field);
  if (!found.is_array() || found.empty()) fail(field, "a list of strings", describe(found));
  std::vector<std::string> result;
  for (const json& item : found) {
    if (!item.is_string()) fail(field, "strings in the list", describe(item));
    result.push_back(item.get<std::string>());
  }
  return result;
}

Record Record::object(const char* field) const {
  const json& found = value(field);
  if (!found.is_object()) fail(field, "an object", describe(found));
  return Record(fmt::format("{}, field \"{}\"", place_, field), found);
}

std::vector<Record> Record::objects(const char* field) const {
  const json& found = value(field);
  if (!found.is_array() || found.empty()) fail(field, "a list of objects", describe(found));
  std::vector<Record> result;
  for (const json& item : found) {
    result.emplace_back(fmt::format("{}, field \"{}\", entry {}", place_, field, result.size() + 1), item);
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> Record::pairs(const char* field) const {
  const json& found = value(field);
  if (!found.is_array() || found.empty()) fail(field, "a list of pairs", describe(found));
  std::vector<std::pair<std::string, std::string>> result;
  for (const json& item : found) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_string()) {
      fail(field, "pairs of two strings in the list", describe(item));
    }
    result.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
  }
  return result;
}

}  // namespace kvcompress
