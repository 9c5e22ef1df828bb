// The start and end of a tile of sums, shared by the panel kernels. Included by *.isa.cc files only.
#pragma once

#include "dense/panel_kernels.h"

namespace kvcompress::KVC_ISA {
namespace {

// Sums of lanes [lane, lane + lanes) of one token, from registers: either carried on to the next part or
// written out.
inline void finish_lanes(const PanelCall& call, int token, int lane, int lanes, const float* sums) {
  if (!call.last) {
    float* partial = call.partial + int64_t{token} * kPanelRows + lane;
    for (int l = 0; l < lanes; ++l) partial[l] = sums[l];
    return;
  }
  const int used = call.rows - lane < lanes ? call.rows - lane : lanes;
  float* __restrict out = call.output + token * call.output_stride + lane;
  if (call.bias == nullptr && !call.accumulate) {
    for (int l = 0; l < used; ++l) out[l] = sums[l];
  } else if (call.bias == nullptr) {
    for (int l = 0; l < used; ++l) out[l] += sums[l];
  } else if (!call.accumulate) {
    for (int l = 0; l < used; ++l) out[l] = sums[l] + call.bias[lane + l];
  } else {
    for (int l = 0; l < used; ++l) out[l] += sums[l] + call.bias[lane + l];
  }
}

// Calls Tile<rows>(call, token, lane) so that all tokens are covered; at most 6 tokens a tile.
template <template <int> class Tile>
inline void for_token_tiles(const PanelCall& call, int lane) {
  int token = 0;
  for (; token + 6 <= call.tokens; token += 6) Tile<6>::run(call, token, lane);
  switch (call.tokens - token) {
    case 5:
      return Tile<5>::run(call, token, lane);
    case 4:
      return Tile<4>::run(call, token, lane);
    case 3:
      return Tile<3>::run(call, token, lane);
    case 2:
      return Tile<2>::run(call, token, lane);
    case 1:
      return Tile<1>::run(call, token, lane);
    default:
      return;
  }
}

}  // namespace
}  // namespace kvcompress::KVC_ISA
