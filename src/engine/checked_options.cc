#include "engine/checked_options.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include "base/memory.h"  // available_memory

namespace kvcompress {

int checked_context(const ModelConfig& config, const EngineOptions& options) {
  if (options.context == 0) return config.context_length;
  if (options.context < 0 || (options.context > config.context_length && !options.rope_extend)) {
    throw UsageError(
        fmt::format("[context] expected 1 to {} tokens (what the model was trained for), got {}; allow more "
                    "with --rope-extend",
                    config.context_length, options.context));
  }
  return options.context;
}

EngineOptions checked(const EngineOptions& options) {
  if (options.threads < 1) {
    throw UsageError(fmt::format("[threads] expected 1 or more, got {}", options.threads));
  }
  if (options.chunk < 1 || options.chunk > 65536) {
    throw UsageError(fmt::format("[chunk] expected 1 to 65536 tokens, got {}", options.chunk));
  }
  return options;
}

size_t cache_limit(const EngineOptions& options) {
  return options.cache_limit_bytes > 0 ? options.cache_limit_bytes : available_memory();
}

}  // namespace kvcompress
