// The folder that a comparison writes: results.jsonl with a row for each finished cell, contexts.jsonl with
// what is finished of the unit under work. Every line is synced as it is written, so that whatever ends the
// process leaves all finished work readable.
#pragma once

#include <map>     // std::map
#include <string>  // std::string
#include <vector>  // std::vector

#include "eval/receipt_json.h"  // Json

namespace kvcompress {

// The rows of a results file. A last line that was cut off is left out; any other line that is not a row is
// an InputError with its number.
std::vector<Json> read_results(const std::string& path);

class ResultsFolder {
 public:
  // Makes the folder when it is not there and locks it. Throws UsageError when another process works on it,
  // or when it has results and `resume` is not asked for.
  ResultsFolder(const std::string& path, bool resume);
  ~ResultsFolder();
  ResultsFolder(const ResultsFolder&) = delete;
  ResultsFolder& operator=(const ResultsFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  bool has(const std::string& cell) const { return cells_.count(cell) > 0; }
  size_t rows() const { return cells_.size(); }

  void add_row(const Json& row);  // row["cell"] is its key
  // The finished contexts of a unit by their names: key of a cell -> what was stored.
  std::map<std::string, Json> contexts(const std::string& unit) const;
  void add_context(const std::string& unit, const std::string& context, const Json& cells);
  void forget_contexts();  // of a unit whose rows are all written

 private:
  void append(const std::string& name, const Json& line) const;

  std::string path_;
  int lock_ = -1;
  std::map<std::string, bool> cells_;
};

}  // namespace kvcompress
