#include "policy/registry.h"

namespace kvcompress {

KVC_ANSWER(schedule, none, PlainAnswer, "every decoded token reads every kept token", "the model itself")

}  // namespace kvcompress
