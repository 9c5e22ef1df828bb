// One sequence: its cache, its recipe and everything else that changes while it lives.
#pragma once

#include <cstdint>  // int32_t
#include <vector>   // std::vector

#include "cache/sequence_cache.h"  // SequenceCache
#include "engine/query_window.h"   // QueryWindow
#include "policy/recipe.h"         // Recipe

namespace kvcompress {

// Where a sequence is in its life; hooks are told, never guess from the number of queries.
enum class Phase {
  first_chunk,   // the first chunk of the prompt (also the last when there is only one: see Chunk::last)
  middle_chunk,  // a later chunk of the prompt
  extend,        // more prompt after the prompt was compressed (a question, a chat turn)
  decode,        // one token at a time
};

// exact: scored and evicted after the last chunk. bounded: after every chunk, so that the cache never holds
// more than the budget plus one chunk; chunk j attends to the compressed past.
enum class PrefillMode { exact, bounded };

struct Sequence {
  Sequence(PagePool* pool, int layers, int kv_heads, std::vector<int32_t> sliding_window, Recipe recipe,
           PrefillMode prefill);
  Sequence fork() const;  // shares pages until either side writes to them

  Recipe recipe;
  PrefillMode prefill;
  SequenceCache cache;
  QueryWindow window;
  Phase phase = Phase::first_chunk;
  bool compressed = false;       // the prompt's end has been compressed
  int64_t prompt_total = 0;      // tokens of the prompt being read, for budgets given as a share
  std::vector<int32_t> budgets;  // [layers][kv_heads] as last planned; empty before
  // [layers][kv_heads][live slots]: scores of policies whose score of a slot never changes, kept while a
  // budget is held during decode; empty otherwise.
  std::vector<std::vector<float>> slot_scores;
  double compress_s = 0;  // spent in scoring, selecting and evicting so far

 private:
  Sequence(const Sequence& other, SequenceCache forked);
};

}  // namespace kvcompress
