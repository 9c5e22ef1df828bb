// The commands of the program, one file each. A declaration adds the command's options to `app` and returns
// what runs it once the command line has been parsed; that returns the exit code.
#pragma once

#include <functional>  // std::function

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it
class App;       // its header takes seconds to compile
}

namespace kvcompress {

using CommandBody = std::function<int()>;

CommandBody declare_run(CLI::App& app);
CommandBody declare_methods(CLI::App& app);
CommandBody declare_inspect(CLI::App& app);
CommandBody declare_bench(CLI::App& app);
CommandBody declare_eval(CLI::App& app);
CommandBody declare_compare(CLI::App& app);
CommandBody declare_report(CLI::App& app);
CommandBody declare_calibrate(CLI::App& app);

}  // namespace kvcompress
