#include "engine/session/checksum.h"

#define XXH_INLINE_ALL  // headers alone: nothing to link
#include <xxhash.h>

namespace kvcompress {

struct Checksum::State {
  XXH3_state_t hash;
};

Checksum::Checksum() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->hash); }
Checksum::~Checksum() = default;

void Checksum::add(std::span<const std::byte> part) {
  XXH3_64bits_update(&state_->hash, part.data(), part.size());
}

uint64_t Checksum::value() const { return XXH3_64bits_digest(&state_->hash); }

}  // namespace kvcompress
