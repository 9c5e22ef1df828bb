// The plain twins of the kernels: what each kernel means, and the oracle of its tests.
// One loop over the slots, one over the channels, float32 sums, no blocking.
#include <algorithm>  // std::fill, std::max
#include <cmath>      // std::exp2, std::log2, std::sqrt
#include <limits>     // std::numeric_limits

#include "attention/kernels.h"
#include "attention/packed_scalar.h"  // packed_decode
#include "attention/unpack.h"         // unpacked
#include "codec/f16.h"                // f32_from_f16

namespace kvcompress::scalar {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float key_at(const PageView& page, int padded, int slot, int channel) {
  const uint16_t* keys = reinterpret_cast<const uint16_t*>(page.payload);
  return f32_from_f16(keys[((slot / kKeyGroup) * padded + channel) * kKeyGroup + slot % kKeyGroup]);
}

float value_at(const PageView& page, int padded, int slot, int channel) {
  const uint16_t* values = reinterpret_cast<const uint16_t*>(page.payload) + kPageSlots * padded;
  return f32_from_f16(values[slot * padded + channel]);
}

// The logit, in units of log 2, of a query that sees positions [first, last].
float logit(const PageView& page, int slot, const float* query, int head_dim, float scale, int32_t first,
            int32_t last) {
  if (page.positions[slot] < first || page.positions[slot] > last) return -kInfinity;
  float sum = 0;
  for (int c = 0; c < head_dim; ++c) {
    sum += query[c] * scale * key_at(page, padded_head_dim(head_dim), slot, c);
  }
  return sum + (page.bias == nullptr ? 0 : page.bias[slot] * kLog2E);
}

// Adds one key to a partial: when the maximum rises, what was summed so far shrinks.
void add_slot(float* partial, const PageView& page, int slot, int head_dim, float score) {
  const int padded = padded_head_dim(head_dim);
  float& maximum = partial_maximum(partial, padded);
  float& sum = partial_sum(partial, padded);
  if (score > maximum) {
    const float shrink = std::exp2(maximum - score);
    for (int c = 0; c < head_dim; ++c) partial[c] *= shrink;
    sum *= shrink;
    maximum = score;
  }
  const float weight = std::exp2(score - maximum);
  for (int c = 0; c < head_dim; ++c) partial[c] += weight * value_at(page, padded, slot, c);
  sum += weight;
}

// One query head against all pages; scratch: of a packed page.
void attend(const PageView* pages, int n_pages, const float* query, int head_dim, float scale, int32_t first,
            int32_t last, float* partial, std::byte* scratch) {
  std::fill(partial, partial + partial_floats(head_dim), 0.0f);
  partial_maximum(partial, padded_head_dim(head_dim)) = kNoMaximum;
  for (int p = 0; p < n_pages; ++p) {
    const PageView page = unpacked(pages[p], head_dim, PageParts::keys_and_values, scratch);
    for (int slot = 0; slot < page.used; ++slot) {
      const float score = logit(page, slot, query, head_dim, scale, first, last);
      if (score > -kInfinity) add_slot(partial, page, slot, head_dim, score);
    }
  }
}

void decode(const DecodePart& part, const AttentionShape& shape) {
  const int32_t first = first_visible(part.position, shape.sliding_window);
  for (int g = 0; g < shape.group; ++g) {
    const float* query = part.query + g * padded_head_dim(shape.head_dim);
    attend(part.pages, part.n_pages, query, shape.head_dim, 1, first, part.position,
           part.partial + g * partial_floats(shape.head_dim), nullptr);
    for (int s = 0; s < part.n_pages * kPageSlots && part.logits != nullptr; ++s) {
      part.logits[g * part.logits_stride + s] = kLn2 * logit(part.pages[s / kPageSlots], s % kPageSlots,
                                                             query, shape.head_dim, 1, first, part.position);
    }
  }
}

// Adds the weights of one query head, whose greatest logit and sum of weights the partial knows, to the
// column sums of its head.
void add_columns(const PrefillBlock& block, const float* query, int head_dim, float scale, int32_t first,
                 int32_t last, float* partial, std::byte* scratch, float* sums) {
  const int padded = padded_head_dim(head_dim);
  for (int p = 0; p < block.n_pages; ++p, sums += kPageSlots) {
    const PageView page = unpacked(block.pages[p], head_dim, PageParts::keys, scratch);
    for (int slot = 0; slot < page.used; ++slot) {
      const float score = logit(page, slot, query, head_dim, scale, first, last);
      if (score == -kInfinity) continue;
      sums[slot] += std::exp2(score - partial_maximum(partial, padded)) / partial_sum(partial, padded);
    }
  }
}

// Bytes of a partial, and behind it of a packed page.
size_t partial_bytes(int head_dim) { return partial_floats(head_dim) * sizeof(float); }

void prefill(const PrefillBlock& block, const AttentionShape& shape) {
  const int padded = padded_head_dim(shape.head_dim);
  float* partial = reinterpret_cast<float*>(block.scratch);
  std::byte* const scratch = block.scratch + partial_bytes(shape.head_dim);
  const int64_t columns = int64_t{block.n_pages} * kPageSlots;
  if (block.column_sums != nullptr) {
    std::fill(block.column_sums, block.column_sums + shape.group * columns, 0.0f);
  }
  for (int i = 0; i < block.n_queries; ++i) {
    const int32_t first = first_visible(block.positions[i], shape.sliding_window);
    for (int g = 0; g < shape.group; ++g) {
      const int64_t head = int64_t{g} * shape.head_dim;
      const float* query = block.queries + i * block.query_stride + head;
      attend(block.pages, block.n_pages, query, shape.head_dim, shape.scale * kLog2E, first,
             block.positions[i], partial, scratch);
      const float sum = partial_sum(partial, padded);
      float* output = block.output + i * block.output_stride + head;
      for (int c = 0; c < shape.head_dim; ++c) output[c] = sum > 0 ? partial[c] / sum : 0;
      if (block.log_sum_exp != nullptr) {
        block.log_sum_exp[i * shape.group + g] =
            sum > 0 ? (partial_maximum(partial, padded) + std::log2(sum)) * kLn2 : -kInfinity;
      }
      if (block.column_sums != nullptr) {
        add_columns(block, query, shape.head_dim, shape.scale * kLog2E, first, block.positions[i], partial,
                    scratch, block.column_sums + g * columns);
      }
    }
  }
}

size_t prefill_scratch(const AttentionShape& shape, int, int) {
  return partial_bytes(shape.head_dim) + unpack_bytes(shape.head_dim);
}

void capture(const CapturePart& part, const AttentionShape& shape) {
  for (int g = 0; g < shape.group; ++g) {
    float* sums = part.sums + g * part.sums_stride;
    std::fill(sums, sums + int64_t{part.n_pages} * kPageSlots, 0.0f);
    for (int i = 0; i < part.n_queries; ++i) {
      const float* query = part.queries + i * part.query_stride + int64_t{g} * shape.head_dim;
      const float log_sum_exp = part.log_sum_exp[i * shape.group + g] * kLog2E;
      const int32_t first = first_visible(part.positions[i], shape.sliding_window);
      for (int p = 0; p < part.n_pages; ++p) {
        const PageView page = unpacked(part.pages[p], shape.head_dim, PageParts::keys, part.scratch);
        for (int slot = 0; slot < page.used; ++slot) {
          const float score =
              logit(page, slot, query, shape.head_dim, shape.scale * kLog2E, first, part.positions[i]);
          if (score > -kInfinity) sums[p * kPageSlots + slot] += std::exp2(score - log_sum_exp);
        }
      }
    }
  }
}

size_t capture_scratch(const AttentionShape& shape) { return unpack_bytes(shape.head_dim); }

void key_norms(const PageView* pages, int n_pages, int head_dim, float* norms) {
  for (int s = 0; s < n_pages * kPageSlots; ++s) {
    const PageView& page = pages[s / kPageSlots];
    const int slot = s % kPageSlots;
    float sum = 0;
    if (page.positions[slot] != kNoToken) {
      for (int c = 0; c < head_dim; ++c) {
        const float key = key_at(page, padded_head_dim(head_dim), slot, c);
        sum += key * key;
      }
    }
    norms[s] = std::sqrt(sum);
  }
}

}  // namespace

extern const AttentionKernels kAttention;
const AttentionKernels kAttention{
    .decode_fast = decode,
    .decode_exact = decode,
    .decode_packed = packed_decode,
    .prefill_fast = prefill,
    .prefill_exact = prefill,
    .prefill_scratch = prefill_scratch,
    .capture = capture,
    .capture_scratch = capture_scratch,
    .key_norms = key_norms,
};

}  // namespace kvcompress::scalar
