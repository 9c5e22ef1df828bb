// XXH3 with 64 bits (xxHash) of bytes that come in parts.
#pragma once

#include <cstddef>  // std::byte
#include <cstdint>  // uint64_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span

namespace kvcompress {

class Checksum {
 public:
  Checksum();
  ~Checksum();

  void add(std::span<const std::byte> part);
  uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kvcompress
