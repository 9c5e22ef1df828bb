// The machine and the build that figures were measured with.
#pragma once

#include <string>  // std::string

namespace kvcompress {

struct MachineFacts {
  std::string cpu;  // as the operating system names it
  int threads = 1;
  std::string instruction_set;
  double memory_gb_per_second = 0;  // measured reading rate of that many threads, far beyond the caches
  // Measured: multiply-adds in registers on that many threads.
  double peak_bf16_gflops = 0, peak_f32_gflops = 0;
};

MachineFacts machine_facts(int threads);

// Cores this process may run on, hyper-threads of one core counted once; at least 1.
int physical_cores();

struct BuildFacts {
  std::string version, commit, ggml;  // commit: empty when the build was not made from a repository
};

BuildFacts build_facts();

}  // namespace kvcompress
