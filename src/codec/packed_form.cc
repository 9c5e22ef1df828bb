#include "codec/packed_form.h"

#include <algorithm>  // std::copy_n
#include <cstring>    // std::memcpy
#include <vector>     // std::vector

namespace kvcompress {
namespace {

const float* as_floats(const std::byte* bytes) { return reinterpret_cast<const float*>(bytes); }

// Keys or values of one page; kept by each thread.
std::vector<float>& page_buffer(int head_dim) {
  static thread_local std::vector<float> buffer;
  buffer.resize(static_cast<size_t>(kPageSlots) * head_dim);
  return buffer;
}

}  // namespace

size_t PackedForm::query_bytes(int group) const {
  return sizeof(float) * static_cast<size_t>(group) * padded_head_dim(head_dim());
}

void PackedForm::prepare(const float* queries, int group, Precision, std::byte* out) const {
  std::memcpy(out, queries, query_bytes(group));
}

void PackedForm::score(const std::byte* page, const std::byte* queries, int group, Precision, float* logits,
                       const std::byte*) const {
  const int width = head_dim(), padded = padded_head_dim(width);
  std::vector<float>& keys = page_buffer(width);
  load_page(page, keys.data(), nullptr);
  for (int g = 0; g < group; ++g) {
    const float* query = as_floats(queries) + static_cast<int64_t>(g) * padded;
    for (int slot = 0; slot < kPageSlots; ++slot) {
      const float* key = keys.data() + static_cast<int64_t>(slot) * width;
      float sum = 0;
      for (int c = 0; c < width; ++c) sum += query[c] * key[c];
      logits[g * kPageSlots + slot] = sum;
    }
  }
}

int PackedForm::sum_floats() const { return padded_head_dim(head_dim()); }

void PackedForm::accumulate(const std::byte* page, const float* weights, int group, Precision, float* sums,
                            const std::byte*) const {
  const int width = head_dim();
  std::vector<float>& values = page_buffer(width);
  load_page(page, nullptr, values.data());
  for (int g = 0; g < group; ++g) {
    float* sum = sums + static_cast<int64_t>(g) * sum_floats();
    for (int slot = 0; slot < kPageSlots; ++slot) {
      const float weight = weights[g * kPageSlots + slot];
      const float* value = values.data() + static_cast<int64_t>(slot) * width;
      for (int c = 0; c < width; ++c) sum[c] += weight * value[c];
    }
  }
}

void PackedForm::finish(const float* sums, int group, float* out) const {
  const int padded = padded_head_dim(head_dim());
  for (int g = 0; g < group; ++g) {
    std::copy_n(sums + static_cast<int64_t>(g) * sum_floats(), padded,
                out + static_cast<int64_t>(g) * padded);
  }
}

}  // namespace kvcompress
