// --save-session and --load-session: what a run goes on behind, and what it leaves for the next one.
#pragma once

#include <CLI/CLI.hpp>
#include <string>  // std::string

#include "cli/options.h"    // RecipeFlags
#include "cli/prompt.h"     // PromptFlags, PromptPlace
#include "engine/engine.h"  // Engine, Session

namespace kvcompress {

struct SessionFlags {
  std::string load, save;

  void declare(CLI::App& app);
  // UsageError for options that a loaded session has decided already, IoError for a folder that is not there.
  void check(const RecipeFlags& recipe, const PromptFlags& prompt) const;
};

// A session that was loaded, or the beginning of a sequence.
struct TurnStart {
  Session session;  // without a sequence: a new one
  PromptPlace place = PromptPlace::start;
  bool ended = false;  // the session's unread token ends an answer
};

TurnStart load_start(Engine& engine, const SessionFlags& flags, const RecipeFlags& recipe,
                     const PromptFlags& prompt);
RequestId submit(Engine& engine, Request request, TurnStart start);

struct Turn {
  PromptTokens tokens;
  PromptPlace after;  // where the next one begins
};

// stays_open: nothing is to be answered yet, so the message of a context stays open for a question.
Turn make_turn(const Vocabulary& vocabulary, const PromptFlags& flags, const PromptText& text,
               const TurnStart& start, bool stays_open);

}  // namespace kvcompress
