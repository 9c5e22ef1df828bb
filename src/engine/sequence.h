// One sequence: its cache, its recipe and everything else that changes while it lives.
#pragma once

#include <cstdint>  // int32_t
#include <memory>   // std::shared_ptr
#include <vector>   // std::vector

#include "cache/sequence_cache.h"  // SequenceCache
#include "policy/recipe.h"         // Recipe

namespace kvcompress {

// Where a sequence is in its life; hooks are told, never guess from the number of queries.
enum class Phase {
  first_chunk,   // the first chunk of the prompt (also the last when there is only one: see Chunk::last)
  middle_chunk,  // a later chunk of the prompt
  extend,        // more prompt after the prompt was compressed (a question, a chat turn)
  decode,        // one token at a time
};

// exact: scored and evicted after the last chunk. bounded: after every chunk, so that the cache never holds more than
// the budget plus one chunk; chunk j attends to the compressed past.
enum class PrefillMode { exact, bounded };

// The last rotated queries of every layer with the log-sum-exp that attention saw, for window scores.
struct QueryWindow {
  int capacity = 0;                 // queries kept; 0: none
  int filled = 0;                   // queries held, oldest first
  std::vector<int32_t> positions;   // [capacity]
  std::vector<float> queries;       // [layers][capacity][query_heads * head_dim]
  std::vector<float> log_sum_exp;   // [layers][kv_heads][capacity][group]
};

struct Sequence {
  Sequence(PagePool* pool, int layers, int kv_heads, std::vector<int32_t> sliding_window, Recipe recipe,
           PrefillMode prefill);
  Sequence fork() const;

  Recipe recipe;
  PrefillMode prefill;
  SequenceCache cache;
  QueryWindow window;
  Phase phase = Phase::first_chunk;
  bool compressed = false;       // the prompt's end has been compressed
  std::vector<int32_t> budgets;  // [layers][kv_heads] as planned at the prompt's end; empty before
  double compress_ms = 0;        // time spent in scoring, selecting and evicting so far
};

}  // namespace kvcompress
