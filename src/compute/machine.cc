#include "compute/machine.h"

#include <sys/mman.h>  // mmap, madvise

#include <algorithm>   // std::max
#include <atomic>      // std::atomic
#include <chrono>      // std::chrono::steady_clock
#include <fstream>     // std::ifstream
#include <functional>  // std::function
#include <string>      // std::getline
#include <thread>      // std::thread
#include <vector>      // std::vector

#include "compute/isa.h"
#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS
#include "compute/machine_kernels.h"
#include "kvcompress/error.h"  // CapacityError

namespace kvcompress {

KVC_DECLARE_KERNELS(MachineKernels, kMachineKernels)

namespace {

constexpr int kScalarChains = 8;
constexpr size_t kBlockBytes = size_t{1} << 30;
// Rounds are short, a millisecond or two, so that some of them pass undisturbed on a busy machine. A round of
// reading takes one part of the block, and comes back to it only after all others: it never finds it in a
// cache.
constexpr size_t kParts = 16;
constexpr int kReadRounds = 8 * kParts;
constexpr int kFlopRounds = 60;
constexpr int64_t kFlopSteps = 1 << 17;

float read_plain(const float* data, size_t count) {
  float sums[kScalarChains] = {};
  for (size_t i = 0; i < count; i += kScalarChains) {
    for (int s = 0; s < kScalarChains; ++s) sums[s] += data[i + s];
  }
  float sum = 0;
  for (const float s : sums) sum += s;
  return sum;
}

float multiply_plain(int64_t steps) {
  volatile float source = 0.5f;
  const float a = source;
  float chains[kScalarChains] = {};
  for (int64_t s = 0; s < steps; ++s) {
    for (float& chain : chains) chain = chain * a + a;
  }
  float sum = 0;
  for (const float chain : chains) sum += chain;
  return sum;
}

constexpr MachineKernels kScalar{read_plain, multiply_plain, multiply_plain, 2 * kScalarChains,
                                 2 * kScalarChains};

const MachineKernels& machine_kernels() { KVC_RETURN_KERNELS(active_isa(), kMachineKernels, kScalar) }

// Least seconds of `rounds` rounds in which every thread does work(round, thread) once.
double least_seconds(int threads, int rounds, const std::function<float(int, int)>& work) {
  std::atomic<float> sink = 0;
  std::atomic<int> arrived = 0;
  std::vector<double> starts(static_cast<size_t>(rounds) * threads), ends(starts.size());
  auto run = [&](int thread) {
    for (int round = 0; round < rounds; ++round) {
      ++arrived;
      while (arrived < (round + 1) * threads) std::this_thread::yield();
      const size_t at = static_cast<size_t>(round) * threads + thread;
      starts[at] = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
      sink = work(round, thread);
      ends[at] = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(run, t);
  run(0);
  for (std::thread& other : others) other.join();

  double least = 1e30;
  for (auto start = starts.begin(), end = ends.begin(); start != starts.end();
       start += threads, end += threads) {
    least =
        std::min(least, *std::max_element(end, end + threads) - *std::min_element(start, start + threads));
  }
  return least;
}

double flops(int threads, float (*multiply)(int64_t), int64_t operations) {
  const double seconds = least_seconds(threads, kFlopRounds, [&](int, int) { return multiply(kFlopSteps); });
  return static_cast<double>(operations) * kFlopSteps * threads / seconds;
}

}  // namespace

double read_bandwidth(int threads) {
  void* memory = mmap(nullptr, kBlockBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw CapacityError("[machine] expected 1 GiB of memory to measure with, got none; free some memory");
  }
  madvise(memory, kBlockBytes, MADV_HUGEPAGE);  // a wish only
  float* data = static_cast<float*>(memory);
  constexpr size_t kCount = kBlockBytes / sizeof(float);
  std::fill(data, data + kCount, 1.0f);  // untouched pages would all be one page of zeros

  const MachineKernels& kernels = machine_kernels();
  const size_t part = kCount / kParts;
  const size_t share = part / threads / 1024 * 1024;
  const double seconds = least_seconds(threads, kReadRounds, [&](int round, int thread) {
    return kernels.read(data + round % kParts * part + thread * share, share);
  });
  munmap(memory, kBlockBytes);
  return static_cast<double>(share) * threads * sizeof(float) / seconds;
}

double peak_bf16_flops(int threads) {
  return flops(threads, machine_kernels().multiply_bf16, machine_kernels().bf16_operations);
}

double peak_f32_flops(int threads) {
  return flops(threads, machine_kernels().multiply_f32, machine_kernels().f32_operations);
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace kvcompress
