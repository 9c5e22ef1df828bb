#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(score, none, PlainAnswer, "nothing is ranked; for recipes without a budget", "the model itself")

}  // namespace kvcompress
