// Heads on their way to bytes and back.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cstring>  // std::memcmp, std::memcpy
#include <numeric>  // std::iota

#include "base/archive.h"
#include "cache/head_model.h"
#include "support/test_pool.h"  // TestPool

namespace kvcompress {
namespace {

constexpr int kDim = 24;

struct Parts {
  explicit Parts(bool fields = true, bool packs = true) : pool(kDim, {.bias = fields, .scores = fields}) {
    if (packs) packing = {&packed, &form};
  }
  HeadSlots head(uint64_t seed = 3) { return HeadSlots(&pool, &pool.form(), packing, seed); }

  TestPool pool;
  PositionStore store{&pool.memory()};
  TestPackedForm form{kDim};
  PagePool packed{form.payload_bytes(), kDim, pool.options(), &pool.memory(), &store};
  Packing packing;
};

std::vector<std::byte> written(HeadSlots& head, int32_t end) {
  std::vector<std::byte> bytes;
  ArchiveWriter writer(
      [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
  head.archive(writer, end);
  writer.flush();
  return bytes;
}

void read(std::span<const std::byte> bytes, HeadSlots& head, int32_t end) {
  std::span<const std::byte> rest = bytes;
  ArchiveReader reader("head", bytes.size(), [&](std::span<std::byte> out) {
    std::memcpy(out.data(), rest.data(), out.size());
    rest = rest.subspan(out.size());
  });
  head.archive(reader, end);
}

// Packed pages, some with holes, exact pages with holes and room, pins, biases, scores.
HeadModel fill(HeadSlots& head, bool fields) {
  HeadModel model;
  std::vector<int32_t> positions(400);
  std::iota(positions.begin(), positions.end(), 5);
  append_tokens(head, model, positions, kDim);
  head.pin(2, true), head.pin(350, true);
  model.tokens[2].pinned = model.tokens[350].pinned = true;
  if (fields) head.set_bias(100, -0.5F), model.tokens[100].bias = -0.5F;
  head.seal(4, 90);
  for (const int32_t index : {20, 21, 80, 330, 0}) head.drop(index), model.drop(index);
  if (!fields) return model;
  std::vector<float> scores(model.tokens.size());
  for (size_t i = 0; i < scores.size(); ++i)
    model.tokens[i].score = scores[i] = 0.25F * static_cast<float>(i);
  head.set_scores(scores);
  return model;
}

TEST(HeadSlotsArchive, AHeadComesBackAsItWas) {
  for (const bool fields : {false, true}) {
    for (const bool packs : {false, true}) {
      Parts here(fields, packs), there(fields, packs);
      HeadSlots head = here.head(), copy = there.head(99);
      const HeadModel model = fill(head, fields);
      const std::vector<std::byte> bytes = written(head, 405);
      read(bytes, copy, 405);
      EXPECT_EQ(written(copy, 405), bytes);
      expect_views_true(copy);
      Random random(1);
      expect_equal(copy, model, kDim, random, fields);
      ASSERT_EQ(copy.pages().size(), head.pages().size());
      EXPECT_EQ(copy.packed_pages(), head.packed_pages());
      EXPECT_EQ(copy.packed_pages() > 0, packs);
      EXPECT_EQ(copy.bytes(), head.bytes());
      EXPECT_EQ(copy.any_pinned(), head.any_pinned());
    }
  }
}

TEST(HeadSlotsArchive, ItGoesOnAsTheFirstOneDoes) {
  Parts here, there;
  HeadSlots head = here.head(), copy = there.head(99);
  HeadModel model = fill(head, true);
  read(written(head, 405), copy, 405);
  for (HeadSlots* one : {&head, &copy}) {
    HeadModel own = model;
    std::vector<int32_t> more(200);
    std::iota(more.begin(), more.end(), 500);
    append_tokens(*one, own, more, kDim);
    one->seal(4, 30);
    for (int i = 0; i < 130; ++i) one->drop(40), own.drop(40);
    one->drop_before(100), own.drop_before(100);
  }
  EXPECT_EQ(written(copy, 700), written(head, 700));
}

TEST(HeadSlotsArchive, AForkIsWrittenAndLeftAsItIs) {
  Parts here;
  HeadSlots head = here.head();
  fill(head, true);
  const size_t pages = here.pool.usage().pages;
  HeadSlots fork = head.fork();
  EXPECT_EQ(written(fork, 405), written(head, 405));
  EXPECT_EQ(here.pool.usage().pages, pages) << "nothing was copied";
}

TEST(HeadSlotsArchive, HeadsThatAreMadeDifferentlyAreRefused) {
  Parts full, plain(false, true), exact(true, false);
  HeadSlots head = full.head();
  fill(head, true);
  const std::vector<std::byte> bytes = written(head, 405);
  for (Parts* parts : {&plain, &exact}) {
    HeadSlots other = parts->head();
    EXPECT_THROW(read(bytes, other, 405), InputError);
  }
  HeadSlots late = full.head();
  EXPECT_THROW(read(bytes, late, 404), InputError) << "a token after the sequence's last";
  EXPECT_THROW(read(bytes, head, 405), std::logic_error) << "it has pages";
}

TEST(HeadSlotsArchive, TooLittleMemoryLeavesNothingBehind) {
  Parts here;
  HeadSlots head = here.head();
  fill(head, true);
  const std::vector<std::byte> bytes = written(head, 405);
  TestPool small(kDim, {.bias = true, .scores = true}, /*limit_bytes=*/2 * here.pool.page_bytes());
  {
    PagePool packed(here.form.payload_bytes(), kDim, small.options(), &small.memory());
    HeadSlots other(&small, &small.form(), {&packed, &here.form}, 3);
    EXPECT_THROW(read(bytes, other, 405), CapacityError);
  }
  EXPECT_EQ(small.usage().bytes, 0u);
}

TEST(HeadSlotsArchive, NumbersThatAreNotFiniteAreRefused) {
  Parts here(/*fields=*/false), there(/*fields=*/false);
  HeadSlots head = here.head();
  fill(head, false);
  std::vector<std::byte> bytes = written(head, 405);
  // The values of the last page, which is exact.
  std::fill(bytes.end() - 2000, bytes.end(), std::byte{0xFF});
  HeadSlots other = there.head();
  try {
    read(bytes, other, 405);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("finite"), std::string::npos) << error.what();
  }
}

// Bytes from anywhere are a head that keeps its promises, or are refused.
TEST(HeadSlotsArchive, DamagedBytesAreRefusedOrAHead) {
  Parts here;
  HeadSlots head = here.head();
  fill(head, true);
  const std::vector<std::byte> good = written(head, 405);
  Random random(7);
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    std::vector<std::byte> bad = good;
    for (uint64_t flips = 1 + random.below(3); flips > 0; --flips) {
      // Half of them where the numbers are that everything hangs on.
      const uint64_t at = random.below(random.below(2) == 0 ? 600 : bad.size());
      bad[at] ^= std::byte{1} << random.below(8);
    }
    if (random.below(8) == 0) bad.resize(random.below(bad.size()));
    Parts there;
    HeadSlots other = there.head();
    try {
      read(bad, other, 405);
      expect_views_true(other);
      std::vector<float> keys(static_cast<size_t>(other.length()) * kDim);
      other.load_all(keys.data(), nullptr);
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace kvcompress
