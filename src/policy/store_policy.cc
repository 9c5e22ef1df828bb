#include "policy/store_policy.h"

namespace kvcompress {

void StorePolicy::visit(ParameterVisitor& visitor) {
  visitor.integer("sinks", sinks_, 0, 1 << 20, "first tokens of each head that stay in f16");
  visitor.integer("recent", recent_, 0, 1 << 20,
                  "newest tokens of each head that stay in f16, until 64 more can be packed together");
  visitor.real(
      "guards", guards_, 0, 1,
      "share of each head's tokens at the prompt's end that stay in f16: sinks, recent ones, and the "
      "best scores");
}

}  // namespace kvcompress
