// Random lives of heads, against the plain model.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <thread>

#include "cache/head_model.h"
#include "support/test_pool.h"  // TestPool

namespace kvcompress {
namespace {

struct Life {
  HeadSlots head;
  HeadModel model;
  int32_t next = 0;
};

enum class Packs { nothing, with_positions, with_shared_positions };

class HeadSlotsLives : public testing::TestWithParam<std::tuple<int, bool, Packs>> {
 protected:
  const int dim_ = std::get<0>(GetParam());
  const bool fields_ = std::get<1>(GetParam());
  const Packs packs_ = std::get<2>(GetParam());
  TestPool pool_{dim_, {.bias = fields_, .scores = fields_, .summaries = fields_}};

  PositionStore store_{&pool_.memory()};
  TestPackedForm form_{dim_};
  PagePool packed_pool_{form_.payload_bytes(), dim_, pool_.options(), &pool_.memory(),
                        packs_ == Packs::with_shared_positions ? &store_ : nullptr};
  bool sealed_ = false;  // some page has been
  const Packing packing_{&packed_pool_, packs_ == Packs::nothing ? nullptr : &form_};

  void append(Life& life, Random& random) const {
    const size_t count = random.below(3) == 0 ? 1 + random.below(200) : 1;
    const bool gaps = random.below(2) == 0;
    std::vector<int32_t> positions;
    for (size_t i = 0; i < count; ++i) {
      life.next += 1 + static_cast<int32_t>(gaps && random.below(10) == 0 ? random.below(50) : 0);
      positions.push_back(life.next);
    }
    append_tokens(life.head, life.model, positions, dim_);
  }

  // Exact are then the sinks, the recent tokens, pinned ones, those that were passed over and are older than
  // a packed one, and fewer than a page of others.
  void seal(Life& life, Random& random) {
    const auto sinks = static_cast<int64_t>(random.below(10)),
               recent = static_cast<int64_t>(random.below(150));
    const int32_t older =
        life.head.packed_pages() > 0 ? life.head.pages()[life.head.packed_pages() - 1].last_position : -1;
    life.head.seal(sinks, recent);
    if (packs_ == Packs::nothing) {
      ASSERT_EQ(life.head.packed_pages(), 0u);
      return;
    }
    const auto length = static_cast<int64_t>(life.model.tokens.size());
    std::vector<int32_t> slots(life.model.tokens.size());
    life.head.slots(slots);
    int others = 0;
    for (int64_t i = sinks; i < length - recent; ++i) {
      const auto packed_slots = static_cast<int32_t>(life.head.packed_pages()) * kPageSlots;
      const ModelToken& token = life.model.tokens[static_cast<size_t>(i)];
      others += slots[static_cast<size_t>(i)] >= packed_slots && !token.pinned && token.position > older;
    }
    ASSERT_LT(others, kPageSlots);
    sealed_ = sealed_ || life.head.packed_pages() > 0;
  }

  static void keep(Life& life, Random& random) {
    std::vector<int32_t> indices;
    const uint64_t share = random.below(11);
    for (int32_t i = 0; i < life.head.length(); ++i) {
      if (random.below(10) < share) indices.push_back(i);
    }
    const bool compact = random.below(2) == 0;
    life.head.keep(indices, compact);
    life.model.keep(indices);
    if (!compact) return;
    const std::span<const PageView> pages = life.head.pages();
    for (size_t page = life.head.packed_pages(); page + 1 < pages.size(); ++page) {
      ASSERT_EQ(pages[page].live, kPageSlots);
    }
    size_t holes = 0;
    for (size_t page = 0; page < life.head.packed_pages(); ++page) holes += kPageSlots - pages[page].live;
    ASSERT_TRUE(holes < kPageSlots || 4 * holes < life.head.packed_pages() * kPageSlots) << holes;
  }

  void note(Life& life, Random& random) const {
    const auto index = static_cast<int32_t>(random.below(static_cast<uint64_t>(life.head.length())));
    ModelToken& token = life.model.tokens[static_cast<size_t>(index)];
    token.pinned = random.below(2) == 0;
    life.head.pin(index, token.pinned);
    if (!fields_) return;
    token.bias = static_cast<float>(random.normal());
    life.head.set_bias(index, token.bias);
    std::vector<float> scores(life.model.tokens.size());
    random.fill_normal(scores);
    for (size_t i = 0; i < scores.size(); ++i) life.model.tokens[i].score = scores[i];
    life.head.set_scores(scores);
    life.head.refresh_summaries();
  }

  // Bytes of the pages of all lives, each page once.
  size_t bytes_of(const std::vector<std::unique_ptr<Life>>& lives) const {
    std::set<const std::byte*> distinct;
    size_t bytes = 0;
    for (const auto& life : lives) {
      for (const PageView& view : life->head.pages()) {
        if (!distinct.insert(view.payload).second) continue;
        bytes += view.packed == nullptr ? pool_.page_bytes() : packed_pool_.page_bytes();
      }
    }
    return bytes;
  }

