// Random lives of heads, against the plain model.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <thread>

#include "cache/head_model.h"

namespace kvcompress {
namespace {

struct Life {
  HeadSlots head;
  HeadModel model;
  int32_t next = 0;
};

class HeadSlotsLives : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  const int dim_ = std::get<0>(GetParam());
  const bool fields_ = std::get<1>(GetParam());
  PagePool pool_{make_f16_form(dim_), {.bias = fields_, .scores = fields_, .summaries = fields_}};

  void append(Life& life, Random& random) const {
    const size_t count = random.below(3) == 0 ? 1 + random.below(200) : 1;
    std::vector<int32_t> positions;
    for (size_t i = 0; i < count; ++i) {
      life.next += 1 + static_cast<int32_t>(random.below(10) == 0 ? random.below(50) : 0);
      positions.push_back(life.next);
    }
    append_tokens(life.head, life.model, positions, dim_);
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
    if (compact) {
      ASSERT_EQ(life.head.pages_held(), (indices.size() + kPageSlots - 1) / kPageSlots);
    }
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

  void step(Life& life, Random& random) const {
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
    } else if (action < 90) {
      keep(life, random);
    } else {
      note(life, random);
    }
  }
};

TEST_P(HeadSlotsLives, EqualTheModel) {
  Random random(5, static_cast<uint64_t>(dim_));
  std::vector<std::unique_ptr<Life>> lives;
  lives.push_back(std::make_unique<Life>(Life{HeadSlots(&pool_), {{}, 100}, 0}));
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
  }
  std::set<const std::byte*> distinct;
  for (const auto& life : lives) {
    for (const PageView& view : life->head.pages()) distinct.insert(view.payload);
  }
  EXPECT_EQ(pool_.usage().pages, distinct.size());
  lives.clear();
  EXPECT_EQ(pool_.usage().bytes, 0u);
  EXPECT_EQ(pool_.usage().mapped_bytes, 0u);
}

INSTANTIATE_TEST_SUITE_P(Dims, HeadSlotsLives,
                         testing::Combine(testing::Values(16, 40, 80, 256), testing::Bool()),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "_with_fields" : "");
                         });

TEST(HeadSlotsThreads, HeadsLiveSideBySide) {
  constexpr int kDim = 64, kThreads = 4, kHeadsEach = 6;
  PagePool pool(make_f16_form(kDim), {});
  // Forks of one head as well, so that threads own, copy and free the same pages.
  HeadSlots origin(&pool);
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
