// What the engine's operations on one head's slots cost, one thread: the chunk and the token that are
// appended, the halving after a prompt, the eviction of one slot for each decoded token with its closing of
// holes, and a fork with its first write. Best of several rounds, each over many heads, so that what a round
// touches has left the caches. Options: --head-dim N --length N --heads N --rounds N.
#include <algorithm>  // std::min, std::find_if
#include <cstdio>     // std::printf
#include <cstdlib>    // std::atoi
#include <cstring>    // std::strcmp
#include <memory>     // std::unique_ptr
#include <numeric>    // std::iota
#include <random>     // std::mt19937
#include <string>     // std::string
#include <utility>    // std::pair
#include <vector>     // std::vector

#include "base/timer.h"        // Timer
#include "cache/head_slots.h"  // HeadSlots
#include "codec/page_form.h"   // make_f16_form
#include "compute/isa.h"       // active_isa
#include "compute/machine.h"   // cpu_name

namespace kvcompress {
namespace {

struct Options {
  int head_dim = 64;
  int length = 8192;  // tokens in a head before the operation; a multiple of the chunk
  int heads = 64;
  int rounds = 9;
};

constexpr int kChunk = 512;

// Heads that hold `length` tokens of random numbers.
class Heads {
 public:
  explicit Heads(const Options& options)
      : options_(options),
        form_(make_f16_form(options.head_dim)),
        pool_(form_->payload_bytes(), options.head_dim, PoolOptions{}, &memory_) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    rows_.resize(size_t{kChunk} * options.head_dim);
    for (float& x : rows_) x = normal(random);
  }

  // New heads with `length` tokens each.
  void fill(int length) {
    heads_.clear();
    for (int h = 0; h < options_.heads; ++h) {
      heads_.emplace_back(&pool_, form_.get());
      for (int first = 0; first < length; first += kChunk) append(heads_.back(), first, kChunk);
    }
  }

  void append(HeadSlots& head, int first, int count) {
    std::vector<int32_t>& positions = positions_;
    positions.resize(static_cast<size_t>(count));
    std::iota(positions.begin(), positions.end(), first);
    head.append(positions, rows_.data(), options_.head_dim, rows_.data(), options_.head_dim);
  }

  std::vector<HeadSlots>& all() { return heads_; }

