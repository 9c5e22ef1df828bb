#include "policy/scoring/chunk_attention.h"

#include <fmt/format.h>

#include "policy/scoring/check.h"    // expect_count
#include "policy/scoring/pooling.h"  // average_pooled

namespace kvcompress {

void ChunkAttentionSettings::visit(ParameterVisitor& visitor) {
  visitor.integer("chunk", chunk, 1, 65536, "tokens that look at one another, both ways");
  visitor.integer("kernel", kernel, 1, 1023,
                  "tokens of the average pool, odd; the first and last are diluted by the padding");
}

std::string ChunkAttentionSettings::problem() const {
  if (kernel % 2 == 1) return {};
  return fmt::format("kernel: expected an odd number, got {}; take {}", kernel, kernel + 1);
}

ScoreNeeds ChunkAttentionSettings::needs() const {
  return {.value_norms = true, .chunk_attention = static_cast<int>(chunk)};
}

std::vector<float> chunk_attention_scores(const ChunkAttentionSettings& settings, const ScoreInput& input,
                                          int first, int last) {
  const auto slots = static_cast<size_t>(input.slots);
  expect_count("chunk_attention", "attention sums", slots, input.chunk_attention.size());
  expect_count("chunk_attention", "value norms", slots, input.value_norms.size());
  std::vector<float> weighted;
  for (int slot = first; slot < last; ++slot) {
    weighted.push_back(input.chunk_attention[slot] * input.value_norms[slot]);
  }
  return average_pooled(weighted, settings.kernel, true);
}

}  // namespace kvcompress
