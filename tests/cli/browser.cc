#include "cli/browser.h"

#include <fmt/format.h>

#include <cstdio>      // popen
#include <cstdlib>     // std::getenv
#include <filesystem>  // std::filesystem::exists
#include <sstream>     // std::istringstream

#include "support/fixtures.h"  // read_file

namespace kvcompress::test {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char part[4096];
  for (size_t count; (count = fread(part, 1, sizeof part, pipe)) > 0;) text.append(part, count);
  pclose(pipe);
  return text;
}

}  // namespace

std::string browser_path() {
  if (const char* given = std::getenv("KVC_BROWSER")) return given;
  for (const char* path :
       {"/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/google-chrome"}) {
    if (std::filesystem::exists(path)) return path;
  }
  return "";
}

RenderedPage render(const std::string& file, int width, bool dark, const std::string& folder) {
  const std::string log = folder + "/browser.log";
  // Every name of a host resolves to nothing: a page that wants the network writes an error.
  const std::string command = fmt::format(
      "timeout 120 '{}' --headless --no-sandbox --disable-gpu --enable-logging=stderr --user-data-dir='{}' "
      "--host-resolver-rules='MAP * ~NOTFOUND' --blink-settings=preferredColorScheme={} --hide-scrollbars "
      "--window-size={},900 --virtual-time-budget=5000 --dump-dom 'file://{}' 2>'{}'",
      browser_path(), folder + "/profile", dark ? 0 : 1, width, file, log);
  RenderedPage page;
  page.document = output_of(command);
  const std::vector<char> bytes = read_file(log);
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("CONSOLE") != std::string::npos) page.console += line + "\n";
  }
  return page;
}

}  // namespace kvcompress::test
