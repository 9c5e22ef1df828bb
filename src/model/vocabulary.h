// Tokens, text and chat templates of a model file, through libllama (loaded vocabulary-only).
#pragma once

#include <cstdint>  // int32_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span
#include <string>   // std::string
#include <string_view>
#include <vector>  // std::vector

struct llama_vocab;

namespace kvcompress {

class ModelFile;

struct ChatMessage {
  std::string role;  // system, user, assistant
  std::string content;
};

class Vocabulary {
 public:
  // Throws InputError when the file has no tokenizer that can be used, IoError when it cannot be read.
  explicit Vocabulary(const std::string& model_path);
  explicit Vocabulary(
      const ModelFile& file);  // spares a second reading of the header; `file` must come from a path
  ~Vocabulary();
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  int size() const;
  // Invalid UTF-8 is replaced, NUL is a character like others.
  // add_special: BOS (and EOS) where the model asks for them. parse_special: text of special tokens becomes
  // the token.
  std::vector<int32_t> tokenize(std::string_view text, bool add_special, bool parse_special) const;
  // The bytes of one token; special tokens are empty unless `special`.
  std::string piece(int32_t token, bool special = false) const;
  std::string text(std::span<const int32_t> tokens, bool special = false) const;
  bool ends_generation(int32_t token) const;
  int32_t bos() const;  // -1 when the model has none
  bool adds_bos() const;
  bool has_chat_template() const;
  // The prompt text the model's own template makes; UsageError when it has none that libllama knows.
  std::string apply_chat_template(std::span<const ChatMessage> messages, bool add_assistant) const;
  const llama_vocab* handle() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvcompress
