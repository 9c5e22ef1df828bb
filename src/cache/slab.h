// Stretches of memory from the operating system that pages are cut from, found by number without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>  // size_t, std::byte
#include <cstdint>  // uint32_t, uint64_t
#include <memory>   // std::unique_ptr
#include <vector>

namespace kvcompress {

// What the kernel backs with one huge page where it can.
inline constexpr size_t kSlabBytes = size_t{2} << 20;

// Memory of zero bytes, aligned to kSlabBytes. CapacityError when the system gives none.
class Mapping {
 public:
  Mapping() = default;
  explicit Mapping(size_t bytes);
  ~Mapping();
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

// Which pages of one slab are taken.
class Slab {
 public:
  Slab() = default;
  Slab(Mapping mapping, size_t pages);

  bool mapped() const { return mapping_.data() != nullptr; }
  const Mapping& mapping() const { return mapping_; }
  size_t free_pages() const { return free_; }
  bool taken(uint32_t page) const;
  uint32_t take_lowest();  // free_pages() > 0
  void give_back(uint32_t page);

 private:
  Mapping mapping_;
  std::vector<uint64_t> free_bits_;  // bit p % 64 of word p / 64: page p is free
  size_t free_ = 0;
};

// Slabs by number. base() may be called while another thread adds or removes other slabs: entries never move.
// Everything else needs the owner's lock.
class SlabTable {
 public:
  std::byte* base(uint32_t slab) const {
    const Chunk* chunk = chunks_[slab / kChunk].load(std::memory_order_acquire);
    return chunk->bases[slab % kChunk].load(std::memory_order_acquire);
  }
  ~SlabTable();

  size_t size() const { return slabs_.size(); }
  Slab& operator[](uint32_t slab) { return slabs_[slab]; }
  const Slab& operator[](uint32_t slab) const { return slabs_[slab]; }
  // Slab number `slab` <= size(); a new one at the end, or one that was unmapped.
  void map(uint32_t slab, size_t bytes, size_t pages);
  void unmap(uint32_t slab);

 private:
  static constexpr size_t kChunk = 1024;
  static constexpr size_t kChunks = 1024;  // 2^20 slabs: 2 TB
  struct Chunk {
    std::array<std::atomic<std::byte*>, kChunk> bases{};
  };

  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
  std::vector<Slab> slabs_;
};

}  // namespace kvcompress
