// kvcompress run: read a prompt, compress it, write an answer.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError, Cancelled

#include <CLI/CLI.hpp>        // CLI::App
#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/file.h"   // write_file
#include "base/timer.h"  // Timer
#include "cli/chat.h"    // chat
#include "cli/commands.h"
#include "cli/console.h"                  // write_output, log_info
#include "cli/interrupt.h"                // StopOnInterrupt
#include "cli/options.h"                  // ModelFlags, RecipeFlags, SamplingFlags, OutputFlags
#include "cli/progress_bar.h"             // ProgressBar
#include "cli/prompt.h"                   // read_prompt
#include "cli/receipt_text.h"             // run_json
#include "cli/result.h"                   // finish
#include "cli/session_flags.h"            // SessionFlags, make_turn
#include "policy/calibrations_shipped.h"  // describe_calibrations

namespace kvcompress {
namespace {

struct RunFlags {
  ModelFlags model;
  RecipeFlags recipe;
  SamplingFlags sampling;
  OutputFlags output;
  PromptFlags prompt;
  SessionFlags session;
  std::vector<std::string> stop;
  std::string kept_file;
  int64_t max_tokens = 256;

  void declare(CLI::App& app);
};

void RunFlags::declare(CLI::App& app) {
  model.declare(app);
  app.add_option("-f,--file", prompt.context_file, "the context: a text file")->type_name("FILE");
  app.add_option("-p,--prompt", prompt.text, "the question after the context, or the whole prompt")
      ->type_name("TEXT");
  app.add_option("--tokens", prompt.tokens_file, "the prompt as a JSON list of token ids")->type_name("FILE");
  app.add_option(
         "--question", prompt.question,
         "visible: compressed together with the context; hidden: read after the context was compressed")
      ->type_name("visible|hidden")
      ->capture_default_str();
  app.add_option("-n,--predict", max_tokens, "tokens to write at most; -1: until the context is full")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--stop", stop, "end the answer before this text (repeatable)")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  app.add_flag("--no-chat", prompt.no_chat, "raw completion: no chat template");
  app.add_option("--system", prompt.system, "system message of the chat template")->type_name("TEXT");
  recipe.declare(app, /*several=*/false);
  sampling.declare(app);
  app.add_option("--kept", kept_file, "write the positions kept of the prompt, as JSON")->type_name("FILE");
  session.declare(app);
  output.declare(app, /*writes_file=*/true, /*gated=*/true, /*progress=*/true);
}

bool is_chat(const RunFlags& flags) {
  return !flags.prompt.context_file && !flags.prompt.text && !flags.prompt.tokens_file && input_is_terminal();
}

// A receipt that has every figure, to know the fields that --require may name.
std::vector<std::string> run_fields() {
  Receipt receipt;
  receipt.generated_tokens = 2;
  receipt.cache.bytes = 1;
  return number_fields(run_json("", "", "", receipt));
}

Request make_request(const RunFlags& flags, const Recipe& recipe) {
  Request request;
  request.recipe = recipe;
  request.prefill = flags.recipe.prefill();
  request.sampling = flags.sampling.sampling;
  request.stop = flags.stop;
  return request;
}

int answer_tokens(const RunFlags& flags, const Engine& engine, const TurnStart& start, size_t prompt_tokens) {
  if (flags.max_tokens >= 0) return static_cast<int>(flags.max_tokens);
  const int seen = start.session.sequence ? start.session.sequence->cache.next_position : 0;
  return std::max(engine.context() - seen - static_cast<int>(prompt_tokens), 0);
}

// Submits the request and works until it is done or interrupted; what is done goes to the session's file.
Completion complete(Engine& engine, Request request, const RunFlags& flags, TurnStart start,
                    PromptPlace after) {
  ProgressBar bar("reading", "tokens", flags.output.shows_progress());
  bool wrote = false;
  if (!flags.output.json) {
    request.on_token = [&](const StreamEvent& event) {
      bar.clear();
      wrote = wrote || !event.text.empty();
      write_output(event.text);
    };
  }
  request.on_progress = [&](int64_t done, int64_t total) { bar.update(done, total); };
  request.on_prompt = [&](const Sequence& sequence) {
    if (flags.kept_file.empty()) return;
    write_file(flags.kept_file, dump(Json(engine.kept_positions(sequence)), /*indent=*/-1) + "\n");
  };
  const RequestId id = submit(engine, std::move(request), std::move(start));
  try {
    while (!engine.finished(id)) engine.step();
    if (!flags.session.save.empty()) engine.save(id, flags.session.save, to_string(after));
  } catch (const Cancelled&) {
    // The receipt so far is shown below; its finish says that it was cut off.
  }
  bar.clear();
  Completion completion = engine.take(id);
  if (wrote) write_output("\n");
  return completion;
}

int run(const RunFlags& flags) {
  flags.output.apply();
  check_range("--predict", flags.max_tokens, -1, INT32_MAX);
  const EngineOptions options = flags.model.options();
  Recipe recipe = flags.recipe.one();
  flags.session.check(flags.recipe, flags.prompt);
  const std::vector<Gate> gates = flags.output.gates(run_fields());
  const bool chatting = is_chat(flags);
  if (chatting && flags.output.json) {
    throw UsageError("[--json] expected a prompt beside it, got a chat in a terminal; give -f or -p");
  }
  const PromptText text =
      chatting ? PromptText{} : read_prompt(flags.prompt, /*continues=*/!flags.session.load.empty());

  const Timer load;
  Engine engine(flags.model.path, options);
  const double load_ms = load.milliseconds();
  const StopOnInterrupt stopping(engine.stop_flag());
  TurnStart start = load_start(engine, flags.session, flags.recipe, flags.prompt);
  if (start.session.sequence) recipe = start.session.sequence->recipe;
  if (flags.output.verbose) {
    log_info(engine.describe());
    const std::string profiles = describe_calibrations(engine.bound(recipe));
    if (!profiles.empty()) log_info(profiles);
  }

  Request request = make_request(flags, recipe);
  Completion completion;
  if (chatting) {
    request.max_tokens = answer_tokens(flags, engine, start, 0);
    completion = chat(engine, std::move(request), flags.prompt, std::move(start), flags.session.save);
  } else {
    const bool stays_open = !flags.session.save.empty() && flags.max_tokens == 0 && !flags.prompt.text;
    Turn turn = make_turn(engine.vocabulary(), flags.prompt, text, start, stays_open);
    request.max_tokens =
        answer_tokens(flags, engine, start, turn.tokens.prompt.size() + turn.tokens.question.size());
    request.prompt = std::move(turn.tokens.prompt);
    request.question = std::move(turn.tokens.question);
    completion = complete(engine, std::move(request), flags, std::move(start), turn.after);
  }

  completion.receipt.time.load_ms = load_ms;
  const Json json = run_json(std::filesystem::path(flags.model.path).filename().string(), recipe.name,
                             completion.text, completion.receipt);
  if (!flags.output.quiet && !flags.output.json) {
    write_message(receipt_text(completion.receipt, describe(recipe)));
  }
  const int code = finish(flags.output, json, "", gates, {json});
  if (completion.receipt.finish == FinishReason::cancelled) {
    throw Cancelled("[run] expected to finish, got an interrupt; what was done so far is above");
  }
  return code;
}

}  // namespace

CommandBody declare_run(CLI::App& app) {
  const auto flags = std::make_shared<RunFlags>();
  flags->declare(app);
  return [flags] { return run(*flags); };
}

}  // namespace kvcompress
