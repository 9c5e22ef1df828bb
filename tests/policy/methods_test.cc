#include "policy/methods.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <fstream>  // std::ifstream
#include <nlohmann/json.hpp>
#include <set>      // std::set
#include <sstream>  // std::stringstream

#include "policy/parameter_table.h"
#include "policy/recipe.h"
#include "policy/registry.h"

namespace kvcompress {
namespace {

using Json = nlohmann::json;

TEST(Registry, HasTheDefaultOfEveryStage) {
  for (const StageInfo& stage : all_stages()) {
    EXPECT_NE(registry().find(stage.stage, stage.default_answer), nullptr) << stage.name;
    EXPECT_EQ(&stage_info(stage.stage), &stage);
  }
}

TEST(Registry, EveryAnswerSaysWhatItIs) {
  for (const AnswerInfo& answer : registry().answers()) {
    EXPECT_FALSE(answer.summary.empty()) << answer.name;
    EXPECT_FALSE(answer.source.empty()) << answer.name;
    EXPECT_TRUE(answer.make()->problem().empty()) << answer.name;
    std::set<std::string> names;
    for (const ParameterRow& row : parameter_rows(*answer.make())) {
      EXPECT_FALSE(row.help.empty()) << answer.name << "." << row.name;
      EXPECT_TRUE(names.insert(row.name).second) << answer.name << "." << row.name << " twice";
    }
  }
}

TEST(Registry, ScoresScoreAndSharesShare) {
  for (const AnswerInfo& answer : registry().answers()) {
    const std::unique_ptr<Answer> made = answer.make();
    if (answer.stage == Stage::score && answer.name != "none") {
      EXPECT_NE(dynamic_cast<ScorePolicy*>(made.get()), nullptr) << answer.name;
    }
    if (answer.stage == Stage::layers) {
      EXPECT_NE(dynamic_cast<LayerShares*>(made.get()), nullptr) << answer.name;
    }
    if (answer.stage == Stage::heads) {
      EXPECT_NE(dynamic_cast<HeadShares*>(made.get()), nullptr) << answer.name;
    }
  }
}

TEST(Registry, TwoOfOneNameAreAnError) {
  Registry own;
  const AnswerInfo info{Stage::score, "twice", "s", "t", [] { return std::make_unique<PlainAnswer>(); }};
  own.add(info);
  EXPECT_THROW(own.add(info), Error);
}

TEST(MethodsJson, HasTheShapeOfTheInterface) {
  const Json json = Json::parse(methods_json());
  ASSERT_EQ(json.at("recipes").size(), preset_names().size());
  for (const Json& recipe : json.at("recipes")) {
    for (const char* key : {"name", "summary", "source"}) EXPECT_TRUE(recipe.at(key).is_string());
    for (const char* stage : {"propagate", "score", "budget", "store", "schedule", "route"}) {
      EXPECT_TRUE(recipe.at("stages").contains(stage)) << stage;
    }
  }
  for (const Json& answers : json.at("stages")) {
    for (const Json& answer : answers) {
      for (const Json& parameter : answer.at("parameters")) {
        for (const char* key : {"name", "type", "default", "range", "help"})
          EXPECT_TRUE(parameter.contains(key)) << key;
      }
    }
  }
}

TEST(MethodsJson, ValuesHaveTheirTypes) {
  const Json json = Json::parse(methods_json("snapkv"));
  ASSERT_EQ(json.at("recipes").size(), 1u);
  const Json& stages = json.at("recipes").at(0).at("stages");
  EXPECT_EQ(stages.at("score").at("kind"), "attention_window");
  EXPECT_EQ(stages.at("score").at("window"), 32);
  EXPECT_EQ(stages.at("score").at("count_padding"), true);
  EXPECT_EQ(stages.at("budget").at("keep"), 0.25);
  EXPECT_EQ(stages.at("budget").at("skip_layers"), Json::array());
  EXPECT_FALSE(stages.at("budget").contains("tokens"));
}

TEST(MethodsText, ListsAllAndShowsOne) {
  const std::string all = methods_text();
  for (const std::string& name : preset_names())
    EXPECT_NE(all.find("  " + name + " "), std::string::npos) << name;
  const std::string one = methods_text("attention_window");
  EXPECT_NE(one.find("score.window  integer, default 32, range 1..4096"), std::string::npos) << one;
  EXPECT_NE(methods_text("snapkv").find("kind: attention_window"), std::string::npos);
}

TEST(MethodsText, UnknownNameNamesTheNearest) {
  for (const auto& call : {&methods_text, &methods_json}) {
    try {
      (*call)("atention_window");
      ADD_FAILURE();
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("did you mean 'attention_window'?"), std::string::npos);
    }
  }
}

TEST(MethodsMarkdown, HasEveryAnswerAndRecipe) {
  const std::string text = methods_markdown();
  for (const AnswerInfo& answer : registry().answers()) {
    const std::string title = "### " + std::string(stage_info(answer.stage).name) + ": " + answer.name + "\n";
    EXPECT_NE(text.find(title), std::string::npos) << title;
    for (const ParameterRow& row : parameter_rows(*answer.make())) {
      EXPECT_NE(text.find("| `" + row.name + "` |"), std::string::npos) << answer.name << "." << row.name;
    }
  }
  for (const std::string& name : preset_names())
    EXPECT_NE(text.find("### " + name + "\n"), std::string::npos) << name;
}

TEST(MethodsMarkdown, TheDocumentIsUpToDate) {
  std::stringstream document;
  document << std::ifstream(KVC_DOCS_DIR "/methods.md").rdbuf();
  EXPECT_EQ(document.str(), methods_markdown()) << "make docs writes docs/methods.md again";
}

}  // namespace
}  // namespace kvcompress
