// Sequences saved and loaded: under every preset they go on to the very same tokens.
#include <fmt/format.h>
#include <kvcompress/error.h>

#include <fstream>  // std::ofstream

#include "base/file.h"
#include "engine/engine_fixture.h"
#include "engine/session/session_file.h"  // session_trailer

namespace kvcompress::test {
namespace {

constexpr int kPrompt = 400;
const TinyModel kModel{.layers = 3, .query_heads = 6, .kv_heads = 2};
const EngineOptions kOptions{.threads = 2, .chunk = 128};

std::string name_of(const std::string& text) {
  std::string name = text;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

class SessionTest : public EngineTest {
 protected:
  std::string file(const std::string& name = "session") const { return folder_.file(name); }
  std::string contents(const std::string& name = "session") const {
    return kvcompress::read_file(file(name));
  }

  // What decoding and reading on bring to light.
  static std::vector<float> go_on(Engine& engine, Sequence& sequence) {
    const auto vocabulary = static_cast<size_t>(engine.config().vocabulary);
    std::vector<float> all, logits(vocabulary);
    const auto decode = [&](int count) {
      for (int i = 0; i < count; ++i) {
        Sequence* const one[] = {&sequence};
        const int32_t token[] = {all.empty() ? 9 : best_token(std::span(all).last(vocabulary))};
        engine.decode(one, token, logits.data());
        all.insert(all.end(), logits.begin(), logits.end());
      }
    };
    decode(3);
    engine.read(sequence, random_tokens(100, 5), /*last=*/true,
                [&](int, std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); });
    decode(20);
    return all;
  }

  // Saves a fork and loads it in another engine; both go on alike, and the loaded one is saved as the same
  // file.
  void expect_same(Engine& engine, Engine& other, const Sequence& sequence) {
    const auto fork = engine.fork(sequence);
    engine.save(*fork, file());
    Session loaded = other.load(file());
    engine.save(*loaded.sequence, file("again"));
    EXPECT_TRUE(contents("again") == contents());
    EXPECT_EQ(other.kept_positions(*loaded.sequence), engine.kept_positions(sequence));
    EXPECT_EQ(loaded.sequence->cache.bytes(), fork->cache.bytes());
    EXPECT_TRUE(go_on(other, *loaded.sequence) == go_on(engine, *fork));
    EXPECT_EQ(other.kept_positions(*loaded.sequence), engine.kept_positions(*fork));
  }

  template <typename E>
  static std::string refusal(Engine& engine, const std::string& path) {
    try {
      engine.load(path);
    } catch (const E& error) {
      EXPECT_EQ(engine.memory().usage().bytes, 0U) << error.what();
      const std::string message = error.what();
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      return message;
    }
    return "";
  }

  TemporaryFolder folder_;
};

class SessionPresets : public SessionTest, public testing::WithParamInterface<std::string> {
 protected:
  static Recipe recipe() {
    const Recipe plain = recipe_of(GetParam());
    if (!plain.evicts()) return plain;
    std::vector<std::string> overrides = {"budget.tokens=120", "budget.trigger=0"};
    if (plain.budget.recent > 64) overrides.push_back("budget.recent=64");
    return recipe_of(GetParam(), overrides);
  }
};

TEST_P(SessionPresets, GoOnToTheSameTokens) {
  const auto engine = make(kModel, kOptions), other = make(kModel, kOptions);
  const auto sequence = engine->open(recipe());
  engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
  expect_same(*engine, *other, *sequence);
  go_on(*engine, *sequence);
  expect_same(*engine, *other, *sequence);
}

TEST_P(SessionPresets, GoOnInTheMiddleOfThePrompt) {
  const auto engine = make(kModel, kOptions), other = make(kModel, kOptions);
  const Recipe recipe = this->recipe();
  const bool settles = recipe.refit || (recipe.store && recipe.store->guards() > 0);
  const bool bounded = recipe.needs().replay_chunk == 0 && !settles;
  const auto sequence = engine->open(recipe, bounded ? PrefillMode::bounded : PrefillMode::exact);
  engine->read(*sequence, random_tokens(300), /*last=*/false);
  const auto fork = engine->fork(*sequence);
  engine->save(*fork, file());
  Session loaded = other->load(file());
  const auto rest = random_tokens(100, 3);
  engine->read(*fork, rest, /*last=*/true);
  other->read(*loaded.sequence, rest, /*last=*/true);
  EXPECT_TRUE(go_on(*other, *loaded.sequence) == go_on(*engine, *fork));
  EXPECT_EQ(other->kept_positions(*loaded.sequence), engine->kept_positions(*fork));
}

std::vector<std::string> recipes() {
  std::vector<std::string> names;
  for (const std::string& name : preset_names()) {
    if (recipe_of(name).calibration_kinds().empty()) names.push_back(name);
  }
  names.push_back("snapkv+rotated_q4");
  names.push_back("h2o+kivi_2");
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, SessionPresets, testing::ValuesIn(recipes()),
                         [](const auto& info) { return name_of(info.param); });

TEST_F(SessionTest, SlidingWindowsAndSharedReadings) {
  TinyModel gemma{.architecture = "gemma3", .layers = 3, .query_heads = 4, .kv_heads = 2};
  gemma.sliding_window = 70;
  gemma.window_period = 3;
  const auto engine = make(gemma, kOptions), other = make(gemma, kOptions);
  for (const char* name : {"full", "tova", "kvzip", "rotated_q4"}) {
    const Recipe plain = recipe_of(name);
    const auto sequence = engine->open(plain.evicts() ? recipe_of(name, {"budget.tokens=100"}) : plain);
    engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
    expect_same(*engine, *other, *sequence);
  }
  const Recipe recipes[] = {recipe_of("h2o", {"budget.tokens=100", "budget.recent=32"}),
                            recipe_of("expected_attention", {"budget.tokens=100"})};
  const auto read = engine->open_shared(recipes);
  engine->read(*read, random_tokens(kPrompt), /*last=*/true);
  engine->save(*read, file());
  const Session loaded = other->load(file());
  for (const Recipe& recipe : recipes) {
    const auto here = engine->compressed(*read, recipe), there = other->compressed(*loaded.sequence, recipe);
    EXPECT_TRUE(go_on(*other, *there) == go_on(*engine, *here)) << recipe.name;
  }
}

TEST_F(SessionTest, ARequestGoesOnWhereTheFileEnds) {
  const auto engine = make(kModel, kOptions), other = make(kModel, kOptions);
  for (const char* name : {"full", "snapkv+rotated_q4", "tova"}) {
    const Recipe plain = recipe_of(name);
    const Recipe recipe = plain.evicts() ? recipe_of(name, {"budget.tokens=120"}) : plain;
    const auto whole = engine->run(greedy(random_tokens(kPrompt), recipe, 40));
    const RequestId id = engine->submit(greedy(random_tokens(kPrompt), recipe, 15));
    EXPECT_THROW(engine->save(id, file()), UsageError) << "it has not been served";
    while (engine->step()) {
    }
    engine->save(id, file(), "my note");
    std::vector<int32_t> tokens = engine->take(id).tokens;

    Session loaded = other->load(file());
    EXPECT_EQ(loaded.tail.note, "my note");
    EXPECT_EQ(loaded.tail.unread, tokens.back());
    const RequestId resumed = other->submit(greedy({}, recipe_of("full"), 25), std::move(loaded));
    while (other->step()) {
    }
    const Completion rest = other->take(resumed);
    tokens.insert(tokens.end(), rest.tokens.begin(), rest.tokens.end());
    EXPECT_EQ(tokens, whole.tokens) << name;
    EXPECT_EQ(rest.receipt.loaded_tokens, kPrompt + 14);
    EXPECT_EQ(rest.receipt.cache.tokens_seen, whole.receipt.cache.tokens_seen);
    EXPECT_EQ(rest.receipt.cache.kept, whole.receipt.cache.kept);
  }
}

TEST_F(SessionTest, AQuestionIsReadBehindTheFileAsAHiddenOneIs) {
  const auto engine = make(kModel, kOptions), other = make(kModel, kOptions);
  const Recipe recipe = recipe_of("snapkv", {"budget.tokens=120"});
  Request whole = greedy(random_tokens(kPrompt), recipe, 20);
  whole.question = random_tokens(30, 8);
  const auto expected = engine->run(whole).tokens;
  const RequestId id = engine->submit(greedy(random_tokens(kPrompt), recipe, 0));
  while (engine->step()) {
  }
  engine->save(id, file());
  Session loaded = other->load(file());
  EXPECT_EQ(loaded.tail.unread, std::nullopt);
  const RequestId asked = other->submit(greedy(whole.question, recipe_of("full"), 20), std::move(loaded));
  while (other->step()) {
  }
  EXPECT_EQ(other->take(asked).tokens, expected);
  EXPECT_THROW(other->submit(greedy({}, recipe, 5), other->load(file())), UsageError) << "nothing to read";
  EXPECT_THROW(other->submit(greedy(random_tokens(2000), recipe, 5), other->load(file())), UsageError)
      << "beyond the context";
}

TEST_F(SessionTest, ACancelledRequestIsNotSaved) {
  const auto engine = make(kModel, kOptions);
  const RequestId id = engine->submit(greedy(random_tokens(20), recipe_of("full"), 10));
  engine->step();
  engine->cancel(id);
  EXPECT_THROW(engine->save(id, file()), UsageError);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(SessionTest, ASequenceOfACalibrationIsNotSaved) {
  const auto engine = make(kModel, kOptions);
  const auto sequence = engine->open(recipe_of("full"));
  sequence->observed.inputs = std::make_shared<LayerInputs>();
  EXPECT_THROW(engine->save(*sequence, file()), UsageError);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

class BadSession : public SessionTest {
 protected:
  void SetUp() override {
    engine_ = make(kModel, kOptions);
    const auto sequence = engine_->open(recipe_of("snapkv+rotated_q4", {"budget.tokens=250"}));
    engine_->read(*sequence, random_tokens(kPrompt), /*last=*/true);
    engine_->save(*sequence, file());
  }
  std::string write(const std::string& bytes) const {
    std::ofstream(file("bad"), std::ios::binary) << bytes;
    return file("bad");
  }
  // With a trailer that fits what it holds now.
  static std::string sealed(std::string bytes) {
    bytes.resize(bytes.size() - 16);
    const std::vector<std::byte> trailer = session_trailer(std::as_bytes(std::span(bytes)));
    return bytes + std::string(reinterpret_cast<const char*>(trailer.data()), trailer.size());
  }
  std::unique_ptr<Engine> engine_;
};

TEST_F(BadSession, CutOffAnywhere) {
  const std::string good = contents();
  for (const size_t size : {size_t{1}, size_t{8}, size_t{11}, size_t{12}, size_t{27}, size_t{28},
                            size_t{5000}, good.size() / 2, good.size() - 16, good.size() - 1}) {
    EXPECT_NE(refusal<InputError>(*engine_, write(good.substr(0, size))).find("cut off"), std::string::npos)
        << size;
  }
  EXPECT_NE(refusal<InputError>(*engine_, write(good + "x")).find("cut off"), std::string::npos);
}

TEST_F(BadSession, AFlippedByteAnywhere) {
  const std::string good = contents();
  for (size_t at = 0; at < good.size(); at += 1 + good.size() / 97) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    EXPECT_NE(refusal<InputError>(*engine_, write(bytes)), "") << at;
  }
}

TEST_F(BadSession, ForeignNewerAndUnreadable) {
  EXPECT_NE(refusal<InputError>(*engine_, write("")).find("another kind of file"), std::string::npos);
  EXPECT_NE(refusal<InputError>(*engine_, write("GGUF and more of it")).find("another kind of file"),
            std::string::npos);
  std::string newer = contents();
  newer[8] = 2;
  EXPECT_NE(refusal<InputError>(*engine_, write(sealed(newer))).find("format 2"), std::string::npos);
  newer[8] = 0;
  EXPECT_NE(refusal<InputError>(*engine_, write(sealed(newer))), "");
  EXPECT_NE(refusal<IoError>(*engine_, file("absent")), "");
  EXPECT_NE(refusal<IoError>(*engine_, folder_.path().string()), "");
}

TEST_F(BadSession, AnotherModelContextOrMemory) {
  TinyModel model = kModel;
  model.seed = 2;
  EXPECT_NE(refusal<UsageError>(*make(model, kOptions), file()).find("with that model"), std::string::npos);
  EngineOptions options = kOptions;
  options.context = 300;
  EXPECT_NE(refusal<UsageError>(*make(kModel, options), file()).find("context of 300"), std::string::npos);
  options = kOptions;
  options.cache_limit_bytes = 60'000;
  EXPECT_NE(refusal<CapacityError>(*make(kModel, options), file()).find("60000 bytes"), std::string::npos);
}

TEST_F(BadSession, TheWorkBehindItIsPlannedToo) {
  EngineOptions options = kOptions;
  options.cache_limit_bytes = 900'000;
  const auto engine = make(kModel, options);
  EXPECT_THROW(engine->submit(greedy(random_tokens(1500), {}, 10), engine->load(file())), CapacityError);
  EXPECT_EQ(engine->memory().usage().bytes, 0U);
  EXPECT_NO_THROW(engine->submit(greedy(random_tokens(100), {}, 10), engine->load(file())));
}

TEST_F(BadSession, RecipesOfAnotherVersion) {
  std::string bytes = contents();
  const size_t at = bytes.find("attention_window");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'e';
  const std::string message = refusal<InputError>(*engine_, write(sealed(bytes)));
  EXPECT_NE(message.find("a recipe of this version"), std::string::npos) << message;
}

// The checksum keeps damage out, and behind it nothing is taken on trust: whatever is accepted can go on.
TEST_F(BadSession, DamageUnderAnotherChecksum) {
  const std::string good = contents();
  uint64_t state = 1;
  const auto below = [&](uint64_t bound) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % bound;
  };
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = good;
    const uint64_t at = 12 + below(round % 3 == 0 ? bytes.size() - 28 : 4000);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
    bytes = sealed(bytes);
    try {
      Session loaded = engine_->load(std::as_bytes(std::span(bytes)));
      engine_->read(*loaded.sequence, random_tokens(5), /*last=*/true);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 20);
}

TEST_F(BadSession, AFullDiskIsAnErrorAndLeavesNothing) {
  const auto sequence = engine_->open(recipe_of("full"));
  engine_->read(*sequence, random_tokens(10), /*last=*/true);
  EXPECT_THROW(engine_->save(*sequence, "/dev/full"), IoError);
  EXPECT_THROW(engine_->save(*sequence, file("no/folder")), IoError);
}

TEST_F(SessionTest, ProfilesAreThoseItWasSavedWith) {
  const auto engine = make(kModel, kOptions);
  const auto profile = [&](float share) {
    Calibration calibration;
    calibration.kind = "head_importance";
    calibration.model_hash = fmt::format("{:016x}", engine->file().hash());
    calibration.arrays["importance"] = {{3, 2}, {share, 1, 1, 1, 1, 1}};
    return std::make_shared<const Calibration>(calibration);
  };
  const CalibrationPtr given = profile(2), same = profile(2), different = profile(3);
  Recipe recipe = recipe_of("full");
  recipe.calibrations = {given};
  const auto sequence = engine->open(recipe);
  engine->read(*sequence, random_tokens(10), /*last=*/true);
  engine->save(*sequence, file());
  EXPECT_EQ(engine->load(file(), {different, same}).sequence->recipe.calibrations.front(), same);
  EXPECT_THROW(engine->load(file(), {different}), UsageError);
  EXPECT_THROW(engine->load(file()), UsageError);
}

}  // namespace
}  // namespace kvcompress::test
