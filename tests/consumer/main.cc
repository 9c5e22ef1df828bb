// Uses the public interface of an installed kvcompress: version, recipes, errors, engine. Exits with 0 when
// each behaves as its header says.
#include <kvcompress/engine/engine.h>
#include <kvcompress/error.h>
#include <kvcompress/policy/recipe.h>
#include <kvcompress/version.h>

#include <algorithm>
#include <iostream>

namespace {

bool recipe_is_found() {
  const auto names = kvcompress::preset_names();
  const kvcompress::Recipe recipe = kvcompress::resolve_recipe({"snapkv", {}, "512"});
  std::cout << "kvcompress " << kvcompress::kVersion << ", ggml " << kvcompress::kGgmlVersion << ", "
            << names.size() << " presets: " << kvcompress::describe(recipe) << '\n';
  return std::find(names.begin(), names.end(), "snapkv") != names.end() && recipe.budget.tokens == 512;
}

bool wrong_recipe_is_refused() {
  try {
    kvcompress::resolve_recipe({"snapvk", {}, ""});
  } catch (const kvcompress::UsageError& error) {
    std::cout << error.what() << '\n';
    return error.exit_code() == 2;
  }
  return false;
}

bool missing_model_is_refused() {
  try {
    kvcompress::Engine engine("no-such-model.gguf", {});
  } catch (const kvcompress::IoError& error) {
    std::cout << error.what() << '\n';
    return true;
  }
  return false;
}

}  // namespace

int main() { return recipe_is_found() && wrong_recipe_is_refused() && missing_model_is_refused() ? 0 : 1; }
