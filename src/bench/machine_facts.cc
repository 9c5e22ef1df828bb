#include "bench/machine_facts.h"

#include <fmt/format.h>          // fmt::format
#include <kvcompress/version.h>  // kVersion, kCommit, kGgmlVersion
#include <sched.h>               // sched_getaffinity

#include <algorithm>  // std::max
#include <fstream>    // std::ifstream
#include <set>        // std::set
#include <utility>    // std::pair

#include "compute/isa.h"      // active_isa
#include "compute/machine.h"  // read_bandwidth, peak_bf16_flops, cpu_name

namespace kvcompress {
namespace {

int read_number(const std::string& path, int fallback) {
  std::ifstream file(path);
  int number = fallback;
  return file >> number ? number : fallback;
}

}  // namespace

MachineFacts machine_facts(int threads) {
  MachineFacts facts;
  facts.cpu = cpu_name();
  facts.threads = threads;
  facts.instruction_set = std::string(name(active_isa()));
  facts.memory_gb_per_second = read_bandwidth(threads) * 1e-9;
  facts.peak_bf16_gflops = peak_bf16_flops(threads) * 1e-9;
  facts.peak_f32_gflops = peak_f32_flops(threads) * 1e-9;
  return facts;
}

int physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  std::set<std::pair<int, int>> cores;  // (package, core)
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string topology = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
    // Where the kernel does not say, every CPU counts as a core of its own.
    cores.emplace(read_number(topology + "physical_package_id", 0), read_number(topology + "core_id", cpu));
  }
  return std::max(static_cast<int>(cores.size()), 1);
}

BuildFacts build_facts() { return {kVersion, kCommit, kGgmlVersion}; }

}  // namespace kvcompress
