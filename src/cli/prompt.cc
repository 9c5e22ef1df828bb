#include "cli/prompt.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError, InputError
#include <unistd.h>            // STDIN_FILENO

#include <nlohmann/json.hpp>  // nlohmann::json

#include "base/file.h"  // read_file, read_descriptor
#include "base/text.h"  // invalid_utf8_offset

namespace kvcompress {
namespace {

constexpr const char* kBlankLine = "\n\n";

std::string checked_file(const std::string& path) {
  std::string text = read_file(path);
  check_text(path, text);
  return text;
}

void drop_final_line_ends(std::string& text, size_t most) {
  for (; most > 0 && text.ends_with('\n'); most--) {
    text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
  }
}

std::vector<int32_t> read_token_file(const std::string& path) {
  const auto wrong = [&](const std::string& got) {
    return InputError(fmt::format("[{}] expected a JSON list of token ids, got {}", path, got));
  };
  const auto json = nlohmann::json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw wrong("text that is not JSON");
  if (!json.is_array()) throw wrong(fmt::format("a JSON {}", json.type_name()));
  std::vector<int32_t> tokens;
  for (const auto& id : json) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX) throw wrong(id.dump());
    tokens.push_back(id.get<int32_t>());
  }
  return tokens;
}

void check_ids(const Vocabulary& vocabulary, const std::string& path, const std::vector<int32_t>& tokens) {
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i] < vocabulary.size()) continue;
    throw InputError(
        fmt::format("[{}] expected token ids below {}, the model's vocabulary, got {} at index {}", path,
                    vocabulary.size(), tokens[i], i));
  }
}

void append(std::vector<int32_t>& to, const std::vector<int32_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// A rendered chat prompt cut around the user's message.
struct Rendered {
  std::string before, content, after;
};

Rendered render(const Vocabulary& vocabulary, const PromptFlags& flags, std::string content) {
  std::vector<ChatMessage> messages;
  if (flags.system) messages.push_back({"system", *flags.system});
  messages.push_back({"user", content});
  const std::string text = vocabulary.apply_chat_template(messages, /*add_assistant=*/true);
  size_t at = text.rfind(content);
  if (at == std::string::npos && content.find_first_not_of(" \n\r\t") != std::string::npos) {
    // Some templates trim the message.
    content = content.substr(content.find_first_not_of(" \n\r\t"));
    content.erase(content.find_last_not_of(" \n\r\t") + 1);
    at = text.rfind(content);
  }
  if (at == std::string::npos) return {text, "", ""};
  return {text.substr(0, at), content, text.substr(at + content.size())};
}

// What follows on an answer: the end of its message, and the user's next one. The template is asked about
// a made-up conversation, as what it writes there does not depend on what was said.
Rendered render_next(const Vocabulary& vocabulary, const std::string& content) {
  const std::string reply = "y";
  std::vector<ChatMessage> messages = {{"user", "x"}};
  const std::string asked = vocabulary.apply_chat_template(messages, /*add_assistant=*/true);
  messages.push_back({"assistant", reply});
  const std::string answered = vocabulary.apply_chat_template(messages, /*add_assistant=*/false);
  messages.push_back({"user", content});
  const std::string text = vocabulary.apply_chat_template(messages, /*add_assistant=*/true);
  const std::string seen = answered.starts_with(asked + reply) ? asked + reply : answered;
  const size_t at = text.rfind(content);
  if (!text.starts_with(seen) || at == std::string::npos || at < seen.size()) {
    throw InputError(
        "[--load-session] expected a chat template that leaves messages as they are; add --no-chat");
  }
  return {text.substr(seen.size(), at - seen.size()), content, text.substr(at + content.size())};
}

std::string joined(const PromptText& text) {
  const bool both = !text.context.empty() && !text.question.empty();
  return text.context + (both ? kBlankLine : "") + text.question;
}

PromptTokens tokenize_hidden(const Vocabulary& vocabulary, const PromptFlags& flags, const PromptText& text) {
  Rendered rendered{"", text.context + kBlankLine + text.question, ""};
  if (uses_chat_template(vocabulary, flags)) rendered = render(vocabulary, flags, rendered.content);
  const size_t question = rendered.content.rfind(text.question);
  if (question == std::string::npos) {
    throw InputError("[--question] expected a chat template that leaves the message as it is; add --no-chat");
  }
  return {tokenize_message(vocabulary, rendered.before, rendered.content.substr(0, question), "", true),
          tokenize_message(vocabulary, "", rendered.content.substr(question), rendered.after, false)};
}

}  // namespace

void check_text(const std::string& name, const std::string& text) {
  if (const size_t at = text.find('\0'); at != std::string::npos) {
    throw InputError(
        fmt::format("[{}] expected text, got a NUL byte at offset {}; give a text file", name, at));
  }
  if (const auto at = invalid_utf8_offset(text)) {
    throw InputError(fmt::format(
        "[{}] expected UTF-8 text, got an invalid byte at offset {}; convert it to UTF-8", name, *at));
  }
}

std::string to_string(PromptPlace place) {
  switch (place) {
    case PromptPlace::start:
      return "start";
    case PromptPlace::raw:
      return "raw";
    case PromptPlace::open_message:
      return "open message";
    case PromptPlace::answered:
      return "answered";
  }
  return "";
}

