// An engine over a tiny random model, and helpers to run it.
#pragma once

#include <gtest/gtest.h>

#include <memory>  // std::unique_ptr
#include <string>  // std::string
#include <vector>  // std::vector

#include "engine/engine.h"
#include "policy/recipe.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress::test {

inline std::vector<int32_t> random_tokens(int count, uint32_t seed = 1) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  uint32_t state = seed * 2654435761U + 1;
  for (int32_t& token : tokens) {
    state = state * 1664525U + 1013904223U;
    token = 3 + static_cast<int32_t>((state >> 8) % (kTinyVocabulary - 3));
  }
  return tokens;
}

inline Recipe recipe_of(const std::string& name, std::vector<std::string> overrides = {}) {
  return resolve_recipe({.recipe = name, .overrides = std::move(overrides), .budget = ""});
}

class EngineTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> make(TinyModel model = {}, EngineOptions options = {}) {
    const std::string path = folder_.file("tiny" + std::to_string(made_++) + ".gguf");
    model.context_length = 2048;
    write_tiny_gguf(model, path);
    return std::make_unique<Engine>(path, options);
  }

  static Request greedy(std::vector<int32_t> prompt, const Recipe& recipe, int max_tokens = 24) {
    Request request;
    request.prompt = std::move(prompt);
    request.recipe = recipe;
    request.max_tokens = max_tokens;
    request.sampling.greedy = true;
    request.ignore_end = true;
    return request;
  }

 private:
  TemporaryFolder folder_;
  int made_ = 0;
};

}  // namespace kvcompress::test
