// Random numbers that are a pure function of (seed, stream, counter): the same on every machine, for every
// number of threads, and any of them reachable without drawing those before it. The generator is
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#pragma once

#include <array>
#include <cstdint>  // uint64_t
#include <span>

namespace kvcompress {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  uint32_t bits();                 // 32 random bits
  double uniform();                // [0, 1), 53 bits
  uint64_t below(uint64_t bound);  // [0, bound), unbiased; bound >= 1
  double normal();                 // mean 0, variance 1
  void fill_normal(std::span<float> out, float scale = 1);
  void fill_uniform(std::span<float> out, float low, float high);

 private:
  uint64_t bits64();

  uint64_t seed_, stream_;
  uint64_t block_ = 0;  // of the next four words
  std::array<uint32_t, 4> words_{};
  int left_ = 0;  // words of words_ not given out yet
};

}  // namespace kvcompress
