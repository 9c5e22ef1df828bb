#include "cli/chat.h"

#include <kvcompress/error.h>  // Cancelled

#include "cli/console.h"  // read_line, write_output

namespace kvcompress {
namespace {

// The conversation so far, and the tokens that each turn adds to it.
class Conversation {
 public:
  Conversation(const Vocabulary& vocabulary, const PromptFlags& flags)
      : vocabulary_(vocabulary), templated_(uses_chat_template(vocabulary, flags)) {
    if (flags.system) messages_.push_back({"system", *flags.system});
  }

  std::vector<int32_t> first_turn(const std::string& user, const TurnStart& start) {
    if (start.place != PromptPlace::start) return resume(user, start);
    if (!templated_) return vocabulary_.tokenize(user, /*add_special=*/true, /*parse_special=*/true);
    add_user(user);
    return tokenize_added("", user, /*add_special=*/true);
  }

  // `reply` was written and its end token, if `ended`, is already part of the sequence.
  std::vector<int32_t> next_turn(const std::string& reply, bool ended, const std::string& user) {
    if (!templated_) return vocabulary_.tokenize("\n" + user, /*add_special=*/false, /*parse_special=*/true);
    messages_.push_back({"assistant", reply});
    const std::string seen = seen_text(reply);
    add_user(user);
    std::vector<int32_t> tokens = tokenize_added(seen, user, /*add_special=*/false);
    if (ended && !tokens.empty() && vocabulary_.ends_generation(tokens.front())) tokens.erase(tokens.begin());
    return tokens;
  }

  PromptPlace place() const { return templated_ ? PromptPlace::answered : PromptPlace::raw; }

 private:
  // What was said before is not known: the next turn needs no more of it than that it was a conversation.
  std::vector<int32_t> resume(const std::string& user, const TurnStart& start) {
    templated_ = templated_ && start.place != PromptPlace::raw;
    if (start.place == PromptPlace::answered) messages_ = {{"user", "x"}, {"assistant", "y"}};
    if (templated_) add_user(user);
    return tokenize_behind(vocabulary_, {}, {"", user, {}}, start.place, start.ended).prompt;
  }

  void add_user(const std::string& user) {
    messages_.push_back({"user", user});
    rendered_ = vocabulary_.apply_chat_template(messages_, /*add_assistant=*/true);
  }

  // The rendered text that the sequence has seen. A template that rewrites a reply (trims it, say) is taken
  // at its word for where the reply ends.
  std::string seen_text(const std::string& reply) const {
    const std::string with_reply = vocabulary_.apply_chat_template(messages_, /*add_assistant=*/false);
    if (with_reply.starts_with(rendered_ + reply)) return rendered_ + reply;
    return with_reply;
  }

  std::vector<int32_t> tokenize_added(const std::string& seen, const std::string& user,
                                      bool add_special) const {
    const std::string added = rendered_.starts_with(seen) ? rendered_.substr(seen.size()) : rendered_;
    const size_t at = added.rfind(user);
    if (at == std::string::npos) return vocabulary_.tokenize(added, add_special, /*parse_special=*/true);
    return tokenize_message(vocabulary_, added.substr(0, at), user, added.substr(at + user.size()),
                            add_special);
  }

  const Vocabulary& vocabulary_;
  bool templated_;
  std::vector<ChatMessage> messages_;
  std::string rendered_;  // of messages_, with the beginning of an answer
};

std::optional<std::string> ask() {
  for (;;) {
    write_message("> ");
    std::optional<std::string> line = read_line();
    if (!line || *line == "/exit" || *line == "/quit") return std::nullopt;
    if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
    check_text("stdin", *line);
    return line;
  }
}

void answer(Engine& engine, RequestId id) {
  while (!engine.finished(id)) engine.step();
  write_output("\n");
}

}  // namespace

Completion chat(Engine& engine, Request request, const PromptFlags& flags, TurnStart start,
                const std::string& save) {
  std::optional<RequestId> id;
  Conversation conversation(engine.vocabulary(), flags);
  // Only what has been answered to the end: an interrupted step leaves a sequence that cannot go on.
  const auto save_finished = [&] {
    if (!save.empty() && engine.finished(*id)) engine.save(*id, save, to_string(conversation.place()));
  };
  try {
    std::optional<std::string> user = ask();
    if (!user) return {};
    std::string reply;
    int64_t written = 0;  // tokens of the reply, its end token left out
    const int max_tokens = request.max_tokens;
    request.on_token = [&](const StreamEvent& event) {
      written++;
      reply += event.text;
      write_output(event.text);
    };
    request.prompt = conversation.first_turn(*user, start);
    id = submit(engine, std::move(request), std::move(start));
    for (answer(engine, *id); (user = ask()); answer(engine, *id)) {
      const std::vector<int32_t> tokens =
          conversation.next_turn(reply, /*ended=*/written < max_tokens, *user);
      reply.clear();
      written = 0;
      engine.follow_up(*id, tokens, max_tokens);
    }
  } catch (const Cancelled&) {
    if (!id) throw;
    write_message("\n");
    save_finished();
    engine.cancel(*id);
    Completion completion = engine.take(*id);
    completion.receipt.finish = FinishReason::cancelled;
    return completion;
  }
  save_finished();
  return engine.take(*id);
}

}  // namespace kvcompress
