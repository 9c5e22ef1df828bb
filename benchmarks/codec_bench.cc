// Decode attention over packed pages, one thread: score, softmax and accumulate of page after page, more
// pages than the last cache holds, in runs of eight as after reading a prompt. For each form and group of
// query heads: ns a token (of one KV head), GB/s of stored bytes, and bytes a token. f16 is the exact form
// through attend_decode(), to compare with. Then sealing and reading back, us a page.
#include <benchmark/benchmark.h>

#include <algorithm>  // std::shuffle
#include <cmath>      // std::sqrt
#include <cstdlib>    // std::aligned_alloc, std::free
#include <cstring>    // std::memcpy
#include <memory>     // std::unique_ptr
#include <random>     // std::mt19937
#include <string>     // std::string
#include <vector>     // std::vector

#include "attention/attention.h"     // attend_decode
#include "codec/make_packed_form.h"  // make_packed_form
#include "codec/page_form.h"         // make_f16_form
#include "compute/isa.h"             // active_isa
#include "compute/matrix.h"          // softmax
#include "compute/thread_pool.h"     // ThreadPool

namespace kvcompress {
namespace {

constexpr size_t kWorkingSet = size_t{256} << 20;
constexpr int kRun = 8;         // pages that lie side by side
constexpr int kHeadPages = 64;  // of one head: queries are prepared once for so many
constexpr float kLogSum = 4;    // logits are of N(0, 1), so that weights stay below 1

std::vector<float> random_floats(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte[], Free>;

Memory allocate(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;
  return Memory(static_cast<std::byte*>(
      std::aligned_alloc(kHugePage, (bytes + kHugePage - 1) / kHugePage * kHugePage)));
}

// Copies of some pages, and the order to read them in.
struct Pages {
  Pages(size_t page_bytes, const std::vector<std::byte>& originals)
      : count(kWorkingSet / page_bytes / kHeadPages * kHeadPages), memory(allocate(count * page_bytes)) {
    for (size_t p = 0; p < count; ++p) {
      std::memcpy(memory.get() + p * page_bytes, originals.data() + p * page_bytes % originals.size(),
                  page_bytes);
    }
    std::vector<size_t> runs(count / kRun);
    for (size_t r = 0; r < runs.size(); ++r) runs[r] = r;
    std::shuffle(runs.begin(), runs.end(), std::mt19937(2));
    for (const size_t run : runs) {
      for (int i = 0; i < kRun; ++i) order.push_back(memory.get() + (run * kRun + i) * page_bytes);
    }
  }
  size_t count;
  Memory memory;
  std::vector<const std::byte*> order;
};

void report(benchmark::State& state, size_t pages, size_t page_bytes) {
  const double tokens = static_cast<double>(state.iterations()) * static_cast<double>(pages * kPageSlots);
  using benchmark::Counter;
  state.counters["ns/token"] = Counter(tokens * 1e-9, Counter::kIsRate | Counter::kInvert);
  state.counters["GB/s"] =
      Counter(tokens * static_cast<double>(page_bytes) / kPageSlots * 1e-9, Counter::kIsRate);
  state.counters["bytes/token"] = static_cast<double>(page_bytes) / kPageSlots;
}

void decode_f16(benchmark::State& state, int head_dim, int group) {
  const auto form = make_f16_form(head_dim);
  std::vector<std::byte> original(form->payload_bytes() + 64);
  std::byte* page = original.data() + (64 - reinterpret_cast<uintptr_t>(original.data()) % 64) % 64;
  const auto numbers = random_floats(static_cast<size_t>(2 * kPageSlots * head_dim), 1);
  if (form->store(page, 0, kPageSlots, numbers.data(), head_dim, numbers.data() + kPageSlots * head_dim,
                  head_dim) != -1) {
    return state.SkipWithError("numbers that do not fit f16");
  }
  const Pages pages(form->payload_bytes(), {page, page + form->payload_bytes()});
  std::vector<int32_t> positions(static_cast<size_t>(kHeadPages) * kPageSlots);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int32_t>(i);
  std::vector<PageView> views(pages.count);
  for (size_t p = 0; p < pages.count; ++p) {
    const int first = static_cast<int>(p % kHeadPages) * kPageSlots;
    views[p].payload = pages.order[p];
    views[p].positions = positions.data() + first;
    views[p].first_position = first;
    views[p].last_position = first + kPageSlots - 1;
    views[p].used = views[p].live = kPageSlots;
  }
  const AttentionShape shape{head_dim, group, 1 / std::sqrt(static_cast<float>(head_dim)), 0};
  const auto queries = random_floats(static_cast<size_t>(group * head_dim), 3);
  std::vector<float> out(queries.size());
  ThreadPool pool(1);
  for (auto _ : state) {
    for (size_t p = 0; p < pages.count; p += kHeadPages) {
      const DecodeTask task{
          {views.data() + p, kHeadPages}, queries.data(), out.data(), nullptr, kHeadPages * kPageSlots};
      attend_decode({&task, 1}, shape, Precision::fast, pool);
    }
  }
  report(state, pages.count, form->payload_bytes());
}

// Some sealed pages, one after the other.
std::vector<std::byte> sealed_pages(const PackedForm& form, int count) {
  const size_t bytes = form.payload_bytes(), floats = static_cast<size_t>(kPageSlots * form.head_dim());
  const Memory memory = allocate(count * bytes);
  for (int i = 0; i < count; ++i) {
    const auto numbers = random_floats(2 * floats, static_cast<unsigned>(i));
    form.encode(memory.get() + i * bytes, numbers.data(), numbers.data() + floats, 0);
  }
  return {memory.get(), memory.get() + count * bytes};
}

void decode_packed(benchmark::State& state, const PackedSettings& settings, int head_dim, int group,
                   Precision precision) {
  const auto form = make_packed_form(settings, head_dim);
  const Pages pages(form->payload_bytes(), sealed_pages(*form, 16));
  const int padded = padded_head_dim(head_dim);
  auto floats = [](size_t count) { return allocate(count * sizeof(float)); };
  auto as_floats = [](const Memory& memory) { return reinterpret_cast<float*>(memory.get()); };
  const Memory queries = floats(static_cast<size_t>(group * padded)),
               prepared = allocate(form->query_bytes(group));
  const Memory logits = floats(static_cast<size_t>(group) * kPageSlots);
  const Memory sums = floats(static_cast<size_t>(group * form->sum_floats()));
  const Memory out = floats(static_cast<size_t>(group * padded));
  auto numbers = random_floats(static_cast<size_t>(group * padded), 3);
  for (float& x : numbers) x /= std::sqrt(static_cast<float>(head_dim));
  std::copy(numbers.begin(), numbers.end(), as_floats(queries));
  const Isa isa = active_isa();
  for (auto _ : state) {
    for (size_t p = 0; p < pages.count; ++p) {
      if (p % kHeadPages == 0) {
        form->prepare(as_floats(queries), group, precision, prepared.get());
        std::fill_n(as_floats(sums), group * form->sum_floats(), 0.0f);
      }
      const std::byte* ahead = pages.order[p + 1 < pages.count ? p + 1 : p];
      form->score(pages.order[p], prepared.get(), group, precision, as_floats(logits), ahead);
      for (int g = 0; g < group; ++g) softmax(as_floats(logits) + g * kPageSlots, kPageSlots, isa);
      form->accumulate(pages.order[p], as_floats(logits), group, precision, as_floats(sums), ahead);
      if (p % kHeadPages == kHeadPages - 1) form->finish(as_floats(sums), group, as_floats(out));
    }
    benchmark::DoNotOptimize(*as_floats(out));
  }
  report(state, pages.count, form->payload_bytes());
}

void seal(benchmark::State& state, const PackedSettings& settings, int head_dim, bool back) {
  const auto form = make_packed_form(settings, head_dim);
  const size_t floats = static_cast<size_t>(kPageSlots * head_dim);
  auto numbers = random_floats(2 * floats, 5);
  const Memory page = allocate(form->payload_bytes());
  form->encode(page.get(), numbers.data(), numbers.data() + floats, 1);
  for (auto _ : state) {
    back ? form->load_page(page.get(), numbers.data(), numbers.data() + floats)
         : form->encode(page.get(), numbers.data(), numbers.data() + floats, 1);
    benchmark::DoNotOptimize(numbers[0]);
    benchmark::DoNotOptimize(*page.get());
  }
}

struct Named {
  std::string name;
  PackedSettings settings;
};

std::vector<Named> forms() {
  std::vector<Named> all;
  for (const int bits : {8, 4, 3, 2}) {
    const std::string prefix = std::to_string(bits) + "-bit";
    const ScalarSettings plain{.key_bits = bits, .value_bits = bits};
    all.push_back({prefix, plain});
    ScalarSettings settings = plain;
    settings.key_axis = ScalarSettings::KeyAxis::token;
    settings.key_group = 0;
    settings.rotated = true;
    all.push_back({prefix + "_rotated_token", settings});
    settings = plain;
    settings.key_group = settings.value_group = 32;
    all.push_back({prefix + "_groups_32", settings});
  }
  using enum BlockSettings::Element;
  all.push_back({"e4m3", BlockSettings{.keys = e4m3, .values = e4m3}});
  all.push_back(
      {"e2m1",
       BlockSettings{.keys = e2m1, .values = e2m1, .scale = BlockSettings::Scale::e4m3, .block = 16}});
  all.push_back({"q8_0", BlockSettings{.keys = int8, .values = int8, .block = 32}});
  all.push_back({"q4_0", BlockSettings{.keys = int4, .values = int4, .block = 32}});
  all.push_back({"codebook_4", BlockSettings{.keys = normal_4, .values = normal_4, .rotated = true}});
  return all;
}

void register_all() {
  for (const auto& [head_dim, group] : {std::pair{64, 3}, {64, 7}, {128, 4}}) {
    const std::string shape = "/head_dim:" + std::to_string(head_dim) + "/group:" + std::to_string(group);
    benchmark::RegisterBenchmark(("decode/f16" + shape).c_str(), decode_f16, head_dim, group);
    for (const Named& form : forms()) {
      for (const Precision precision : {Precision::fast, Precision::exact}) {
        const char* how = precision == Precision::fast ? "_fast" : "_exact";
        benchmark::RegisterBenchmark(("decode/" + form.name + how + shape).c_str(), decode_packed,
                                     form.settings, head_dim, group, precision);
      }
    }
  }
  for (const Named& form : forms()) {
    for (const bool back : {false, true}) {
      benchmark::RegisterBenchmark(((back ? "load_page/" : "seal/") + form.name + "/head_dim:64").c_str(),
                                   seal, form.settings, 64, back)
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace kvcompress

int main(int argc, char** argv) {
  kvcompress::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
