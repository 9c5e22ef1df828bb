// Writes what fuzzing starts from: small whole models, one per architecture, and sessions of one under
// several recipes, without their trailers. Usage: fuzz_seeds MODELS SESSIONS (two folders)
#include <exception>   // std::exception
#include <filesystem>  // std::filesystem::remove
#include <iostream>    // std::cerr
#include <string>      // std::string

#include "base/file.h"          // read_file, write_file
#include "engine/engine.h"      // Engine
#include "session_model.h"      // session_model
#include "support/tiny_gguf.h"  // write_tiny_gguf

namespace {

using kvcompress::Engine;

constexpr size_t kTrailerBytes = 16;

void write_models(const std::string& folder) {
  for (const char* architecture : {"llama", "qwen2", "qwen3", "gemma3", "gptneox"}) {
    kvcompress::test::TinyModel model{.architecture = architecture, .layers = 1, .query_heads = 2};
    model.head_dim = 16;
    model.feed_forward = 32;
    model.type = GGML_TYPE_Q8_0;
    if (model.architecture == "gemma3") model.sliding_window = 8;
    kvcompress::test::write_tiny_gguf(model, folder + "/" + architecture + ".gguf");
  }
}

void write_sessions(const std::string& folder) {
  const std::string model = folder + "/model.gguf";
  kvcompress::test::write_tiny_gguf(kvcompress::session_model(), model);
  Engine engine(model, {.chunk = 64});
  const std::vector<int32_t> prompt(150, 7);
  for (const std::string name : {"full", "q4", "snapkv", "tova", "h2o", "kvzip", "expected_attention",
                                 "streaming_llm_rolling", "snapkv+rotated_q4"}) {
    kvcompress::RecipeRequest request{.recipe = name, .overrides = {}, .budget = ""};
    if (name != "full" && name != "q4") request.budget = "80";
    if (name == "h2o") request.overrides = {"budget.recent=16"};
    const auto sequence = engine.open(kvcompress::resolve_recipe(request));
    engine.read(*sequence, prompt, /*last=*/name != "kvzip");
    const std::string path = folder + "/" + name;
    engine.save(*sequence, path);
    const std::string file = kvcompress::read_file(path);
    kvcompress::write_file(path, file.substr(0, file.size() - kTrailerBytes));
  }
  std::filesystem::remove(model);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "expected two folders\n";
    return 2;
  }
  try {
    write_models(argv[1]);
    write_sessions(argv[2]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
