#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(weight, none, PlainAnswer, "scores stay as they are", "the plain case")

}  // namespace kvcompress