  void step(Life& life, Random& random) {
    const int length = life.head.length();
    const uint64_t action = random.below(100);
    if (length == 0 || action < 35) {
      append(life, random);
    } else if (action < 80) {
      const auto index = static_cast<int32_t>(random.below(static_cast<uint64_t>(length)));
      life.head.drop(index);
      life.model.drop(index);
    } else if (action < 85) {
      const size_t front = random.below(static_cast<uint64_t>(length));
      const int32_t position = life.model.tokens[front].position + static_cast<int32_t>(random.below(2));
      life.head.drop_before(position);
      life.model.drop_before(position);
    } else if (action < 88) {
      keep(life, random);
    } else if (action < 93) {
      seal(life, random);
    } else {
      note(life, random);
    }
  }
};

TEST_P(HeadSlotsLives, EqualTheModel) {
  Random random(5, static_cast<uint64_t>(dim_));
  std::vector<std::unique_ptr<Life>> lives;
  lives.push_back(std::make_unique<Life>(Life{HeadSlots(&pool_, &pool_.form(), packing_, 7), {{}, 100}, 0}));
  for (int s = 0; s < 1500; ++s) {
    const size_t at = random.below(lives.size());
    if (random.below(100) == 0 && lives.size() < 4) {
      lives.push_back(
          std::make_unique<Life>(Life{lives[at]->head.fork(), lives[at]->model, lives[at]->next}));
    } else if (random.below(150) == 0 && lives.size() > 1) {
      lives.erase(lives.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    } else {
      step(*lives[at], random);
    }
    // Every fork must be untouched by what the others do; all of them are looked at now and then.
    for (const auto& life : lives) {
      if (s % 10 != 0 && life != lives[at]) continue;
      ASSERT_NO_FATAL_FAILURE(expect_views_true(life->head)) << "step " << s;
      ASSERT_NO_FATAL_FAILURE(expect_equal(life->head, life->model, dim_, random, fields_)) << "step " << s;
    }
    if (s % 10 != 0) continue;
    if (packs_ == Packs::with_shared_positions) {
      ASSERT_GE(pool_.usage().bytes, bytes_of(lives));
    } else {
      ASSERT_EQ(pool_.usage().bytes, bytes_of(lives));
    }
  }
  EXPECT_EQ(packs_ != Packs::nothing, sealed_);
  lives.clear();
  EXPECT_EQ(pool_.usage().bytes, 0u);
  EXPECT_EQ(pool_.usage().mapped_bytes, 0u);
}

std::string name_of(const testing::TestParamInfo<HeadSlotsLives::ParamType>& info) {
  static const char* const kPacks[] = {"", "_packed", "_packed_sharing_positions"};
  return std::to_string(std::get<0>(info.param)) + (std::get<1>(info.param) ? "_with_fields" : "") +
         kPacks[static_cast<int>(std::get<2>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(Dims, HeadSlotsLives,
                         testing::Combine(testing::Values(16, 40, 80, 256), testing::Bool(),
                                          testing::Values(Packs::nothing)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Packed, HeadSlotsLives,
                         testing::Combine(testing::Values(16, 40, 80), testing::Bool(),
                                          testing::Values(Packs::with_positions,
                                                          Packs::with_shared_positions)),
                         name_of);

TEST(HeadSlotsThreads, HeadsLiveSideBySide) {
  constexpr int kDim = 64, kThreads = 4, kHeadsEach = 6;
  TestPool pool(kDim);
  // Forks of one head as well, so that threads own, copy and free the same pages.
  HeadSlots origin(&pool, &pool.form());
  HeadModel origin_model{{}, 3};
  std::vector<int32_t> positions(300);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int32_t>(i);
  append_tokens(origin, origin_model, positions, kDim);
  std::vector<HeadSlots> heads;
  std::vector<HeadModel> models(kThreads * kHeadsEach, origin_model);
  heads.reserve(models.size());
  for (size_t i = 0; i < models.size(); ++i) heads.push_back(origin.fork());

  const auto work = [&](int thread) {
    Random random(77, static_cast<uint64_t>(thread));
    for (int32_t step = 0; step < 600; ++step) {
      for (int h = 0; h < kHeadsEach; ++h) {
        const auto at = static_cast<size_t>(h * kThreads + thread);  // neighbours belong to other threads
        append_tokens(heads[at], models[at], {300 + step}, kDim);
        const auto index = static_cast<int32_t>(random.below(models[at].tokens.size()));
        heads[at].drop(index);
        models[at].drop(index);
        if (step % 50 == 0) expect_equal(heads[at], models[at], kDim, random, false);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();
  Random random(1);
  for (size_t i = 0; i < heads.size(); ++i) {
    expect_views_true(heads[i]);
    expect_equal(heads[i], models[i], kDim, random, false);
    EXPECT_LE(heads[i].pages_held(), 300u / kPageSlots + 2);
  }
  expect_equal(origin, origin_model, kDim, random, false);
}

}  // namespace
}  // namespace kvcompress
