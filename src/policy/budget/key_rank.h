// How many directions the cached keys of a head spread over: the statistic of RankKV's layer budgets.
#pragma once

#include <span>  // std::span

namespace kvcompress {

// exp(entropy of the normalised singular values) of the keys [slots][head_dim], over its most,
// min(slots, head_dim): in (0, 1], 1 when all directions weigh the same. The source takes the spectrum of
// attention maps, at a cost that grows with the cube of the text; the spectrum of the keys costs
// slots * head_dim^2 and needs nothing but the cache. A layer's rank is the mean over its KV heads. Keys that
// are all 0 count as one direction. Throws Error when the sizes do not fit.
double key_rank(std::span<const float> keys, int slots, int head_dim);

}  // namespace kvcompress
