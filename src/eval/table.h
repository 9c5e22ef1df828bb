// A table of text with aligned columns: what the commands print for people.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

namespace kvcompress {

class Table {
 public:
  explicit Table(std::vector<std::string> header);
  // One cell for each column; an empty cell is a figure the row does not have.
  void add_row(std::vector<std::string> cells);
  // The first column is aligned left, the others right; a column whose cells are all empty is left out.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // [0] is the header
};

}  // namespace kvcompress
