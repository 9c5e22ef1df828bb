#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(route, none, PlainAnswer, "one shard: every token is at home", "the model itself")

}  // namespace kvcompress
