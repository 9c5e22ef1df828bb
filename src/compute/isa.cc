#include "compute/isa.h"

#include <algorithm>  // std::find
#include <cstdlib>    // std::getenv
#include <string>     // std::string

#include "kvcompress/error.h"  // UsageError

namespace kvcompress {
namespace {

constexpr Isa kAll[] = {Isa::scalar, Isa::neon, Isa::avx2, Isa::avx512, Isa::avx512_bf16};

// Whether the machine runs what this build compiled for `isa`.
bool runs_here(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return true;
#ifdef KVC_HAVE_NEON
    case Isa::neon:
      return true;  // part of AArch64 itself
#endif
#ifdef KVC_HAVE_AVX2
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c");
#endif
#ifdef KVC_HAVE_AVX512
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#endif
#ifdef KVC_HAVE_AVX512_BF16
    case Isa::avx512_bf16:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
             __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#endif
    default:
      return false;
  }
}

std::string names_of(const std::vector<Isa>& isas) {
  std::string list;
  for (const Isa isa : isas) list += (list.empty() ? "" : ", ") + std::string(name(isa));
  return list;
}

}  // namespace

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::neon:
      return "neon";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512_bf16:
      return "avx512_bf16";
  }
  return "unknown";
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : kAll) {
    if (runs_here(isa)) isas.push_back(isa);
  }
  return isas;
}

Isa active_isa() {
  const std::vector<Isa> isas = supported_isas();
  const char* wanted = std::getenv("KVCOMPRESS_ISA");
  if (wanted == nullptr || *wanted == '\0') return isas.back();
  const auto found = std::find_if(isas.begin(), isas.end(), [&](Isa isa) { return name(isa) == wanted; });
  if (found != isas.end()) return *found;
  throw UsageError("[KVCOMPRESS_ISA] expected one of " + names_of(isas) + " got \"" + wanted +
                   "\"; unset it to take the best instruction set of this machine");
}

}  // namespace kvcompress
