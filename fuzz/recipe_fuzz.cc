// libFuzzer entry: any bytes as a recipe. Only an Error of this library may come out.
#include <kvcompress/error.h>  // Error

#include <cstddef>      // size_t
#include <cstdint>      // uint8_t
#include <string_view>  // std::string_view

#include "policy/recipe.h"  // parse_recipe, resolve_recipe

namespace {

// A recipe that was accepted must survive being printed and read again.
void check_text(std::string_view text) {
  try {
    const kvcompress::Recipe recipe = kvcompress::parse_recipe(text, "fuzz.yaml");
    const std::string printed = kvcompress::to_yaml(recipe);
    if (kvcompress::to_yaml(kvcompress::parse_recipe(printed, "printed.yaml")) != printed) __builtin_trap();
    kvcompress::describe(recipe);
  } catch (const kvcompress::Error&) {
  }
}

void check_override(std::string_view text) {
  try {
    kvcompress::resolve_recipe({"snapkv", {std::string(text)}, ""});
  } catch (const kvcompress::Error&) {
  }
  try {
    kvcompress::resolve_recipe({"", {}, std::string(text)});
  } catch (const kvcompress::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_text(text);
  if (size <= 200) check_override(text);
  return 0;
}
