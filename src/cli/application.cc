#include "cli/application.h"

#include <fmt/format.h>          // fmt::format
#include <kvcompress/error.h>    // Error, UsageError
#include <kvcompress/version.h>  // kVersion

#include <CLI/CLI.hpp>  // CLI::App
#include <exception>    // std::exception
#include <map>          // std::map
#include <new>          // std::bad_alloc

#include "base/nearest_name.h"  // nearest_name
#include "cli/commands.h"       // declare_run
#include "cli/console.h"        // log_error, write_output
#include "cli/interrupt.h"      // install_signal_handlers

namespace kvcompress {
namespace {

struct Command {
  const char* name;
  const char* summary;
  CommandBody (*declare)(CLI::App&);
};

constexpr Command kCommands[] = {
    {"run", "read a prompt, compress it, write an answer", declare_run},
    {"methods", "every recipe, stage answer and parameter", declare_methods},
    {"inspect", "what a model is, and what a recipe will cost on it", declare_inspect},
    {"bench", "speed by depth, batch and recipe", declare_bench},
    {"eval", "quality of a compressed cache beside the full one", declare_eval},
    {"compare", "a grid of models, recipes, budgets and tasks", declare_compare},
    {"report", "tables and pictures from results", declare_report},
    {"calibrate", "measure on a model what some recipes need, into a profile", declare_calibrate},
};

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  return names;
}

void check_command(const std::string& name) {
  const std::vector<std::string> names = command_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  for (const char* later : {"serve"}) {
    if (name != later) continue;
    throw UsageError(
        fmt::format("[command] expected a command of this version, got '{}', which is not in it; this "
                    "version has: {}",
                    name, fmt::join(names, ", ")));
  }
  throw UsageError(fmt::format("[command] expected {}, got '{}'; the nearest is '{}'", fmt::join(names, ", "),
                               name, nearest_name(name, names)));
}

// Names of an app's options as they are typed.
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

// What CLI11 found wrong, in the form of this program's errors.
UsageError explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> extra = app.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !extra.empty()) {
    if (!extra[0].starts_with('-')) {
      return UsageError(fmt::format("[{}] expected options only, got '{}'; put text with spaces in quotes",
                                    app.get_name(), extra[0]));
    }
    const std::string name = extra[0].substr(0, extra[0].find('='));
    return UsageError(
        fmt::format("[{}] expected a known option, got '{}'; the nearest is '{}', all are in "
                    "`kvcompress {} --help`",
                    app.get_name(), name, nearest_name(name, option_names(app)), app.get_name()));
  }
  return UsageError(fmt::format("[{}] expected a valid command line, got: {}; see `kvcompress {} --help`",
                                app.get_name(), error.what(), app.get_name()));
}

int dispatch(int argc, char** argv) {
  CLI::App app("Runs long-context language models with a KV cache that is compressed on purpose.",
               "kvcompress");
  app.set_version_flag("--version", fmt::format("kvcompress {}", kVersion));
  app.get_formatter()->column_width(34);
  std::map<std::string, CommandBody> bodies;
  for (const Command& command : kCommands) {
    bodies[command.name] = command.declare(*app.add_subcommand(command.name, command.summary));
  }
  if (argc < 2) {
    throw UsageError(fmt::format("[command] expected {}, got none; see `kvcompress --help`",
                                 fmt::join(command_names(), ", ")));
  }
  const std::string name = argv[1];
  if (!name.starts_with('-')) check_command(name);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    write_output(app.help());  // of the command, when one was given
    return 0;
  } catch (const CLI::CallForAllHelp&) {
    write_output(app.help("", CLI::AppFormatMode::All));
    return 0;
  } catch (const CLI::CallForVersion& version) {
    write_output(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    throw explain(chosen.empty() ? app : *chosen[0], error);
  }
  return bodies.at(name)();
}

}  // namespace

int run_application(int argc, char** argv) {
  claim_standard_descriptors();
  install_signal_handlers();
  try {
    return dispatch(argc, argv);
  } catch (const Error& error) {
    log_error(error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    log_error("[memory] expected enough memory, got none; use a smaller model, context or budget");
    return 1;
  } catch (const std::exception& error) {
    log_error(fmt::format("[program] expected no failure, got: {}; please report it", error.what()));
    return 1;
  }
}

}  // namespace kvcompress
