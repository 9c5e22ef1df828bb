// The windows of tokens that perplexity is measured on.
#pragma once

#include <cstdint>  // int32_t
#include <string>   // std::string
#include <vector>   // std::vector

#include "model/vocabulary.h"  // Vocabulary

namespace kvcompress {

struct TextFile {
  std::string path;
  std::string text;
};

// FILE, or every regular file of DIR (not its subfolders, no hidden files) in the order of their names.
// Throws IoError for what cannot be read, InputError (with the byte's offset) for text that is not UTF-8.
std::vector<TextFile> read_texts(const std::string& path);

struct WindowPlan {
  int64_t context = 1024;  // tokens read and compressed before the first is scored
  int64_t target = 1024;   // tokens fed after that; of each the successor is scored
  int64_t stride = 2048;   // from the start of a window to the next
  int64_t limit = 0;       // windows in all; 0: as many as there are
  int64_t tokens() const { return context + target + 1; }  // of one window, the last successor included
};

// Windows of plan.tokens() tokens, none across two texts: the first of each text, then the second of each,
// and so on. bos >= 0 takes the place of each window's first token. Throws InputError when no text is long
// enough.
std::vector<std::vector<int32_t>> cut_windows(const std::vector<std::vector<int32_t>>& texts,
                                              const WindowPlan& plan, int32_t bos);

// The same of text files, tokenised by the model; special-token text in them is plain text.
std::vector<std::vector<int32_t>> cut_windows(const std::vector<TextFile>& texts, const WindowPlan& plan,
                                              const Vocabulary& vocabulary);

}  // namespace kvcompress
