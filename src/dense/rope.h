// Rotary position embedding in float32. Cosines and sines are computed once per step for all its rows (angles
// in double) and shared by every head of every layer that has the same settings.
#pragma once

#include <cstddef>  // size_t
#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace kvcompress {

struct RopeSettings {
  int dims = 0;  // channels of a head that turn: the first `dims`, even
  double base = 10000.0;
  double freq_scale = 1.0;  // linear scaling: 1 / factor
  const float* factors =
      nullptr;  // [dims / 2] divisors of the frequencies (Llama 3), or nullptr; read at construction
};

enum class RopePairing {
  adjacent,  // channels (2i, 2i + 1): ggml's "norm" (llama)
  halves,    // channels (i, i + dims / 2): ggml's "neox" (qwen, gemma, gptneox)
};

class RopeTable {
 public:
  // Throws UsageError when dims is odd or not positive.
  explicit RopeTable(const RopeSettings& settings);

  // Row r of what follows stands at positions[r]. Call once per step.
  void prepare(std::span<const int32_t> positions);

  // Turns `heads` heads of `head_dim` channels (head_dim >= dims), contiguous at `x`, in place. Thread-safe.
  void rotate(RopePairing pairing, int row, int heads, int head_dim, float* x) const;

  std::span<const double> frequencies() const { return frequencies_; }  // [dims / 2] radians per position
  // The row's [dims / 2] values, for kernels that turn channels themselves.
  const float* cosines(int row) const { return table_.data() + 2 * static_cast<size_t>(row) * half_; }
  const float* sines(int row) const { return cosines(row) + half_; }

 private:
  int half_;                         // dims / 2
  std::vector<double> frequencies_;  // [half_] radians per position
  std::vector<float> table_;         // [rows][cos | sin][half_]
};

}  // namespace kvcompress
