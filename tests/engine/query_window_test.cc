#include "engine/query_window.h"

#include <gtest/gtest.h>

#include <numeric>  // std::iota
#include <vector>   // std::vector

namespace kvcompress {
namespace {

constexpr int kLayers = 2, kKvHeads = 3, kGroup = 2, kHeadDim = 4, kCapacity = 5;
constexpr int kWidth = kKvHeads * kGroup * kHeadDim;

// Query channel c of head h, group member g at position p.
float query_value(int layer, int position, int head, int g, int c) {
  return static_cast<float>(layer * 100000 + position * 1000 + head * 100 + g * 10 + c);
}

void push(QueryWindow& window, int first, int rows) {
  std::vector<int32_t> positions(static_cast<size_t>(rows));
  std::iota(positions.begin(), positions.end(), first);
  for (int layer = 0; layer < kLayers; ++layer) {
    std::vector<float> queries, lse(static_cast<size_t>(rows * kKvHeads * kGroup));
    for (int row = 0; row < rows; ++row) {
      for (int head = 0; head < kKvHeads; ++head) {
        for (int g = 0; g < kGroup; ++g) {
          lse[static_cast<size_t>((head * rows + row) * kGroup + g)] =
              query_value(layer, first + row, head, g, 9);
          for (int c = 0; c < kHeadDim; ++c) queries.push_back(query_value(layer, first + row, head, g, c));
        }
      }
    }
    window.push(layer, rows, queries.data(), kWidth, lse.data());
  }
  window.advance(positions);
}

// The newest `count` of the queries of positions [0, seen), oldest first.
void check_newest(const QueryWindow& window, int seen, int count) {
  for (int i = 0; i < count; ++i) {
    const int position = seen - count + i;
    ASSERT_EQ(window.positions(count)[i], position);
    for (int layer = 0; layer < kLayers; ++layer) {
      for (int head = 0; head < kKvHeads; ++head) {
        for (int g = 0; g < kGroup; ++g) {
          const float* query = window.queries(layer, head, count) + i * window.query_stride() + g * kHeadDim;
          ASSERT_EQ(query[3], query_value(layer, position, head, g, 3));
          ASSERT_EQ(window.log_sum_exp(layer, head, count)[i * kGroup + g],
                    query_value(layer, position, head, g, 9));
        }
      }
    }
  }
}

// Pushes in pieces of these sizes must leave the last kCapacity positions, oldest first.
class QueryWindowTest : public testing::TestWithParam<std::vector<int>> {};

TEST_P(QueryWindowTest, HoldsTheLastQueriesInOrder) {
  QueryWindow window(kCapacity, kLayers, kKvHeads, kGroup, kHeadDim);
  int seen = 0;
  for (const int rows : GetParam()) {
    push(window, seen, rows);
    seen += rows;
    const int filled = std::min(seen, kCapacity);
    ASSERT_EQ(window.filled(), filled);
    for (const int count : {1, filled / 2, filled}) check_newest(window, seen, count);
  }
}

INSTANTIATE_TEST_SUITE_P(Chunks, QueryWindowTest,
                         testing::Values(std::vector<int>{1, 1, 1, 1, 1, 1, 1}, std::vector<int>{12, 3, 1},
                                         std::vector<int>{5, 5}, std::vector<int>{3, 4, 2, 9, 1}));

}  // namespace
}  // namespace kvcompress
