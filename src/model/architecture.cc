#include "model/architecture.h"

#include <fmt/format.h>

#include <string_view>  // std::string_view

#include "kvcompress/error.h"
#include "model/architectures/architectures.h"  // make_llama

namespace kvcompress {
namespace {

struct Entry {
  std::string_view name;  // general.architecture
  MakeArchitecture* make;
};

constexpr Entry kArchitectures[] = {
    {"gemma3", make_gemma3}, {"gptneox", make_gptneox}, {"llama", make_llama},
    {"qwen2", make_qwen2},   {"qwen3", make_qwen3},
};

}  // namespace

std::unique_ptr<Architecture> make_architecture(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  const std::string wanted = file.require_text("general.architecture");
  for (const Entry& entry : kArchitectures) {
    if (entry.name == wanted) return entry.make(file, linear, pool);
  }
  throw InputError(
      fmt::format("[model file {}] expected an architecture of {}, got '{}'; use a model of one of these",
                  file.path(), fmt::join(known_architectures(), ", "), wanted));
}

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const Entry& entry : kArchitectures) names.emplace_back(entry.name);
  return names;
}

}  // namespace kvcompress
