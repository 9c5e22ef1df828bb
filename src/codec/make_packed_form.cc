#include "codec/make_packed_form.h"

#include <stdexcept>  // std::logic_error

#include "codec/block/block_form.h"    // make_block_form
#include "codec/scalar/scalar_form.h"  // make_scalar_form

namespace kvcompress {
namespace {

struct Make {
  int head_dim;
  std::unique_ptr<PackedForm> operator()(const ScalarSettings& settings) const {
    return make_scalar_form(settings, head_dim);
  }
  std::unique_ptr<PackedForm> operator()(const BlockSettings& settings) const {
    return make_block_form(settings, head_dim);
  }
  std::unique_ptr<PackedForm> operator()(const ProjectedSettings&) const {
    throw std::logic_error("[store] a projected form is made of what was fitted to a head");
  }
};

}  // namespace

std::unique_ptr<PackedForm> make_packed_form(const PackedSettings& settings, int head_dim) {
  return std::visit(Make{head_dim}, settings);
}

}  // namespace kvcompress
