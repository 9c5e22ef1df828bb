// The packed form that a recipe's store settings describe.
#pragma once

#include <memory>  // std::unique_ptr

#include "codec/packed_form.h"    // PackedForm
#include "policy/store_policy.h"  // PackedSettings

namespace kvcompress {

// Of settings that are not fitted to a head (StorePolicy::projection_fit(); codec/projected makes those).
// Throws UsageError for settings that a head of this many channels does not allow.
std::unique_ptr<PackedForm> make_packed_form(const PackedSettings& settings, int head_dim);

}  // namespace kvcompress
