// What an error in an attention output costs the layer's output.
#pragma once

#include <vector>  // std::vector

#include "model/architecture.h"  // Architecture

namespace kvcompress {

// M with e^T M e = sum of |W_O e|^2 over the query heads of a KV head, each with its own columns of W_O:
// [head_dim][head_dim].
std::vector<float> output_metric(const Architecture& model, int layer, int kv_head);

}  // namespace kvcompress
