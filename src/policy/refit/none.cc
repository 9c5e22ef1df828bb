#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(refit, none, PlainAnswer, "kept tokens stay as they were read", "the plain case")

}  // namespace kvcompress
