#include "base/archive.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cstring>  // std::memcpy

namespace kvcompress {
namespace {

struct Inner {
  std::string name;
  std::vector<double> values;
  bool operator==(const Inner&) const = default;
};

struct Outer {
  bool flag = false;
  int32_t number = 0;
  std::vector<Inner> inner;
  bool operator==(const Outer&) const = default;
};

void visit(Archive& archive, Outer& outer) {
  archive.same(7, "days of a week");
  archive.field(outer.flag);
  archive.field(outer.number);
  archive.list(outer.inner, [&](Inner& inner) {
    archive.field(inner.name);
    archive.field(inner.values);
  });
}

std::vector<std::byte> written(Outer outer) {
  std::vector<std::byte> bytes;
  ArchiveWriter writer(
      [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
  visit(writer, outer);
  writer.flush();
  EXPECT_EQ(writer.written(), bytes.size());
  return bytes;
}

Outer read(std::span<const std::byte> bytes) {
  Outer outer;
  std::span<const std::byte> rest = bytes;
  ArchiveReader reader("outer", bytes.size(), [&](std::span<std::byte> out) {
    std::memcpy(out.data(), rest.data(), out.size());
    rest = rest.subspan(out.size());
  });
  visit(reader, outer);
  EXPECT_EQ(reader.left(), 0u);
  return outer;
}

Outer sample() {
  Outer outer{true, -5, {{"first", {1.5, -0.0}}, {"", {}}}};
  outer.inner.push_back({std::string(300'000, 'x'), std::vector<double>(100'000, 0.25)});
  return outer;
}

TEST(ArchiveTest, WhatIsWrittenIsRead) { EXPECT_EQ(read(written(sample())), sample()); }

TEST(ArchiveTest, WhatIsCutOffIsRefused) {
  const std::vector<std::byte> bytes = written({true, 3, {{"ab", {1, 2}}}});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(read(std::span(bytes).first(size)), InputError) << size;
  }
}

// A length beyond what is left is refused before room is made: 2^60 numbers would be no InputError.
TEST(ArchiveTest, LengthsAreCheckedAgainstWhatIsLeft) {
  const std::vector<std::byte> good = written({false, 3, {{"ab", {1, 2}}}});
  const size_t list_at = 8 + 1 + 4, name_at = list_at + 8, values_at = name_at + 8 + 2;
  for (const size_t at : {list_at, name_at, values_at}) {
    for (const uint64_t length : {uint64_t{1} << 60, ~uint64_t{0}, uint64_t{40}}) {
      std::vector<std::byte> bad = good;
      std::memcpy(bad.data() + at, &length, sizeof(length));
      EXPECT_THROW(read(bad), InputError) << at << ' ' << length;
    }
  }
}

TEST(ArchiveTest, MessagesNameTheArchiveAndWhatWasExpected) {
  std::vector<std::byte> bytes = written({});
  bytes[0] = std::byte{9};
  try {
    read(bytes);
    FAIL();
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.rfind("[outer] expected 7 days of a week, got 9; ", 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  bytes = written({});
  bytes[8] = std::byte{2};  // a bool
  EXPECT_THROW(read(bytes), InputError);
}

}  // namespace
}  // namespace kvcompress
