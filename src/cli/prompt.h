// From what the user gave (files, text, standard input, token ids) to the tokens the engine reads.
#pragma once

#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "model/vocabulary.h"  // Vocabulary

namespace kvcompress {

struct PromptFlags {
  std::optional<std::string> context_file, text, tokens_file, system;
  bool no_chat = false;
  std::string question = "visible";  // or hidden: read after the context was compressed
};

// Where a prompt begins, and what it leaves behind: what a session file notes for the next turn.
enum class PromptPlace {
  start,         // of the sequence
  raw,           // behind text without a chat template
  open_message,  // inside the user's message, whose context has been read
  answered,      // behind an answer
};
std::string to_string(PromptPlace place);
std::optional<PromptPlace> parse_place(const std::string& text);

// The texts, read and checked: whole UTF-8 without NUL bytes, not empty.
struct PromptText {
  std::string context, question;
  std::vector<int32_t> tokens;  // of --tokens; then there is no text
};

// Throws UsageError for an empty prompt or options that do not go together, IoError for a file that cannot be
// read, InputError (with the offset) for bytes that are no text. continues: no text at all is fine, because
// what a session has written goes on.
PromptText read_prompt(const PromptFlags& flags, bool continues = false);

struct PromptTokens {
  std::vector<int32_t> prompt, question;  // question: read after the prompt was compressed
};

// With a chat template (and without no_chat) context and question become one user message, a blank line
// between. Text that looks like a special token inside the user's words stays text there.
PromptTokens tokenize_prompt(const Vocabulary& vocabulary, const PromptFlags& flags, const PromptText& text);
// The same for a prompt that begins elsewhere. ended: the last token before it ends the answer already.
PromptTokens tokenize_behind(const Vocabulary& vocabulary, const PromptFlags& flags, const PromptText& text,
                             PromptPlace place, bool ended);

// Tokens of `before + content + after` in which special-token text counts outside `content` only.
std::vector<int32_t> tokenize_message(const Vocabulary& vocabulary, const std::string& before,
                                      const std::string& content, const std::string& after, bool add_special);

// The same checks for one text; `name` is for messages.
void check_text(const std::string& name, const std::string& text);

bool uses_chat_template(const Vocabulary& vocabulary, const PromptFlags& flags);

}  // namespace kvcompress
