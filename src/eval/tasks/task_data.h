// The files of the tasks: where they are, and their JSON with the place of every mistake.
#pragma once

#include <cstdint>                // int64_t
#include <memory>                 // std::shared_ptr
#include <nlohmann/json_fwd.hpp>  // nlohmann::json
#include <optional>               // std::optional
#include <string>                 // std::string
#include <string_view>            // std::string_view
#include <vector>                 // std::vector

namespace kvcompress {

// One JSON object of a file. Its fields are read by name; one that is missing or of another kind is an
// InputError with file, place and field.
class Record {
 public:
  Record(std::string place, nlohmann::json object);  // InputError when it is not an object

  const std::string& place() const { return place_; }  // "needle.jsonl, line 12"
  bool has(const char* field) const;
  std::string text(const char* field) const;                          // a string that is not empty
  std::string text_or(const char* field, const char* instead) const;  // of an absent field
  std::string word(const char* field) const;  // a string that is not empty, or an integer as one
  std::vector<std::string> texts(const char* field) const;  // a list of strings, at least one
  Record object(const char* field) const;
  std::vector<Record> objects(const char* field) const;  // a list of objects, at least one
  std::vector<std::pair<std::string, std::string>> pairs(const char* field) const;  // [["a", "b"], ...]
  [[noreturn]] void fail(const char* field, const std::string& expected, const std::string& got) const;

 private:
  const nlohmann::json& value(const char* field) const;

  std::string place_;
  std::shared_ptr<const nlohmann::json> object_;
};

std::vector<Record> read_json_lines(const std::string& path);  // one object a line; at least one
Record read_json_object(const std::string& path);
std::vector<Record> read_json_list(const std::string& path);  // [{...}, ...]; at least one

// Where a file (or folder) of a set is, given --data: in that folder, in its subfolder of the set's name, or
// one folder up; `data` may be a file of the set, too.
std::optional<std::string> look_for(const std::string& data, const std::string& set, const std::string& name);
// The same; an absent one is an InputError that says what is missing and how to give it.
std::string find_data(const std::string& data, const std::string& set, const std::string& name);

// InputError when --data is given and there is no such file or folder.
void require_data(const std::string& data);

bool is_file(const std::string& path);

}  // namespace kvcompress
