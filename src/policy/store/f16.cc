#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(store, f16, PlainAnswer, "keys and values as 16-bit floats", "the model itself")

}  // namespace kvcompress
