#include <algorithm>  // std::stable_sort, std::lower_bound, std::min, std::max
#include <utility>    // std::pair

#include "policy/registry.h"       // KVC_ANSWER
#include "policy/scoring/best.h"   // expect_selection, forced_slots
#include "policy/scoring/check.h"  // expect_count
#include "policy/selection.h"      // SelectPolicy

namespace kvcompress {
namespace {

// Neighbouring tokens are kept or dropped together, the same ones in all heads of a layer.
class Chunks final : public SelectPolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("size", size_, 1, 65536, "tokens of a chunk");
    visitor.choice("by", by_, {"position", "slot"},
                   "cut where the text was cut at first, or count the tokens that are still there");
    visitor.boolean(
        "partial", partial_,
        "true: the last chunk fills the budget from its first token; false: whole chunks only, counted as "
        "kvpress counts them (share of the chunks, rounded down), which changes the budget by up to a chunk");
  }

  void refine(std::span<HeadSelection> heads) const override {
    for (const HeadSelection& head : heads) {
      expect_selection("chunks", head);
      expect_count("chunks", "positions", head.scores.size(), head.input.positions.size());
    }
    const std::vector<int64_t> ranking = ranked_chunks(heads);
    for (HeadSelection& head : heads) {
      if (head.budget >= head.input.slots) continue;
      if (partial_) {
        keep_to_the_budget(head, ranking);
      } else {
        keep_whole(head, ranking);
      }
    }
  }

 private:
  int64_t chunk_of(const HeadSelection& head, int64_t slot) const {
    return (by_ == "position" ? head.input.positions[slot] : slot) / size_;
  }

  // Numbers of chunks, the best mean of the sums over heads first, ties to the earlier.
  std::vector<int64_t> ranked_chunks(std::span<const HeadSelection> heads) const {
    int64_t chunks = 0;
    for (const HeadSelection& head : heads) {
      if (head.input.slots > 0) chunks = std::max(chunks, chunk_of(head, head.input.slots - 1) + 1);
    }
    std::vector<double> sums(chunks), counts(chunks);
    for (const HeadSelection& head : heads) {
      for (int64_t slot = 0; slot < head.input.slots; ++slot) {
        sums[chunk_of(head, slot)] += head.scores[slot];
        counts[chunk_of(head, slot)] += 1;
      }
    }
    std::vector<int64_t> ranking;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      if (counts[chunk] == 0) continue;  // nothing of it is left
      sums[chunk] /= counts[chunk];      // over the heads too, which changes no order
      ranking.push_back(chunk);
    }
    std::stable_sort(ranking.begin(), ranking.end(), [&](int64_t a, int64_t b) { return sums[a] > sums[b]; });
    return ranking;
  }

  // [first, last) of a chunk's slots.
  std::pair<int64_t, int64_t> slots_of(const HeadSelection& head, int64_t chunk) const {
    const auto begin = head.input.positions.begin(), end = head.input.positions.end();
    if (by_ == "slot") {
      const int64_t slots = head.input.slots;
      return {std::min(chunk * size_, slots), std::min((chunk + 1) * size_, slots)};
    }
    return {std::lower_bound(begin, end, chunk * size_) - begin,
            std::lower_bound(begin, end, (chunk + 1) * size_) - begin};
  }

  void keep_to_the_budget(HeadSelection& head, const std::vector<int64_t>& ranking) const {
    int64_t room = head.budget - forced_slots(head, 0, head.input.slots);
    for (const int64_t chunk : ranking) {
      const auto [first, last] = slots_of(head, chunk);
      for (int64_t slot = first; slot < last && room > 0; ++slot) {
        if (head.forced[slot] != 0) continue;
        head.forced[slot] = 1;
        --room;
      }
    }
  }

  void keep_whole(HeadSelection& head, const std::vector<int64_t>& ranking) const {
    std::vector<int64_t> held;
    for (const int64_t chunk : ranking) {
      const auto [first, last] = slots_of(head, chunk);
      if (first < last) held.push_back(chunk);
    }
    // kvpress multiplies the number of chunks with the share asked for. All that is known here is the budget,
    // that share rounded down to tokens: the largest share that gives this budget is the one to take, for a
    // share such as 1/4 then gives kvpress's number.
    const auto chunks = static_cast<int64_t>(held.size());
    const int64_t keep = std::max<int64_t>(1, (chunks * (head.budget + 1) - 1) / head.input.slots);
    for (int64_t i = 0; i < std::min(keep, chunks); ++i) {
      const auto [first, last] = slots_of(head, held[i]);
      std::fill(head.forced.begin() + first, head.forced.begin() + last, uint8_t{1});
    }
    head.budget = forced_slots(head, 0, head.input.slots);
  }

  int64_t size_ = 20;
  std::string by_ = "position";
  bool partial_ = true;
};

}  // namespace

KVC_ANSWER(select, chunks, Chunks, "whole chunks of neighbouring tokens, the same in all heads of a layer",
           "arXiv:2502.00299 (ChunkKV) section 3; ChunkKVPress in kvpress")

}  // namespace kvcompress
