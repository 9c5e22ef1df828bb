#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(select, best, PlainAnswer, "the tokens of the best scores, ties to the earlier", "the plain case")

}  // namespace kvcompress