 private:
  Options options_;
  // These outlive the heads.
  std::unique_ptr<PageForm> form_;
  CacheMemory memory_;
  PagePool pool_;
  std::vector<float> rows_;
  std::vector<int32_t> positions_;
  std::vector<HeadSlots> heads_;
};

// Least seconds for one head of `rounds` rounds; prepare() is not counted.
template <typename Prepare, typename Work>
double best_seconds(const Options& options, Heads& heads, const Prepare& prepare, const Work& work) {
  double best = 1e30;
  for (int round = 0; round < options.rounds; ++round) {
    prepare();
    const Timer timer;
    for (HeadSlots& head : heads.all()) work(head);
    best = std::min(best, timer.seconds() / options.heads);
  }
  return best;
}

// bytes: of keys and values as the cache holds them that one operation writes or moves; 0: not counted.
void print_row(const char* what, double seconds, double bytes) {
  std::printf("%-44s %12.0f ns", what, 1e9 * seconds);
  if (bytes > 0) std::printf(" %8.2f GB/s", bytes / seconds / 1e9);
  std::printf("\n");
  std::fflush(stdout);
}

double bytes_of(const Options& o, int tokens) { return 4.0 * o.head_dim * tokens; }  // f16 keys and values

void bench_append(const Options& o, Heads& heads) {
  const auto fill = [&] { heads.fill(o.length); };
  const double chunk =
      best_seconds(o, heads, fill, [&](HeadSlots& head) { heads.append(head, o.length, kChunk); });
  print_row("append a chunk of 512 tokens", chunk, bytes_of(o, kChunk));
  // A page's worth of single tokens, so that the one that opens a page has its share.
  const double tokens = best_seconds(o, heads, fill, [&](HeadSlots& head) {
    for (int t = 0; t < kPageSlots; ++t) heads.append(head, o.length + t, 1);
  });
  print_row("append one token", tokens / kPageSlots, bytes_of(o, 1));
}

void bench_keep(const Options& o, Heads& heads) {
  std::vector<int32_t> every_second;
  for (int slot = 0; slot < o.length; slot += 2) every_second.push_back(slot);
  const double seconds = best_seconds(
      o, heads, [&] { heads.fill(o.length); }, [&](HeadSlots& head) { head.keep(every_second, true); });
  print_row("keep every second slot, moved together", seconds, bytes_of(o, o.length / 2));
}

// A held budget: every token is followed by the eviction of one slot.
void bench_drop(const Options& o, Heads& heads) {
  constexpr int kSteps = 4 * kPageSlots;  // holes are closed once in a page's worth of drops
  std::mt19937 random(2);
  double append = 0;
  for (const bool drops : {false, true}) {
    const double seconds = best_seconds(
        o, heads, [&] { heads.fill(o.length); },
        [&](HeadSlots& head) {
          for (int step = 0; step < kSteps; ++step) {
            heads.append(head, o.length + step, 1);
            if (drops) head.drop(static_cast<int32_t>(random() % static_cast<unsigned>(o.length)));
          }
        });
    if (drops) print_row("drop one slot, closing of holes included", (seconds - append) / kSteps, 0);
    append = seconds;
  }
}

void bench_fork(const Options& o, Heads& heads) {
  std::vector<HeadSlots> forks;
  const auto fill = [&] {
    forks.clear();
    // Half a page is in use, so that the first write copies it.
    heads.fill(o.length);
    for (HeadSlots& head : heads.all()) heads.append(head, o.length, kPageSlots / 2);
    forks.reserve(heads.all().size());
  };
  const double fork = best_seconds(o, heads, fill, [&](HeadSlots& head) { forks.push_back(head.fork()); });
  print_row("fork", fork, 0);
  const double write = best_seconds(
      o, heads,
      [&] {
        fill();
        for (const HeadSlots& head : heads.all()) forks.push_back(head.fork());
      },
      [&](HeadSlots& head) { heads.append(head, o.length + kPageSlots / 2, 1); });
  print_row("first token after a fork (copies a page)", write, bytes_of(o, kPageSlots));
}

void run(const Options& o) {
  Heads heads(o);
  std::printf("per head: head dim %d, %d tokens, %d heads (%.0f MB)\n", o.head_dim, o.length, o.heads,
              bytes_of(o, o.length) * o.heads / 1e6);
  bench_append(o, heads);
  bench_keep(o, heads);
  bench_drop(o, heads);
  bench_fork(o, heads);
}

bool parse(int argc, char** argv, Options& o) {
  const std::pair<const char*, int*> known[] = {
      {"--head-dim", &o.head_dim}, {"--length", &o.length}, {"--heads", &o.heads}, {"--rounds", &o.rounds}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto* found = std::find_if(std::begin(known), std::end(known), [&](const auto& option) {
      return std::strcmp(option.first, argv[i]) == 0;
    });
    if (found == std::end(known)) return false;
    *found->second = std::atoi(argv[i + 1]);
    if (*found->second < 1) return false;
  }
  return argc % 2 == 1 && o.length % kChunk == 0;
}

}  // namespace
}  // namespace kvcompress

int main(int argc, char** argv) {
  kvcompress::Options options;
  if (!kvcompress::parse(argc, argv, options)) {
    std::fprintf(
        stderr,
        "[cache_bench] expected --head-dim, --length (a multiple of 512), --heads or --rounds, each with "
        "a number of 1 or more; got something else\n");
    return 2;
  }
  std::printf("%s, %s\n", kvcompress::cpu_name().c_str(),
              std::string(name(kvcompress::active_isa())).c_str());
  kvcompress::run(options);
  return 0;
}
