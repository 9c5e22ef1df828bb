#include "engine/replay.h"

#include <algorithm>  // std::min

#include "base/timer.h"  // Timer

namespace kvcompress {
namespace {

constexpr int32_t kSinks = 4;
constexpr int32_t kOverlap = 8;  // tokens of the part before that lead into a part

}  // namespace

Replayer::Replayer(Forward& forward, const Vocabulary& vocabulary, int chunk, const std::atomic<bool>& stop)
    : forward_(forward), vocabulary_(vocabulary), chunk_(chunk), stop_(stop) {}

void Replayer::run(Sequence& sequence) {
  Observations& observed = sequence.observed;
  const auto prompt = static_cast<int32_t>(observed.tokens.size());
  for (int layer = 0; layer < sequence.cache.layers(); ++layer) {
    for (int head = 0; head < sequence.cache.kv_heads(); ++head) {
      std::vector<float>& replay =
          observed.notes[static_cast<size_t>(layer) * sequence.cache.kv_heads() + head].replay;
      if (replay.size() == static_cast<size_t>(prompt)) return;
      replay.assign(static_cast<size_t>(prompt), 0.0F);
    }
  }
  const Timer timer;
  const int32_t part = observed.needs.replay_chunk;
  for (int32_t first = 0; first < prompt; first += part) {
    replay_part(sequence, first, std::min(first + part, prompt));
  }
  observed.replay_s += timer.seconds();
}

void Replayer::replay_part(Sequence& sequence, int32_t first, int32_t last) {
  Observations& observed = sequence.observed;
  const char* instruction = first == 0 ? "\n\nRepeat the previous context exactly."
                                       : "\n\nRepeat the part of the previous context exactly, starting with";
  std::vector<int32_t> tokens = vocabulary_.tokenize(instruction, /*add_special=*/false, false);
  const auto begin = observed.tokens.begin();
  if (first > 0) tokens.insert(tokens.end(), begin + std::max(0, first - kOverlap), begin + first);
  const std::vector<int32_t> line = vocabulary_.tokenize("\n", /*add_special=*/false, false);
  tokens.insert(tokens.end(), line.begin(), line.end());
  tokens.insert(tokens.end(), begin + first, begin + last);

  Sequence fork = sequence.fork();
  fork.recipe = Recipe();
  fork.observed = Observations();
  fork.observed.replay = std::make_shared<ReplayTarget>();
  ReplayTarget& target = *fork.observed.replay;
  target.sinks = std::min(kSinks, first);
  target.first = first;
  target.last = last;
  target.begin = fork.cache.next_position;
  target.normalised = observed.needs.replay_normalised;
  target.notes = &observed.notes;
  const std::span<const int32_t> all(tokens);
  for (size_t done = 0; done < all.size(); done += static_cast<size_t>(chunk_)) {
    const Segment segment{&fork, all.subspan(done, std::min(all.size() - done, static_cast<size_t>(chunk_)))};
    forward_.run({&segment, 1}, {}, stop_);
  }
}

}  // namespace kvcompress
