#include "compute/isa.h"

#ifdef __x86_64__
#include <cpuid.h>  // __get_cpuid
#endif

#include <algorithm>  // std::find_if
#include <cstdlib>    // std::getenv
#include <string>     // std::string

#include "compute/isa_kernels.h"  // KVC_FOR_EACH_ISA
#include "kvcompress/error.h"     // UsageError

namespace kvcompress {
namespace {

#define KVC_LISTED(isa) Isa::isa,
constexpr Isa kCompiled[] = {Isa::scalar, KVC_FOR_EACH_ISA(KVC_LISTED)};
#undef KVC_LISTED

#ifdef __x86_64__
// __builtin_cpu_supports of clang 14 does not know it. That the system saves the registers is asked with
// AVX2.
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

bool runs_here(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case Isa::avx512:
      return runs_here(Isa::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq");
    case Isa::avx512_bf16:
      return runs_here(Isa::avx512) && __builtin_cpu_supports("avx512bf16") &&
             __builtin_cpu_supports("avx512vnni");
    default:
      return false;
  }
}
#else
bool runs_here(Isa) { return true; }  // NEON is part of AArch64 itself
#endif

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
  for (const Isa isa : kCompiled) {
    if (runs_here(isa)) isas.push_back(isa);
  }
  return isas;
}

Isa active_isa() {
  // Asked of the processor once: on a virtual machine each question takes many microseconds.
  static const std::vector<Isa> isas = supported_isas();
  const char* wanted = std::getenv("KVCOMPRESS_ISA");
  if (wanted == nullptr || *wanted == '\0') return isas.back();
  const auto found = std::find_if(isas.begin(), isas.end(), [&](Isa isa) { return name(isa) == wanted; });
  if (found != isas.end()) return *found;
  throw UsageError("[KVCOMPRESS_ISA] expected one of " + names_of(isas) + " got \"" + wanted +
                   "\"; unset it to take the best instruction set of this machine");
}

}  // namespace kvcompress
