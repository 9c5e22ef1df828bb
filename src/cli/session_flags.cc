#include "cli/session_flags.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <utility>  // std::move

namespace kvcompress {

void SessionFlags::declare(CLI::App& app) {
  app.add_option("--save-session", save, "write the compressed sequence to this file at the end")
      ->type_name("FILE");
  app.add_option("--load-session", load,
                 "go on behind such a file, under its recipe: -p is the next question")
      ->type_name("FILE");
}

void SessionFlags::check(const RecipeFlags& recipe, const PromptFlags& prompt) const {
  if (!save.empty()) check_folder("--save-session", save);
  if (load.empty()) return;
  const char* decided = !recipe.recipe.empty()           ? "--recipe"
                        : !recipe.budget.empty()         ? "--budget"
                        : !recipe.overrides.empty()      ? "--set"
                        : recipe.prefill_name != "exact" ? "--prefill"
                        : prompt.system.has_value()      ? "--system"
                                                         : nullptr;
  if (decided == nullptr) return;
  throw UsageError(fmt::format(
      "[{}] expected none beside --load-session, got one; the session goes on as it was begun", decided));
}

TurnStart load_start(Engine& engine, const SessionFlags& flags, const RecipeFlags& recipe,
                     const PromptFlags& prompt) {
  TurnStart start;
  if (flags.load.empty()) return start;
  start.session = engine.load(flags.load, recipe.calibrations());
  const std::optional<int32_t> unread = start.session.tail.unread;
  start.ended = unread && engine.vocabulary().ends_generation(*unread);
  start.place = parse_place(start.session.tail.note).value_or(PromptPlace::raw);
  if (!uses_chat_template(engine.vocabulary(), prompt)) start.place = PromptPlace::raw;
  return start;
}

RequestId submit(Engine& engine, Request request, TurnStart start) {
  if (start.session.sequence == nullptr) return engine.submit(std::move(request));
  return engine.submit(std::move(request), std::move(start.session));
}

Turn make_turn(const Vocabulary& vocabulary, const PromptFlags& flags, const PromptText& text,
               const TurnStart& start, bool stays_open) {
  const bool nothing = text.context.empty() && text.question.empty() && text.tokens.empty();
  if (nothing && start.place == PromptPlace::open_message) {
    throw UsageError("[prompt] expected a question about the session's context, got none; give -p");
  }
  if (nothing) return {{}, start.place};
  const bool raw =
      start.place == PromptPlace::raw || flags.tokens_file || !uses_chat_template(vocabulary, flags);
  if (raw || !stays_open) {
    return {tokenize_behind(vocabulary, flags, text, start.place, start.ended),
            raw ? PromptPlace::raw : PromptPlace::answered};
  }
  // Cut before a question that is asked later.
  PromptFlags hidden = flags;
  hidden.question = "hidden";
  const PromptText asked{text.context, "?", {}};
  return {{tokenize_behind(vocabulary, hidden, asked, start.place, start.ended).prompt, {}},
          PromptPlace::open_message};
}

}  // namespace kvcompress
