#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(propagate, all, PlainAnswer, "every token goes through every layer", "the model itself")

}  // namespace kvcompress
