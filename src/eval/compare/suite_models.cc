// The models of a suite, and the profiles that belong to them.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // Error

#include <algorithm>   // std::any_of
#include <filesystem>  // std::filesystem::path

#include "eval/compare/suite_parts.h"
#include "model/model_file.h"  // ModelFile

namespace kvcompress {
namespace {

std::string model_path(const std::string& given, const SuiteFolders& folders) {
  if (given.find('/') != std::string::npos) return given;
  const std::string file = given.ends_with(".gguf") ? given : given + ".gguf";
  return (std::filesystem::path(folders.models) / file).string();
}

// A model of the folder that can be fetched has the command that does it in the message.
std::string advice(const std::string& given) {
  return given.find('/') != std::string::npos
             ? "correct the path"
             : "put the file there, give a path with a /, or get the default model with scripts/get-model.sh";
}

void read_hash(SuiteNode& root, SuiteModel& model) {
  try {
    model.hash = fmt::format("{:016x}", ModelFile(model.path).hash());
  } catch (const Error& error) {
    root.problems().add_error(model.line, error.what());
  }
}

void read_profiles(SuiteNode& node, const std::string& origin, SuiteModel& model) {
  for (const std::string& name : node.texts("profiles")) {
    const std::filesystem::path path = std::filesystem::path(origin).parent_path() / name;
    try {
      const Calibration profile = read_calibration(path.string());
      if (profile.model_hash != model.hash) {
        node.problems().add(
            node.line_of("profiles"),
            fmt::format("expected a profile of the model {} (hash {}), got {} of {} (hash {}); "
                        "make one with kvcompress calibrate {}",
                        model.name, model.hash, name, profile.model, profile.model_hash, profile.kind));
      }
      model.profiles.push_back(std::make_shared<const Calibration>(profile));
    } catch (const Error& error) {
      node.problems().add_error(node.line_of("profiles"), error.what());
    }
  }
}

}  // namespace

void read_suite_models(SuiteNode& root, const SuiteFolders& folders, Suite& suite) {
  for (const YamlNode* item : suite_items(root, "models")) {
    SuiteModel model;
    model.line = item->line;
    YamlNode plain;  // "- NAME" is "- {model: NAME}"
    if (item->kind == YamlNode::Kind::value) {
      plain.kind = YamlNode::Kind::map;
      plain.line = item->line;
      plain.entries.push_back(*item);
      plain.entries.back().key = "model";
    }
    SuiteNode node(item->kind == YamlNode::Kind::value ? plain : *item, "a model", root.problems());
    const std::string given = node.required("model");
    model.path = model_path(given, folders);
    model.name = node.text("name").value_or(std::filesystem::path(model.path).stem().string());
    model.tasks = node.texts("tasks");
    const bool there = std::filesystem::is_regular_file(model.path);
    if (!given.empty() && !there) {
      root.problems().add(item->line, fmt::format("expected the model {}, got no such file: {}; {}", given,
                                                  model.path, advice(given)));
    }
    if (there) {
      read_hash(root, model);
      read_profiles(node, suite.origin, model);
    } else {
      node.node("profiles");
    }
    node.finish();
    const auto same = [&](const SuiteModel& other) { return other.name == model.name; };
    if (std::any_of(suite.models.begin(), suite.models.end(), same)) {
      root.problems().add(item->line,
                          fmt::format("expected each model once, got {} again; give it a name", model.name));
    }
    suite.models.push_back(std::move(model));
  }
}

}  // namespace kvcompress
