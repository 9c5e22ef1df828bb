#include "cache/slab.h"

#include <fmt/format.h>
#include <kvcompress/error.h>
#include <sys/mman.h>  // mmap, munmap, madvise

#include <bit>  // std::countr_zero
#include <cerrno>
#include <cstring>  // std::strerror
#include <utility>  // std::exchange, std::swap

#include "base/text.h"  // format_bytes

namespace kvcompress {

Mapping::Mapping(size_t bytes) : bytes_(bytes) {
  // mmap aligns to small pages only, so more is taken and the ends are given back.
  const size_t reserved = bytes + kSlabBytes;
  void* const address = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    throw CapacityError(
        fmt::format("[cache] expected {} more memory from the system, got: {}; use a smaller budget",
                    format_bytes(bytes), std::strerror(errno)));
  }
  std::byte* const begin = static_cast<std::byte*>(address);
  const size_t before = (kSlabBytes - reinterpret_cast<uintptr_t>(begin) % kSlabBytes) % kSlabBytes;
  data_ = begin + before;
  if (before > 0) ::munmap(begin, before);
  if (before < kSlabBytes) ::munmap(data_ + bytes, kSlabBytes - before);
  // Advice only: a system without huge pages ignores it.
  ::madvise(data_, bytes, MADV_HUGEPAGE);
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Slab::Slab(Mapping mapping, size_t pages)
    : mapping_(std::move(mapping)), free_bits_((pages + 63) / 64), free_(pages) {
  for (size_t page = 0; page < pages; ++page) free_bits_[page / 64] |= uint64_t{1} << page % 64;
}

bool Slab::taken(uint32_t page) const {
  return page / 64 < free_bits_.size() && (free_bits_[page / 64] >> page % 64 & 1) == 0;
}

uint32_t Slab::take_lowest() {
  uint32_t word = 0;
  while (free_bits_[word] == 0) ++word;
  const auto bit = static_cast<uint32_t>(std::countr_zero(free_bits_[word]));
  free_bits_[word] &= free_bits_[word] - 1;
  --free_;
  return word * 64 + bit;
}

void Slab::give_back(uint32_t page) {
  free_bits_[page / 64] |= uint64_t{1} << page % 64;
  ++free_;
}

SlabTable::~SlabTable() {
  for (std::atomic<Chunk*>& chunk : chunks_) delete chunk.load();
}

void SlabTable::map(uint32_t slab, size_t bytes, size_t pages) {
  if (slab / kChunk >= kChunks) {
    throw CapacityError(fmt::format("[cache] expected at most {} slabs, got one more; use a smaller budget",
                                    kChunk * kChunks));
  }
  Slab mapped(Mapping(bytes), pages);
  std::atomic<Chunk*>& chunk = chunks_[slab / kChunk];
  if (chunk.load() == nullptr) chunk.store(std::make_unique<Chunk>().release(), std::memory_order_release);
  if (slab == slabs_.size()) slabs_.emplace_back();
  slabs_[slab] = std::move(mapped);
  chunk.load()->bases[slab % kChunk].store(slabs_[slab].mapping().data(), std::memory_order_release);
}

void SlabTable::unmap(uint32_t slab) {
  chunks_[slab / kChunk].load()->bases[slab % kChunk].store(nullptr, std::memory_order_release);
  slabs_[slab] = Slab();
}

}  // namespace kvcompress
