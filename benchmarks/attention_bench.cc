// Speed of attention over the cache against what this machine can do, both measured in this run:
//   decode      bytes of keys and values per second, and their share of the read bandwidth (caches beyond the
//               last cache)
//   prefill     operations on visible pairs per second, and their share of the BF16 (exact: float32) peak
//   with sums   fast prefill that also gives column sums: its time, and what that adds as a share of fast
//               prefill
//   capture     window scores of the last 32 queries: time, and its share of the chunk's prefill attention
// Options: --head-dim N --group N --kv-heads N --length N --queries N --threads N --megabytes N --run N
// --cpu-time 1; without --head-dim a standard set of shapes runs. Best of several rounds.
#include <sys/mman.h>  // mmap, madvise

#include <algorithm>  // std::min, std::shuffle
#include <cmath>      // std::sqrt
#include <cstdio>     // std::printf
#include <cstdlib>    // std::atoi
#include <cstring>    // std::memcpy
#include <ctime>      // clock_gettime
#include <random>     // std::mt19937
#include <string>     // std::string
#include <vector>     // std::vector

#include "attention/attention.h"
#include "codec/f16.h"
#include "compute/isa.h"
#include "compute/machine.h"

namespace kvcompress {
namespace {

struct Options {
  int head_dim = 0;
  int group = 3;
  int kv_heads = 3;
  int length = 8192;
  int queries = 512;
  int threads = 0;
  int megabytes = 512;
  int run = 8;  // pages that lie side by side: 8 as after prefill in chunks of 512 tokens, 1 when scattered
  int cpu_time = 0;
};

struct Peaks {
  double bandwidth, bf16, f32;
};

// As many layers of caches as fill `megabytes`; runs of `run` pages lie in random order.
class Caches {
 public:
  Caches(const Options& options, int megabytes) : options_(options) {
    const size_t page_bytes = size_t{kPageSlots} * padded_head_dim(options.head_dim) * 4;
    const int pages_per_head = (options.length + kPageSlots - 1) / kPageSlots;
    const size_t layer_bytes = page_bytes * pages_per_head * options.kv_heads;
    layers_ = std::max<int>(1, static_cast<int>((size_t{1} << 20) * megabytes / layer_bytes));
    const size_t pages = size_t(layers_) * options.kv_heads * pages_per_head;
    bytes_ = pages * page_bytes;
    memory_ = static_cast<std::byte*>(
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(memory_, bytes_, MADV_HUGEPAGE);
    fill(pages, page_bytes);
    positions_.resize(size_t(pages_per_head) * kPageSlots);
    for (size_t i = 0; i < positions_.size(); ++i) {
      positions_[i] = static_cast<int>(i) < options.length ? static_cast<int32_t>(i) : kNoToken;
    }
    make_views(pages, pages_per_head, page_bytes);
  }
  ~Caches() { munmap(memory_, bytes_); }
  Caches(const Caches&) = delete;
  Caches& operator=(const Caches&) = delete;

  int layers() const { return layers_; }
  size_t bytes() const { return bytes_; }
  std::span<const PageView> head(int layer, int kv_head) const {
    const size_t pages = positions_.size() / kPageSlots;
    return {views_.data() + (size_t(layer) * options_.kv_heads + kv_head) * pages, pages};
  }

 private:
  void fill(size_t pages, size_t page_bytes) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    uint16_t* first = reinterpret_cast<uint16_t*>(memory_);
    for (size_t i = 0; i < page_bytes / 2; ++i) first[i] = f16_from_f32(normal(random));
    for (size_t p = 1; p < pages; ++p) std::memcpy(memory_ + p * page_bytes, memory_, page_bytes);
  }

  void make_views(size_t pages, int pages_per_head, size_t page_bytes) {
    std::vector<size_t> runs((pages + options_.run - 1) / options_.run), order;
    for (size_t r = 0; r < runs.size(); ++r) runs[r] = r;
    std::shuffle(runs.begin(), runs.end(), std::mt19937(2));
    for (const size_t run : runs) {
      for (int i = 0; i < options_.run && run * options_.run + i < pages; ++i)
        order.push_back(run * options_.run + i);
    }
    for (size_t p = 0; p < pages; ++p) {
      const int first = static_cast<int>(p % pages_per_head) * kPageSlots;
      const int used = std::min(kPageSlots, options_.length - first);
      views_.push_back({memory_ + order[p] * page_bytes, positions_.data() + first, nullptr, first,
                        first + used - 1, static_cast<uint8_t>(used), static_cast<uint8_t>(used),
                        /*packed=*/nullptr});
    }
  }

