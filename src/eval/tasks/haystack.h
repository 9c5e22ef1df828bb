// Long plain text to hide facts in, cut at words; facts stand between its sentences.
#pragma once

#include <cstdint>  // int64_t
#include <string>   // std::string
#include <vector>   // std::vector

namespace kvcompress {

class Haystack {
 public:
  // Throws InputError when the text has no words; `place` is for the message.
  Haystack(std::string text, const std::string& place);

  int64_t words() const { return static_cast<int64_t>(starts_.size()); }

  // A fact and the share of the words before it, 0 to 100.
  struct Fact {
    std::string text;
    double depth_percent = 0;
  };
  struct Hidden {
    std::string text;
    std::vector<double> depths;  // percent of the text's bytes before each fact
  };
  // `count` words from word `first` on (from the beginning again after the end), with each fact before the
  // first sentence that begins at its depth or later. Facts are in ascending depth.
  Hidden hide(int64_t first, int64_t count, const std::vector<Fact>& facts) const;
  // The first word at `word` or later that begins a sentence.
  int64_t sentence_from(int64_t word) const;

 private:
  void append_words(std::string& text, int64_t first, int64_t count) const;

  std::string text_;
  std::vector<size_t> starts_;  // of each word; a word ends where the next one begins, its spaces included
  std::vector<bool> begins_;    // whether the word begins a sentence
};

// The essays (*.txt, in the order of their names) of the folder PaulGrahamEssays of --data, or --data itself
// when it is a text file. With `one_line` every run of white space is one space.
Haystack read_haystack(const std::string& data, bool one_line);

}  // namespace kvcompress
