// Merge of softmax-weighted sums over disjoint sets of keys by their log-sum-exp.
#pragma once

namespace kvcompress {

// Joins `count` partials (kernels.h) of one query head, `stride` floats apart, in order, into output
// [head_dim] and returns the log-sum-exp of all logits. Without a visible key the output is 0 and the result
// -inf.
float merge_partials(const float* partials, int count, int stride, int head_dim, float* output);

}  // namespace kvcompress
