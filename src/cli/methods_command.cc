// kvcompress methods: every recipe, stage answer and parameter of this build.
#include <CLI/CLI.hpp>  // CLI::App

#include "cli/commands.h"
#include "cli/console.h"     // write_output
#include "cli/options.h"     // OutputFlags
#include "policy/methods.h"  // methods_json, methods_text

namespace kvcompress {
namespace {

struct MethodsFlags {
  std::string name;
  OutputFlags output;
};

// JSON of both forms comes whole from the policy rung.
int methods(const MethodsFlags& flags) {
  flags.output.apply();
  std::string text = flags.output.json ? methods_json(flags.name) : methods_text(flags.name);
  if (!text.ends_with('\n')) text += '\n';
  write_output(text);
  return 0;
}

}  // namespace

CommandBody declare_methods(CLI::App& app) {
  const auto flags = std::make_shared<MethodsFlags>();
  app.add_option("name", flags->name, "a recipe or a stage's answer, shown in full")->type_name("NAME");
  flags->output.declare(app, /*writes_file=*/false, /*gated=*/false, /*progress=*/false);
  return [flags] { return methods(*flags); };
}

}  // namespace kvcompress