std::optional<PromptPlace> parse_place(const std::string& text) {
  for (const PromptPlace place : {PromptPlace::raw, PromptPlace::open_message, PromptPlace::answered}) {
    if (text == to_string(place)) return place;
  }
  return std::nullopt;
}

PromptText read_prompt(const PromptFlags& flags, bool continues) {
  if (flags.question != "visible" && flags.question != "hidden") {
    throw UsageError(fmt::format("[--question] expected visible or hidden, got '{}'", flags.question));
  }
  const bool hidden = flags.question == "hidden";
  if (hidden && !(flags.context_file && flags.text)) {
    throw UsageError(
        "[--question] expected -f and -p with hidden, got one of them only; the question of -p is read "
        "after the context of -f was compressed");
  }
  if (flags.tokens_file && (flags.context_file || flags.text || flags.system)) {
    throw UsageError("[--tokens] expected no -f, -p or --system beside it, because it is the whole prompt");
  }
  PromptText prompt;
  if (flags.system) check_text("--system", *flags.system);
  if (flags.tokens_file) prompt.tokens = read_token_file(*flags.tokens_file);
  if (flags.context_file) prompt.context = checked_file(*flags.context_file);
  if (flags.text) {
    check_text("-p", *flags.text);
    prompt.question = *flags.text;
    drop_final_line_ends(prompt.context, prompt.context.size());
  } else if (!flags.context_file && !flags.tokens_file) {
    prompt.context = read_descriptor(STDIN_FILENO, "stdin");
    check_text("stdin", prompt.context);
  }
  // A text file ends with a line end that its writer did not mean as part of the prompt.
  if (!flags.text) drop_final_line_ends(prompt.context, 1);
  if (prompt.context.empty() && prompt.question.empty() && prompt.tokens.empty() && !continues) {
    throw UsageError(
        "[prompt] expected some text, got none; give -f FILE, -p TEXT or text on standard input");
  }
  return prompt;
}

bool uses_chat_template(const Vocabulary& vocabulary, const PromptFlags& flags) {
  return !flags.no_chat && vocabulary.has_chat_template();
}

std::vector<int32_t> tokenize_message(const Vocabulary& vocabulary, const std::string& before,
                                      const std::string& content, const std::string& after,
                                      bool add_special) {
  const std::vector<int32_t> plain =
      vocabulary.tokenize(content, /*add_special=*/false, /*parse_special=*/false);
  if (plain == vocabulary.tokenize(content, /*add_special=*/false, /*parse_special=*/true)) {
    // Tokenised as a whole, as the model saw such prompts in training.
    return vocabulary.tokenize(before + content + after, add_special, /*parse_special=*/true);
  }
  std::vector<int32_t> tokens = vocabulary.tokenize(before, add_special, /*parse_special=*/true);
  append(tokens, plain);
  append(tokens, vocabulary.tokenize(after, /*add_special=*/false, /*parse_special=*/true));
  return tokens;
}

PromptTokens tokenize_prompt(const Vocabulary& vocabulary, const PromptFlags& flags, const PromptText& text) {
  if (flags.tokens_file) {
    check_ids(vocabulary, *flags.tokens_file, text.tokens);
    return {text.tokens, {}};
  }
  if (flags.question == "hidden") return tokenize_hidden(vocabulary, flags, text);
  const std::string content = joined(text);
  if (!uses_chat_template(vocabulary, flags)) {
    return {vocabulary.tokenize(content, /*add_special=*/true, /*parse_special=*/true), {}};
  }
  const Rendered rendered = render(vocabulary, flags, content);
  return {tokenize_message(vocabulary, rendered.before, rendered.content, rendered.after, true), {}};
}

PromptTokens tokenize_behind(const Vocabulary& vocabulary, const PromptFlags& flags, const PromptText& text,
                             PromptPlace place, bool ended) {
  if (flags.tokens_file) {
    check_ids(vocabulary, *flags.tokens_file, text.tokens);
    return {text.tokens, {}};
  }
  if (place == PromptPlace::start) return tokenize_prompt(vocabulary, flags, text);
  const bool hidden = flags.question == "hidden";
  Rendered rendered{"", joined(text), ""};
  if (rendered.content.empty()) return {};
  if (place == PromptPlace::open_message) {
    // As a question behind a context that was read with it.
    const PromptText asked{"?", hidden ? text.question : rendered.content, {}};
    PromptTokens tokens = tokenize_hidden(vocabulary, flags, asked);
    if (!hidden) return {std::move(tokens.question), {}};
    return {tokenize_message(vocabulary, "", text.context + kBlankLine, "", false), tokens.question};
  }
  if (place == PromptPlace::answered) rendered = render_next(vocabulary, rendered.content);
  const size_t cut = hidden ? rendered.content.rfind(text.question) : rendered.content.size();
  PromptTokens tokens;
  tokens.prompt = tokenize_message(vocabulary, rendered.before, rendered.content.substr(0, cut),
                                   hidden ? "" : rendered.after, false);
  if (hidden) tokens.question = tokenize_message(vocabulary, "", text.question, rendered.after, false);
  const bool repeats = ended && !tokens.prompt.empty() && vocabulary.ends_generation(tokens.prompt.front());
  if (repeats) tokens.prompt.erase(tokens.prompt.begin());
  return tokens;
}

}  // namespace kvcompress
