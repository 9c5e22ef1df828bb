// A form for sealed pages: written once, all slots together, and read by attention as it is stored. Nothing
// decodes a cache: a decoded page lives in a kernel's scratch and no longer than the page is worked on.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <cstdint>  // int32_t, uint64_t
#include <string>   // std::string

#include "codec/page_form.h"    // kPageSlots, padded_head_dim
#include "compute/precision.h"  // Precision

namespace kvcompress {

// One head's queries in whatever shape a form wants them. A form works in a space of its own (rotated, of
// lower rank): prepare() takes queries there, finish() brings sums of values back.
class PackedForm {
 public:
  virtual ~PackedForm() = default;
  virtual std::string name() const = 0;  // for receipts, such as "rotated 4-bit"
  virtual int head_dim() const = 0;

  // Bytes of keys and values of one page, codes and all they need to be read; a multiple of 64.
  virtual size_t payload_bytes() const = 0;

  // Fills a page of payload_bytes(), 64-byte aligned. keys, values: [kPageSlots][head_dim] float32, finite.
  // `seed` is used by forms that round at random; the same seed gives the same bytes.
  virtual void encode(std::byte* page, const float* keys, const float* values, uint64_t seed) const = 0;

  // Whether a page from outside is safe to read: no index in it leads out of it.
  virtual bool readable(const std::byte* /*page*/) const { return true; }

  // Reads slots back: [head_dim] float32 of one, or [kPageSlots][head_dim] of all; either pointer may be
  // null.
  virtual void load(const std::byte* page, int slot, float* key, float* value) const = 0;
  virtual void load_page(const std::byte* page, float* keys, float* values) const = 0;

  // The four steps of attention on the stored form, for the `group` query heads that share the KV head. The
  // defaults work on load_page(); fused forms override all four.
  //
  // Bytes that prepared queries take.
  virtual size_t query_bytes(int group) const;
  // queries: [group][padded_head_dim] float32, zero beyond head_dim. out: query_bytes(), 64-byte aligned.
  virtual void prepare(const float* queries, int group, Precision precision, std::byte* out) const;
  // logits: [group][kPageSlots], q.k of every slot, with a token or not. `ahead`, here and in accumulate():
  // the payload of a page of this form that is read next, to be brought closer meanwhile; or null.
  virtual void score(const std::byte* page, const std::byte* queries, int group, Precision precision,
                     float* logits, const std::byte* ahead = nullptr) const;
  // Floats of one head's sum of values in the form's space; a multiple of 16.
  virtual int sum_floats() const;
  // sums: [group][sum_floats()], weight times value is added. weights: [group][kPageSlots], 0 or more, 0
  // for hidden slots; both 64-byte aligned.
  virtual void accumulate(const std::byte* page, const float* weights, int group, Precision precision,
                          float* sums, const std::byte* ahead = nullptr) const;
  // out: [group][padded_head_dim]; must be linear in sums. sums and out may not overlap.
  virtual void finish(const float* sums, int group, float* out) const;
};

}  // namespace kvcompress
