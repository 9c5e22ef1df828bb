// What `kvcompress methods` shows and docs/methods.md is made of: every preset and every registered answer
// with its parameters. All three forms read the registry and the presets, so none can lag behind.
#pragma once

#include <string>  // std::string

namespace kvcompress {

// interface:
// {"recipes":[{"name","summary","source","stages"}],"stages":{"score":[{"name","summary","parameters"}],..}}
std::string methods_json(const std::string& name = "");
// One line each; with a name, the recipe or answer in full. Throws UsageError with the nearest name when
// unknown.
std::string methods_text(const std::string& name = "");
// docs/methods.md.
std::string methods_markdown();

}  // namespace kvcompress
