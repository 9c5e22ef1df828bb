// Which instruction set the kernels run on: found at run time, or named in KVCOMPRESS_ISA.
#pragma once

#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

// Ascending in preference on one machine.
enum class Isa {
  scalar,       // the plain twins: any machine, and the oracle of every kernel test
  neon,         // AArch64
  avx2,         // AVX2 + FMA + F16C
  avx512,       // AVX-512 F/BW/VL/DQ
  avx512_bf16,  // the above + BF16 and VNNI dot products
};

std::string_view name(Isa isa);

// Those this build has and this machine can run, ascending; always starts with scalar.
std::vector<Isa> supported_isas();

// The best supported one, or the one KVCOMPRESS_ISA names. Throws UsageError when that is unknown or cannot
// run here.
Isa active_isa();

}  // namespace kvcompress
