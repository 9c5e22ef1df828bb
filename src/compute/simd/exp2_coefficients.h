// Polynomials for 2^f on [0, 1), least relative error among those with value 1 at 0 (so that exp2(0) is
// exactly 1: an online softmax whose maximum did not move must not change its sums).
#pragma once

namespace kvcompress {

// 2^f ~ 1 + f * (c[0] + f * (c[1] + ...)). Relative error 9e-8 and 9e-5.
inline constexpr float kExp2[5] = {6.931513119e-01f, 2.401644492e-01f, 5.579991552e-02f, 9.017027786e-03f,
                                   1.867131010e-03f};
inline constexpr float kExp2Coarse[3] = {6.951168179e-01f, 2.276449154e-01f, 7.706708571e-02f};

}  // namespace kvcompress
