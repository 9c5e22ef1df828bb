#include "eval/table.h"

#include <algorithm>  // std::max
#include <utility>    // std::move

namespace kvcompress {
namespace {

// Characters, not bytes: UTF-8 continuation bytes take no column.
size_t width(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::add_row(std::vector<std::string> cells) {
  cells.resize(rows_[0].size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<size_t> widths(rows_[0].size(), 0);
  for (size_t column = 0; column < widths.size(); column++) {
    bool used = rows_.size() == 1;
    size_t widest = 0;
    for (size_t row = 0; row < rows_.size(); row++) {
      widest = std::max(widest, width(rows_[row][column]));
      used = used || (row > 0 && !rows_[row][column].empty());
    }
    widths[column] = used ? widest : 0;
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t column = 0; column < row.size(); column++) {
      if (widths[column] == 0) continue;
      const std::string padding(widths[column] - width(row[column]), ' ');
      if (!line.empty()) line += "  ";
      line += column == 0 ? row[column] + padding : padding + row[column];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace kvcompress
