// Writes small whole models, one per architecture, that fuzzing starts from. Usage: fuzz_seeds FOLDER
#include <exception>  // std::exception
#include <iostream>   // std::cerr
#include <string>     // std::string

#include "support/tiny_gguf.h"  // write_tiny_gguf

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "expected one folder\n";
    return 2;
  }
  try {
    for (const char* architecture : {"llama", "qwen2", "qwen3", "gemma3", "gptneox"}) {
      kvcompress::test::TinyModel model{.architecture = architecture, .layers = 1, .query_heads = 2};
      model.head_dim = 16;
      model.feed_forward = 32;
      model.type = GGML_TYPE_Q8_0;
      if (model.architecture == "gemma3") model.sliding_window = 8;
      kvcompress::test::write_tiny_gguf(model, std::string(argv[1]) + "/" + architecture + ".gguf");
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