  Options options_;
  int layers_;
  size_t bytes_;
  std::byte* memory_;
  std::vector<int32_t> positions_;
  std::vector<PageView> views_;
};

// Wall time, or with --cpu-time 1 the calling thread's own: for one thread on a machine busy with other work.
bool use_cpu_time = false;

double seconds_now() {
  timespec time;
  clock_gettime(use_cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <typename Work>
double best_seconds(int rounds, const Work& work) {
  double best = 1e30;
  for (int i = 0; i < rounds; ++i) {
    const double start = seconds_now();
    work(i);
    best = std::min(best, seconds_now() - start);
  }
  return best;
}

AttentionShape shape_of(const Options& o) {
  return {o.head_dim, o.group, 1.0f / std::sqrt(static_cast<float>(o.head_dim)), 0};
}

std::vector<float> random_floats(size_t count) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

void print_row(const char* what, const Options& o, int threads, const char* figure, double share,
               const char* of) {
  std::printf("%-14s %8d %6d %8d %8d  %-28s %5.1f %% of %s\n", what, o.head_dim, o.group, o.length, threads,
              figure, 100 * share, of);
  std::fflush(stdout);
}

void bench_decode(const Options& o, Precision precision, ThreadPool& pool, const Peaks& peaks) {
  const Caches caches(o, o.megabytes);
  const AttentionShape shape = shape_of(o);
  const size_t head_floats = size_t(o.group) * o.head_dim;
  const auto queries = random_floats(o.kv_heads * head_floats);
  std::vector<float> outputs(queries.size());
  std::vector<DecodeTask> tasks(o.kv_heads);
  const double seconds = best_seconds(5 * caches.layers(), [&](int round) {
    for (int h = 0; h < o.kv_heads; ++h) {
      tasks[h] = {caches.head(round % caches.layers(), h), &queries[h * head_floats],
                  &outputs[h * head_floats], nullptr, o.length};
    }
    attend_decode(tasks, shape, precision, pool);
  });
  const double rate = static_cast<double>(caches.bytes()) / caches.layers() / seconds;
  char figure[64];
  std::snprintf(figure, sizeof(figure), "%6.1f GB/s %8.1f us/layer", rate / 1e9, 1e6 * seconds);
  print_row(precision == Precision::fast ? "decode fast" : "decode exact", o, pool.size(), figure,
            rate / peaks.bandwidth, "read bandwidth");
}

// The last `queries` tokens of a cache as a chunk of every KV head.
struct ChunkBench {
  explicit ChunkBench(const Options& o) : options(o), caches(o, 1), shape(shape_of(o)) {
    const int64_t row = int64_t{o.group} * o.head_dim;
    queries = random_floats(size_t(o.queries) * row * o.kv_heads);
    outputs.resize(queries.size());
    log_sum_exp.resize(size_t(o.queries) * o.group * o.kv_heads);
    for (int i = 0; i < o.queries; ++i) positions.push_back(o.length - o.queries + i);
    sums.assign(o.kv_heads, std::vector<float>(caches.head(0, 0).size() * kPageSlots * o.group));
    for (int h = 0; h < o.kv_heads; ++h) {
      tasks.push_back({caches.head(0, h), &queries[h * row], row * o.kv_heads, &outputs[h * row],
                       row * o.kv_heads, &log_sum_exp[size_t(h) * o.queries * o.group], positions.data(),
                       o.queries});
    }
  }

  double operations() const {
    double pairs = 0;
    for (const int32_t position : positions) pairs += position + 1;
    return 4.0 * pairs * options.head_dim * options.group * options.kv_heads;
  }

  Options options;
  Caches caches;
  AttentionShape shape;
  std::vector<float> queries, outputs, log_sum_exp;
  std::vector<int32_t> positions;
  std::vector<PrefillTask> tasks;
  std::vector<std::vector<float>> sums;  // of each KV head
};

// Returns the seconds it takes.
double bench_prefill(ChunkBench& chunk, Precision precision, ThreadPool& pool, const Peaks& peaks) {
  const bool fast = precision == Precision::fast;
  const double seconds =
      best_seconds(fast ? 9 : 4, [&](int) { attend_prefill(chunk.tasks, chunk.shape, precision, pool); });
  const double rate = chunk.operations() / seconds;
  char figure[64];
  std::snprintf(figure, sizeof(figure), "%6.1f GFLOP/s %7.2f ms", rate / 1e9, 1e3 * seconds);
  print_row(fast ? "prefill fast" : "prefill exact", chunk.options, pool.size(), figure,
            rate / (fast ? peaks.bf16 : peaks.f32), fast ? "BF16 peak" : "float32 peak");
  return seconds;
}

// In turn with prefill alone, so that both see the same neighbours on a busy machine.
void bench_column_sums(ChunkBench& chunk, ThreadPool& pool) {
  std::vector<PrefillTask> with_sums = chunk.tasks;
  for (size_t h = 0; h < with_sums.size(); ++h) with_sums[h].column_sums = chunk.sums[h].data();
  double alone = 1e30, both = 1e30;
  for (int round = 0; round < 9; ++round) {
    alone = std::min(alone, best_seconds(1, [&](int) {
                       attend_prefill(chunk.tasks, chunk.shape, Precision::fast, pool);
                     }));
    both = std::min(
        both, best_seconds(1, [&](int) { attend_prefill(with_sums, chunk.shape, Precision::fast, pool); }));
  }
  char figure[64];
  std::snprintf(figure, sizeof(figure), "%7.2f ms, %7.2f without", 1e3 * both, 1e3 * alone);
  print_row("with sums", chunk.options, pool.size(), figure, both / alone - 1, "prefill fast on top");
}

void bench_capture(ChunkBench& chunk, ThreadPool& pool, double prefill_seconds) {
  const Options& o = chunk.options;
  const int window = std::min(32, o.queries), first = o.queries - window;
  std::vector<CaptureTask> captures;
  for (int h = 0; h < o.kv_heads; ++h) {
    const PrefillTask& task = chunk.tasks[h];
    captures.push_back({task.pages, task.queries + first * task.query_stride, task.query_stride,
                        task.log_sum_exp + first * o.group, task.positions + first, window,
                        chunk.sums[h].data()});
  }
  const double seconds = best_seconds(9, [&](int) { capture_scores(captures, chunk.shape, pool); });
  char figure[64];
  std::snprintf(figure, sizeof(figure), "%d queries %7.2f ms", window, 1e3 * seconds);
  print_row("capture", o, pool.size(), figure, seconds / prefill_seconds, "the chunk's prefill attention");
}

void bench_chunk(const Options& o, ThreadPool& pool, const Peaks& peaks) {
  ChunkBench chunk(o);
  bench_prefill(chunk, Precision::exact, pool, peaks);
  const double seconds = bench_prefill(chunk, Precision::fast, pool, peaks);
  bench_column_sums(chunk, pool);
  bench_capture(chunk, pool, seconds);
}

bool parse(int argc, char** argv, Options& o) {
  const std::pair<const char*, int*> known[] = {
      {"--head-dim", &o.head_dim},   {"--group", &o.group},       {"--kv-heads", &o.kv_heads},
      {"--length", &o.length},       {"--queries", &o.queries},   {"--threads", &o.threads},
      {"--megabytes", &o.megabytes}, {"--cpu-time", &o.cpu_time}, {"--run", &o.run}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto* found = std::find_if(std::begin(known), std::end(known), [&](const auto& option) {
      return std::strcmp(option.first, argv[i]) == 0;
    });
    if (found == std::end(known)) return false;
    *found->second = std::atoi(argv[i + 1]);
    if (*found->second < 1) return false;
  }
  use_cpu_time = o.cpu_time != 0;
  return argc % 2 == 1 && o.queries <= o.length;
}

void run(const Options& o, int threads) {
  const Peaks peaks{read_bandwidth(threads), peak_bf16_flops(threads), peak_f32_flops(threads)};
  std::printf("%d thread(s): read %.1f GB/s, BF16 %.0f GFLOP/s, float32 %.0f GFLOP/s\n", threads,
              peaks.bandwidth / 1e9, peaks.bf16 / 1e9, peaks.f32 / 1e9);
  std::printf("%-14s %8s %6s %8s %8s\n", "", "head dim", "group", "length", "threads");
  ThreadPool pool(threads);
  std::vector<Options> all;
  if (o.head_dim > 0) {
    all.push_back(o);
  } else {
    constexpr int kShapes[][3] = {
        {64, 3, 3}, {64, 7, 2}, {128, 4, 8}, {256, 4, 1}};  // head dim, group, KV heads
    for (const auto& shape : kShapes) {
      all.push_back(o);
      all.back().head_dim = shape[0];
      all.back().group = shape[1];
      all.back().kv_heads = shape[2];
    }
  }
  for (const Options& one : all) {
    for (const Precision precision : {Precision::exact, Precision::fast})
      bench_decode(one, precision, pool, peaks);
  }
  for (const Options& one : all) bench_chunk(one, pool, peaks);
}

}  // namespace
}  // namespace kvcompress

int main(int argc, char** argv) {
  kvcompress::Options options;
  if (!kvcompress::parse(argc, argv, options)) {
    std::fprintf(
        stderr,
        "[attention_bench] expected --head-dim, --group, --kv-heads, --length, --queries, --threads, "
        "--megabytes, --run or --cpu-time, each with a number of 1 or more; got something else\n");
    return 2;
  }
  std::printf("%s, %s\n", kvcompress::cpu_name().c_str(),
              std::string(name(kvcompress::active_isa())).c_str());
  if (options.threads > 0) {
    run(options, options.threads);
  } else {
    for (const int threads : {1, 2}) run(options, threads);
  }
  return 0;
}
