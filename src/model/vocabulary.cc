#include "model/vocabulary.h"

#include <fmt/format.h>
#include <llama.h>

#include <exception>      // std::exception
#include <limits>         // std::numeric_limits
#include <unordered_set>  // std::unordered_set

#include "kvcompress/error.h"
#include "model/llama_runtime.h"  // start_llama
#include "model/model_file.h"     // ModelFile

namespace kvcompress {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& expected, const std::string& got) {
  throw InputError(
      fmt::format("[tokenizer of {}] expected {}, got {}; convert the model again", path, expected, got));
}

// libllama aborts, or reads what is not there, where these do not hold.
void check_tokenizer(const ModelFile& file) {
  const std::string kind = file.require_text("tokenizer.ggml.model");
  if (kind != "gpt2" && kind != "llama")
    fail(file.path(), "tokenizer.ggml.model gpt2 or llama", "'" + kind + "'");
  const auto tokens = file.texts("tokenizer.ggml.tokens");
  if (!tokens || tokens->empty()) fail(file.path(), "a list of tokens in tokenizer.ggml.tokens", "none");
  constexpr size_t kMost = 1 << 24;
  if (tokens->size() > kMost)
    fail(file.path(), fmt::format("at most {} tokens", kMost), std::to_string(tokens->size()));
  std::unordered_set<std::string_view> seen;
  seen.reserve(tokens->size());
  for (size_t i = 0; i < tokens->size(); ++i) {
    const std::string_view token = (*tokens)[i];
    // libllama reads C strings: what follows a NUL is lost. An empty token gets a name of its own there.
    const std::string_view text = token.substr(0, token.find('\0'));
    if (!text.empty() && !seen.insert(text).second) {
      fail(file.path(), "each token once", fmt::format("token {} again", i));
    }
    if (text.starts_with("[EMPTY_"))
      fail(file.path(), "no token named [EMPTY_...]", fmt::format("token {}", i));
  }
}

struct ModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};

int32_t checked_length(size_t size, const char* what) {
  if (size > static_cast<size_t>(std::numeric_limits<int32_t>::max()) / 2) {
    throw InputError(
        fmt::format("[{}] expected at most 1 GiB of text, got {} bytes; give a shorter text", what, size));
  }
  return static_cast<int32_t>(size);
}

}  // namespace

struct Vocabulary::Impl {
  std::string path;
  std::unique_ptr<llama_model, ModelDeleter> model;
  const llama_vocab* vocab = nullptr;

  explicit Impl(const ModelFile& file) : path(file.path()) {
    check_tokenizer(file);
    start_llama();
    take_llama_error();
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    try {
      model.reset(llama_model_load_from_file(path.c_str(), params));
    } catch (const std::exception& error) {
      fail(path, "a tokenizer that libllama reads", error.what());
    }
    if (!model) {
      const std::string reason = take_llama_error();
      fail(path, "a tokenizer that libllama reads", reason.empty() ? "an error without a reason" : reason);
    }
    vocab = llama_model_get_vocab(model.get());
    check_special(llama_vocab_get_add_bos(vocab), llama_vocab_bos(vocab), "bos");
    check_special(llama_vocab_get_add_eos(vocab), llama_vocab_eos(vocab), "eos");
  }

  void check_special(bool added, llama_token token, const char* which) const {
    if (added && token == LLAMA_TOKEN_NULL) {
      fail(path, fmt::format("tokenizer.ggml.{}_token_id, since the model adds it", which), "none");
    }
  }
};

Vocabulary::Vocabulary(const ModelFile& file) : impl_(std::make_unique<Impl>(file)) {}
Vocabulary::Vocabulary(const std::string& model_path) : Vocabulary(ModelFile(model_path)) {}
Vocabulary::~Vocabulary() = default;

int Vocabulary::size() const { return llama_vocab_n_tokens(impl_->vocab); }

std::vector<int32_t> Vocabulary::tokenize(std::string_view text, bool add_special, bool parse_special) const {
  const int32_t length = checked_length(text.size(), "prompt");
  std::vector<int32_t> tokens(text.size() / 3 + 16);
  const char* begin = text.empty() ? "" : text.data();
  try {
    for (;;) {
      const int32_t count = llama_tokenize(impl_->vocab, begin, length, tokens.data(),
                                           static_cast<int32_t>(tokens.size()), add_special, parse_special);
      if (count >= 0) {
        tokens.resize(static_cast<size_t>(count));
        return tokens;
      }
      // The number that are needed, negated; the smallest int when there are more than fit one.
      if (count == std::numeric_limits<int32_t>::min()) break;
      tokens.resize(static_cast<size_t>(-count));
    }
  } catch (const std::exception& error) {
    fail(impl_->path, "tokens for the text", error.what());
  }
  throw InputError("[prompt] expected fewer than 2^31 tokens, got more; give a shorter text");
}

std::string Vocabulary::piece(int32_t token, bool special) const {
  if (token < 0 || token >= size()) {
    throw UsageError(
        fmt::format("[token] expected an id from 0 to {}, got {}; use ids of this model", size() - 1, token));
  }
  std::string text(32, '\0');
  try {
    for (;;) {
      const int32_t length = llama_token_to_piece(impl_->vocab, token, text.data(),
                                                  static_cast<int32_t>(text.size()), 0, special);
      text.resize(static_cast<size_t>(length < 0 ? -length : length));
      if (length >= 0) return text;
    }
  } catch (const std::exception& error) {
    fail(impl_->path, fmt::format("text for token {}", token), error.what());
  }
}

std::string Vocabulary::text(std::span<const int32_t> tokens, bool special) const {
  std::string text;
  for (const int32_t token : tokens) text += piece(token, special);
  return text;
}

bool Vocabulary::ends_generation(int32_t token) const { return llama_vocab_is_eog(impl_->vocab, token); }

int32_t Vocabulary::bos() const { return llama_vocab_bos(impl_->vocab); }

bool Vocabulary::adds_bos() const { return llama_vocab_get_add_bos(impl_->vocab); }

bool Vocabulary::has_chat_template() const {
  return llama_model_chat_template(impl_->model.get(), nullptr) != nullptr;
}

std::string Vocabulary::apply_chat_template(std::span<const ChatMessage> messages, bool add_assistant) const {
  const char* layout = llama_model_chat_template(impl_->model.get(), nullptr);
  if (layout == nullptr) {
    throw UsageError("[chat template] expected one in the model file, got none; use --no-chat");
  }
  std::vector<llama_chat_message> list;
  size_t size = 256;
  for (const ChatMessage& message : messages) {
    // libllama takes C strings and would lose what follows a NUL.
    if ((message.role + message.content).find('\0') != std::string::npos) {
      throw InputError("[chat] expected text without NUL bytes, got one; remove it or use --no-chat");
    }
    list.push_back({message.role.c_str(), message.content.c_str()});
    size += 2 * message.content.size() + 64;
  }
  std::string text(static_cast<size_t>(checked_length(size, "chat")), '\0');
  for (;;) {
    const int32_t length = llama_chat_apply_template(layout, list.data(), list.size(), add_assistant,
                                                     text.data(), static_cast<int32_t>(text.size()));
    if (length < 0) {
      throw UsageError(
          "[chat template] expected one that libllama knows, got another in the model file; use --no-chat");
    }
    const bool fits = static_cast<size_t>(length) <= text.size();
    text.resize(static_cast<size_t>(length));
    if (fits) return text;
  }
}

const llama_vocab* Vocabulary::handle() const { return impl_->vocab; }

}  // namespace kvcompress
