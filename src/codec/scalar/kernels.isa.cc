#include "codec/scalar/isa_functions.h"
#include "compute/simd/simd.h"  // KVC_HAS_BYTE_DOT

namespace kvcompress::KVC_ISA {

extern const ScalarKernels kScalarKernels;
#if KVC_HAS_BYTE_DOT
constinit const ScalarKernels kScalarKernels{scalar_ranges,   scalar_pack,     scalar_unpack,
                                             scalar_rotate,   scalar_contract, scalar_contract_fast,
                                             scalar_round_row};
#else
constinit const ScalarKernels kScalarKernels{scalar_ranges,   scalar_pack, scalar_unpack, scalar_rotate,
                                             scalar_contract, nullptr,     nullptr};
#endif

}  // namespace kvcompress::KVC_ISA
