// Memory that a thread keeps between calls: grows to the largest use and stays.
#pragma once

#include <sys/mman.h>  // madvise

#include <cstddef>  // std::byte, size_t
#include <memory>   // std::unique_ptr
#include <new>      // std::align_val_t

namespace kvcompress {

class Scratch {
 public:
  // At least `bytes`, page aligned, with undefined content; valid until the next call.
  std::byte* reserve(size_t bytes) {
    if (bytes > size_) {
      data_.reset();
      size_ = 0;
      data_.reset(static_cast<std::byte*>(::operator new(bytes, kAlignment)));
      size_ = bytes;
      if (bytes >= kHuge) ::madvise(data_.get(), bytes, MADV_HUGEPAGE);  // a wish only
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{4096};  // as madvise wants it
  static constexpr size_t kHuge = size_t{4} << 20;
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t size_ = 0;
};

}  // namespace kvcompress
