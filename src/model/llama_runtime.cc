#include "model/llama_runtime.h"

#include <llama.h>
#include <spdlog/spdlog.h>

#include <mutex>        // std::call_once
#include <string_view>  // std::string_view
#include <utility>      // std::exchange

namespace kvcompress {
namespace {

thread_local std::string last_error;

void receive_log(ggml_log_level level, const char* text, void*) {
  std::string_view line = text;
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
  if (line.empty() || line == ".") return;  // progress dots
  // The first error is the cause; those after it say where it was noticed.
  if (level == GGML_LOG_LEVEL_ERROR && last_error.empty()) {
    last_error = line;
    for (char& c : last_error) {
      if (c == '\n' || c == '\r') c = ' ';
    }
  }
  spdlog::debug("llama: {}", line);
}

}  // namespace

void start_llama() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(receive_log, nullptr);
    llama_backend_init();
  });
}

std::string take_llama_error() { return std::exchange(last_error, {}); }

}  // namespace kvcompress
