// Memory that a thread keeps between calls: grows to the largest use and stays.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <memory>   // std::unique_ptr
#include <new>      // std::align_val_t

namespace kvcompress {

class Scratch {
 public:
  // At least `bytes`, 64-byte aligned, with undefined content; valid until the next call.
  std::byte* reserve(size_t bytes) {
    if (bytes > size_) {
      data_.reset();
      data_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
      size_ = bytes;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t size_ = 0;
};

}  // namespace kvcompress
