#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"
#include "codec/f16.h"
#include "codec/page_form.h"

namespace kvcompress {
namespace {

struct alignas(64) Line {
  std::byte bytes[64];
};

// The payload of one page, aligned as a pool aligns it.
class Payload {
 public:
  explicit Payload(const PageForm& form) : lines_(form.payload_bytes() / sizeof(Line)) {}
  std::byte* data() { return lines_[0].bytes; }
  const uint16_t* halves() const { return reinterpret_cast<const uint16_t*>(lines_[0].bytes); }
  size_t size() const { return lines_.size() * sizeof(Line); }

 private:
  std::vector<Line> lines_;
};

class F16FormTest : public testing::TestWithParam<std::tuple<int, Isa>> {
 protected:
  const int dim_ = std::get<0>(GetParam());
  const std::unique_ptr<PageForm> form_ = make_f16_form(dim_, std::get<1>(GetParam()));
  const int stride_ = dim_ + 5;

  std::vector<float> rows(int count, uint64_t seed) const {
    std::vector<float> values(static_cast<size_t>(count * stride_));
    Random(seed).fill_normal(values);
    return values;
  }
};

TEST_P(F16FormTest, LayoutIsAsDocumented) {
  const int padded = padded_head_dim(dim_);
  ASSERT_EQ(form_->payload_bytes(), static_cast<size_t>(64 * padded * 2 * 2));
  Payload page(*form_);
  const auto keys = rows(kPageSlots, 1), values = rows(kPageSlots, 2);
  ASSERT_EQ(form_->store(page.data(), 0, kPageSlots, keys.data(), stride_, values.data(), stride_), -1);
  for (int slot = 0; slot < kPageSlots; ++slot) {
    for (int c = 0; c < padded; ++c) {
      const size_t at = static_cast<size_t>(slot * stride_ + c);
      const uint16_t key = page.halves()[(slot / 16 * padded + c) * 16 + slot % 16];
      const uint16_t value = page.halves()[(kPageSlots + slot) * padded + c];
      ASSERT_EQ(key, c < dim_ ? f16_from_f32(keys[at]) : 0);
      ASSERT_EQ(value, c < dim_ ? f16_from_f32(values[at]) : 0);
    }
  }
}

TEST_P(F16FormTest, AnyRunOfSlotsEqualsOneByOne) {
  const auto keys = rows(kPageSlots, 3), values = rows(kPageSlots, 4);
  for (int slot = 0; slot < kPageSlots; slot += 5) {
    for (int count = 1; slot + count <= kPageSlots; count += 3) {
      Payload together(*form_), single(*form_);
      ASSERT_EQ(form_->store(together.data(), slot, count, keys.data(), stride_, values.data(), stride_), -1);
      for (int row = 0; row < count; ++row) {
        ASSERT_EQ(form_->store(single.data(), slot + row, 1, keys.data() + row * stride_, stride_,
                               values.data() + row * stride_, stride_),
                  -1);
      }
      ASSERT_EQ(std::memcmp(together.data(), single.data(), together.size()), 0) << slot << " + " << count;
    }
  }
}

TEST_P(F16FormTest, LoadCopyAndClear) {
  Payload page(*form_), other(*form_), zero(*form_);
  const auto keys = rows(kPageSlots, 5), values = rows(kPageSlots, 6);
  ASSERT_EQ(form_->store(page.data(), 0, kPageSlots, keys.data(), stride_, values.data(), stride_), -1);
  std::vector<float> key(static_cast<size_t>(dim_)), value(static_cast<size_t>(dim_));
  for (int slot = 0; slot < kPageSlots; ++slot)
    form_->copy(other.data(), kPageSlots - 1 - slot, page.data(), slot);
  form_->copy(other.data(), 20, other.data(), 3);  // within a page
  for (int slot = 0; slot < kPageSlots; ++slot) {
    const int origin = kPageSlots - 1 - (slot == 20 ? 3 : slot);
    form_->load(other.data(), slot, key.data(), nullptr);
    form_->load(other.data(), slot, nullptr, value.data());
    for (int c = 0; c < dim_; ++c) {
      const size_t at = static_cast<size_t>(origin * stride_ + c);
      ASSERT_EQ(key[static_cast<size_t>(c)], f32_from_f16(f16_from_f32(keys[at])));
      ASSERT_EQ(value[static_cast<size_t>(c)], f32_from_f16(f16_from_f32(values[at])));
    }
  }
  form_->clear(other.data(), 0, kPageSlots);
  EXPECT_EQ(std::memcmp(other.data(), zero.data(), zero.size()), 0);
}

TEST_P(F16FormTest, NamesTheFirstRowThatDoesNotFit) {
  Payload page(*form_);
  for (const int bad_row : {0, 1, 15, 16, 40, 63}) {
    auto keys = rows(kPageSlots, 7), values = rows(kPageSlots, 8);
    values[static_cast<size_t>(63 * stride_)] = std::numeric_limits<float>::infinity();
    keys[static_cast<size_t>(bad_row * stride_ + dim_ - 1)] = 70000.0f;
    EXPECT_EQ(form_->store(page.data(), 0, kPageSlots, keys.data(), stride_, values.data(), stride_),
              bad_row);
  }
}

INSTANTIATE_TEST_SUITE_P(Dims, F16FormTest,
                         testing::Combine(testing::Values(1, 16, 40, 64, 80, 128, 256),
                                          testing::ValuesIn(supported_isas())),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) + "_" +
                                  std::string(name(std::get<1>(info.param)));
                         });

TEST(F16Form, RefusesADimensionOfNothing) {
  EXPECT_THROW(make_f16_form(0), UsageError);
  EXPECT_THROW(make_f16_form(-16), UsageError);
  EXPECT_EQ(make_f16_form(64)->name(), "f16");
  EXPECT_EQ(make_f16_form(80)->head_dim(), 80);
}

}  // namespace
}  // namespace kvcompress
