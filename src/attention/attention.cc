// Checks of each call, and the choice of its kernels.
#include "attention/attention.h"

#include <cmath>   // std::isfinite
#include <string>  // std::to_string

#include "attention/kernels.h"
#include "attention/scratch.h"  // Scratch
#include "attention/unpack.h"   // unpacked
#include "codec/packed_form.h"  // PackedForm
#include "kvcompress/error.h"   // UsageError

namespace kvcompress {
namespace {

constexpr int kMaxGroup = 256;

void check_shape(const AttentionShape& shape) {
  if (shape.head_dim < 1) {
    throw UsageError("[attention] expected head_dim of 1 or more, got " + std::to_string(shape.head_dim) +
                     "; check the model's head sizes");
  }
  if (shape.group < 1 || shape.group > kMaxGroup) {
    throw UsageError("[attention] expected 1 to " + std::to_string(kMaxGroup) +
                     " query heads per KV head, got " + std::to_string(shape.group) +
                     "; check the model's head counts");
  }
  if (!std::isfinite(shape.scale)) {
    throw UsageError("[attention] expected a finite scale, got " + std::to_string(shape.scale) +
                     "; it is usually 1 / sqrt(head_dim)");
  }
  if (shape.sliding_window < 0) {
    throw UsageError("[attention] expected a sliding window of 0 (none) or more, got " +
                     std::to_string(shape.sliding_window) + "; check the model's layers");
  }
}

// A task's packed pages are of one form and stand in front of its exact ones.
template <typename Task>
void check_forms(std::span<const Task> tasks, const AttentionShape& shape) {
  for (const Task& task : tasks) {
    const PackedForm* form = task.pages.empty() ? nullptr : task.pages.front().packed;
    if (form != nullptr && form->head_dim() != shape.head_dim) {
      throw UsageError("[attention] expected packed pages of " + std::to_string(shape.head_dim) +
                       " channels, got " + std::to_string(form->head_dim()) +
                       "; check how the cache was made");
    }
    for (const PageView& page : task.pages) {
      if (page.packed != nullptr && page.packed != form) {
        throw UsageError(
            "[attention] expected packed pages of one form in front of exact ones, got another "
            "order; check how the cache was made");
      }
      form = page.packed;
    }
  }
}

const AttentionKernels& chosen_kernels() {
  static const AttentionKernels& kernels = attention_kernels(active_isa());
  return kernels;
}

}  // namespace

void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, Precision precision,
                   ThreadPool& pool) {
  check_shape(shape);
  check_forms(tasks, shape);
  attend_decode(tasks, shape, precision, pool, chosen_kernels());
}

void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, ThreadPool& pool) {
  attend_decode(tasks, shape, Precision::exact, pool);
}

void attend_prefill(std::span<const PrefillTask> tasks, const AttentionShape& shape, Precision precision,
                    ThreadPool& pool) {
  check_shape(shape);
  check_forms(tasks, shape);
  attend_prefill(tasks, shape, precision, pool, chosen_kernels());
}

void capture_scores(std::span<const CaptureTask> tasks, const AttentionShape& shape, ThreadPool& pool) {
  check_shape(shape);
  check_forms(tasks, shape);
  capture_scores(tasks, shape, pool, chosen_kernels());
}

void key_norms(std::span<const PageView> pages, int head_dim, float* norms) {
  check_shape({.head_dim = head_dim, .group = 1, .scale = 1, .sliding_window = 0});
  key_norms(pages, head_dim, norms, chosen_kernels());
}

void key_norms(std::span<const PageView> pages, int head_dim, float* norms, const AttentionKernels& kernels) {
  static thread_local Scratch scratch;
  for (size_t p = 0; p < pages.size();) {
    size_t end = p;
    while (end < pages.size() && pages[end].packed == nullptr) ++end;
    if (end > p) {
      kernels.key_norms(pages.data() + p, static_cast<int>(end - p), head_dim, norms + p * kPageSlots);
      p = end;
      continue;
    }
    const PageView page =
        unpacked(pages[p], head_dim, PageParts::keys, scratch.reserve(unpack_bytes(head_dim)));
    kernels.key_norms(&page, 1, head_dim, norms + p * kPageSlots);
    ++p;
  }
}

}  // namespace kvcompress
