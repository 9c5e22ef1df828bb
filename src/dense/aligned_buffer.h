// Scratch memory on cache-line boundaries.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <memory>   // std::unique_ptr
#include <new>      // std::align_val_t

namespace kvcompress {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;

  // At least `bytes` long from now on. What it held is lost when it grows.
  std::byte* reserve(size_t bytes) {
    if (bytes > size_) {
      data_.reset();
      data_.reset(static_cast<std::byte*>(::operator new(bytes, kAlignment)));
      size_ = bytes;
    }
    return data_.get();
  }

  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t size_ = 0;
};

}  // namespace kvcompress
