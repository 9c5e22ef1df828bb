#include "cache/position_store.h"

#include <numeric>  // std::iota

namespace kvcompress {

PositionStore::~PositionStore() {
  for (const auto& chunk : chunks_) {
    if (chunk != nullptr) memory_->give_back(sizeof(Chunk), 0);
  }
  memory_->give_back(blocks_.count() * kBlockBytes, 0);
}

const int32_t* PositionStore::take_run(int32_t first) {
  const auto index = static_cast<size_t>(first / kChunk);
  const std::scoped_lock lock(mutex_);
  if (index >= chunks_.size()) chunks_.resize(index + 1);
  if (chunks_[index] == nullptr) {
    auto chunk = std::make_unique<Chunk>();
    std::iota(chunk->numbers.begin(), chunk->numbers.end(), first / kChunk * kChunk);
    memory_->take(sizeof(Chunk), 0);
    chunks_[index] = std::move(chunk);
  }
  ++chunks_[index]->users;
  return chunks_[index]->numbers.data() + first % kChunk;
}

void PositionStore::give_back_run(int32_t first) {
  const std::scoped_lock lock(mutex_);
  std::unique_ptr<Chunk>& chunk = chunks_[static_cast<size_t>(first / kChunk)];
  if (--chunk->users > 0) return;
  chunk.reset();
  memory_->give_back(sizeof(Chunk), 0);
}

uint32_t PositionStore::take_block() {
  const std::scoped_lock lock(mutex_);
  memory_->take(kBlockBytes, 0);
  try {
    return blocks_.take();
  } catch (...) {
    memory_->give_back(kBlockBytes, 0);
    throw;
  }
}

void PositionStore::give_back_block(uint32_t block) {
  const std::scoped_lock lock(mutex_);
  blocks_.give_back(block);
  memory_->give_back(kBlockBytes, 0);
}

}  // namespace kvcompress
