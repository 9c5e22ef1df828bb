// Random numbers by counter: what slot 7 of head 2 gets depends on nothing but the seed and these numbers, so
// it is the same in every batch, on every thread and machine.
#pragma once

#include <cstdint>  // uint64_t

namespace kvcompress {

// The finaliser of SplitMix64: every bit of x reaches every bit of the result.
inline uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// A start for counted draws of one KV head.
inline uint64_t head_seed(int64_t seed, int layer, int kv_head) {
  const auto place = static_cast<uint64_t>(layer) << 32 | static_cast<uint32_t>(kv_head);
  return mixed(mixed(static_cast<uint64_t>(seed)) ^ place);
}

// Draw number `counter`: [0, 1) in steps of 2^-24, exact as a float.
inline float unit_draw(uint64_t start, uint64_t counter) {
  return static_cast<float>(mixed(start ^ mixed(counter)) >> 40) * 0x1p-24f;
}

}  // namespace kvcompress
