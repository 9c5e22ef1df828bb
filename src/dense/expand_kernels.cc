#include "dense/expand_kernels.h"

namespace kvcompress {

ExpandRow expand_row_kernel(Isa isa, WeightFormat format) {
  if (format == WeightFormat::other) return nullptr;
  [[maybe_unused]] const int index = static_cast<int>(format);
  KVC_RETURN_KERNELS(isa, kExpand[index], nullptr)
}

}  // namespace kvcompress
