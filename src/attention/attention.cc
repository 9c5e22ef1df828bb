// Checks of each call, and the choice of its kernels.
#include "attention/attention.h"

#include <cmath>   // std::isfinite
#include <string>  // std::to_string

#include "attention/kernels.h"
#include "kvcompress/error.h"  // UsageError

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

// All pages of a call are of one form so far; the first page tells which.
template <typename Task>
const AttentionKernels& choose_kernels(std::span<const Task> tasks) {
  static const Isa isa = active_isa();
  FormId form = FormId::f16;
  bool found = false;
  for (const Task& task : tasks) {
    for (const PageView& page : task.pages) {
      if (found && page.form != form) {
        throw UsageError("[attention] expected pages of one form in a call, got forms " +
                         std::to_string(static_cast<int>(form)) + " and " +
                         std::to_string(static_cast<int>(page.form)) + "; call once per form and merge");
      }
      form = page.form;
      found = true;
    }
  }
  return attention_kernels(form, isa);
}

}  // namespace

void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, Precision precision,
                   ThreadPool& pool) {
  check_shape(shape);
  attend_decode(tasks, shape, precision, pool, choose_kernels(tasks));
}

void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, ThreadPool& pool) {
  attend_decode(tasks, shape, Precision::exact, pool);
}

void attend_prefill(std::span<const PrefillTask> tasks, const AttentionShape& shape, Precision precision,
                    ThreadPool& pool) {
  check_shape(shape);
  attend_prefill(tasks, shape, precision, pool, choose_kernels(tasks));
}

void capture_scores(std::span<const CaptureTask> tasks, const AttentionShape& shape, ThreadPool& pool) {
  check_shape(shape);
  capture_scores(tasks, shape, pool, choose_kernels(tasks));
}

void key_norms(std::span<const PageView> pages, int head_dim, float* norms) {
  check_shape({.head_dim = head_dim, .group = 1, .scale = 1, .sliding_window = 0});
  if (pages.empty()) return;
  attention_kernels(pages.front().form, active_isa())
      .key_norms(pages.data(), static_cast<int>(pages.size()), head_dim, norms);
}

}  // namespace kvcompress
