// One description of a struct that serves for writing and for reading it, so that the two cannot differ:
// a function visits the members in order, and the archive it is given takes them or fills them.
#pragma once

#include <concepts>     // std::integral
#include <cstddef>      // std::byte, size_t
#include <cstdint>      // uint64_t
#include <functional>   // std::function
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_arithmetic_v
#include <vector>       // std::vector

namespace kvcompress {

template <typename T>
concept ArchivedNumber = std::is_arithmetic_v<T> && !std::same_as<T, bool>;

// Numbers are little-endian, in the width they have in memory; bool is a byte of 0 or 1; a list begins with
// its length in 8 bytes. A reader checks every length against what is left before it makes room.
class Archive {
 public:
  virtual ~Archive() = default;
  virtual bool reading() const = 0;
  virtual void raw(void* data, size_t size) = 0;

  template <ArchivedNumber T>
  void field(T& value) {
    raw(&value, sizeof(T));
  }
  void field(bool& value);
  void field(std::string& text);
  template <ArchivedNumber T>
  void field(std::vector<T>& values) {
    values.resize(length(values.size(), sizeof(T)));
    raw(values.data(), values.size() * sizeof(T));
  }
  // visit(item) describes one. Items are made one by one, so no more than what has been read takes room.
  template <typename T, typename Visit>
  void list(std::vector<T>& items, Visit visit) {
    const size_t count = length(items.size(), 1);
    if (reading()) items.clear();
    for (size_t i = 0; i < count; ++i) {
      if (reading()) items.emplace_back();
      visit(items[i]);
    }
  }
  // What reader and writer must have in common, as a number of layers.
  void same(uint64_t value, std::string_view what);

  // Throws InputError: what was read is not what may stand here.
  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const;
  void require(bool holds, std::string_view expected) const;

 protected:
  explicit Archive(std::string name) : name_(std::move(name)) {}
  // The most items of a size that can still follow.
  virtual uint64_t room(size_t item_bytes) const = 0;
  const std::string& name() const { return name_; }

 private:
  size_t length(size_t of_writer, size_t item_bytes);

  std::string name_;  // for messages: "session chat.kvs"
};

// Hands bytes on in large parts.
class ArchiveWriter final : public Archive {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;
  explicit ArchiveWriter(Sink sink) : Archive(""), sink_(std::move(sink)) {}

  bool reading() const override { return false; }
  void raw(void* data, size_t size) override;
  void flush();  // to be called after the last field
  uint64_t written() const { return written_; }

 private:
  uint64_t room(size_t) const override { return UINT64_MAX; }

  Sink sink_;
  std::vector<std::byte> buffer_;
  uint64_t written_ = 0;
};

class ArchiveReader final : public Archive {
 public:
  using Source = std::function<void(std::span<std::byte>)>;  // fills the span or throws
  ArchiveReader(std::string name, uint64_t bytes, Source source)
      : Archive(std::move(name)), left_(bytes), source_(std::move(source)) {}

  bool reading() const override { return true; }
  void raw(void* data, size_t size) override;
  uint64_t left() const { return left_; }

 private:
  uint64_t room(size_t item_bytes) const override { return left_ / item_bytes; }
  void fill();

  uint64_t left_;
  Source source_;
  std::vector<std::byte> buffer_;
  size_t used_ = 0;  // of buffer_
};

}  // namespace kvcompress
