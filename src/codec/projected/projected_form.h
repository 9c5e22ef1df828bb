// Keys and values as latents: a projection of fewer channels that was fitted to the head. Attention works on
// latents: a query asks the maps once, a page's logits are products with its latents, and weighted sums of
// latents are mapped back once. The mean of the keys is added to the logits as one number, that of the values
// by the weight that the page's tokens have together.
//
// The maps are the form's, not the pages': map_bytes() of them for each head.
#pragma once

#include <cstddef>  // size_t
#include <memory>   // std::unique_ptr

#include "codec/packed_form.h"       // PackedForm
#include "codec/projected/layout.h"  // projected_payload_bytes
#include "compute/isa.h"             // Isa, active_isa
#include "policy/projection.h"       // Projection
#include "policy/store_policy.h"     // ProjectedSettings

namespace kvcompress {

class ProjectedForm : public PackedForm {
 public:
  virtual size_t map_bytes() const = 0;
  // As it is kept, in f16: a form made of it reads and writes the same pages.
  virtual Projection projection() const = 0;
};

// Throws UsageError for settings that do not fit the projection's channels, std::logic_error for a projection
// of other ranks than theirs.
std::unique_ptr<ProjectedForm> make_projected_form(const ProjectedSettings& settings,
                                                   const Projection& projection, Isa isa = active_isa());

}  // namespace kvcompress
