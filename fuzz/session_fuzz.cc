// libFuzzer entry: any bytes as a session of a small model, behind a checksum that fits them. Only an Error
// of this library may come out, and what was accepted must be able to go on.
#include <kvcompress/error.h>  // Error
#include <unistd.h>            // getpid

#include <array>       // std::array
#include <cstddef>     // std::byte
#include <cstdint>     // uint8_t
#include <filesystem>  // std::filesystem::temp_directory_path
#include <span>        // std::as_bytes
#include <string>      // std::string
#include <vector>      // std::vector

#include "engine/engine.h"                // Engine
#include "engine/session/session_file.h"  // session_trailer
#include "session_model.h"                // session_model

namespace {

using kvcompress::Engine;

Engine& engine() {
  static const std::string path =
      (std::filesystem::temp_directory_path() / ("kvcompress-fuzz-" + std::to_string(getpid()) + ".gguf"))
          .string();
  static Engine* const made = [] {
    kvcompress::test::write_tiny_gguf(kvcompress::session_model(), path);
    auto* const with_model = new Engine(path, {.chunk = 16, .cache_limit_bytes = size_t{64} << 20});
    std::filesystem::remove(path);
    return with_model;
  }();
  return *made;
}

void go_on(kvcompress::Sequence& sequence) {
  constexpr std::array<int32_t, 20> kTokens{3, 4, 5, 6, 7, 8, 9};
  engine().read(sequence, kTokens, /*last=*/true);
  std::vector<float> logits(static_cast<size_t>(engine().config().vocabulary));
  for (int i = 0; i < 3; ++i) {
    kvcompress::Sequence* const one[] = {&sequence};
    engine().decode(one, std::span(kTokens).first(1), logits.data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto content = std::as_bytes(std::span(data, size));
  std::vector<std::byte> file(content.begin(), content.end());
  const std::vector<std::byte> trailer = kvcompress::session_trailer(content);
  file.insert(file.end(), trailer.begin(), trailer.end());
  try {
    const kvcompress::Session session = engine().load(file);
    go_on(*session.sequence);
  } catch (const kvcompress::Error&) {
  }
  return 0;
}
