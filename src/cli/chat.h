// A conversation in the terminal: one sequence that every turn extends, under one recipe and budget.
#pragma once

#include "cli/prompt.h"         // PromptFlags
#include "cli/session_flags.h"  // TurnStart
#include "engine/engine.h"      // Engine

namespace kvcompress {

// Reads turns from standard input until it ends (or the user writes /exit); answers go to standard output.
// Returns the last turn, with the receipt of the whole sequence. Without a chat template a turn is raw text
// that is continued. start: a session that the conversation goes on behind; save: where to write one at the
// end, or empty.
Completion chat(Engine& engine, Request request, const PromptFlags& flags, TurnStart start,
                const std::string& save);

}  // namespace kvcompress
