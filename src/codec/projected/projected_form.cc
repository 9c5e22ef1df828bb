#include "codec/projected/projected_form.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>  // std::fill_n, std::copy_n
#include <stdexcept>  // std::logic_error
#include <vector>     // std::vector

#include "codec/projected/head_map.h"      // HeadMap
#include "codec/projected/latent_plane.h"  // LatentPlane
#include "codec/projected/outliers.h"      // for_each_outlier, keep_outliers

namespace kvcompress {
namespace {

constexpr int kExtra = 16;  // floats beside a latent for one number: a vector register

// Sheets of floats for a thread's transforms.
float* scratch(int sheet, size_t count) {
  static thread_local std::vector<float> sheets[3];
  if (sheets[sheet].size() < count) sheets[sheet].resize(count);
  return sheets[sheet].data();
}

float dot(const float* a, const float* b, int count) {
  float sum = 0;
  for (int i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

class Form final : public ProjectedForm {
 public:
  Form(const ProjectedSettings& settings, const Projection& projection, Isa isa)
      : head_dim_(projection.keys.channels),
        padded_(padded_head_dim(head_dim_)),
        bits_(settings.bits),
        selects_(settings.selects),
        layout_(projected_layout(settings, head_dim_)),
        keys_(projection.keys, isa),
        values_(projection.values, isa),
        key_plane_(LatentPlane::keys(settings.bits, layout_.key_rank, isa)),
        value_plane_(LatentPlane::values(settings.bits, layout_.value_rank, isa)) {
    if (keys_.rank() != layout_.key_rank || values_.rank() != layout_.value_rank ||
        projection.values.channels != head_dim_ || projection.keys.kept.empty() == selects_ ||
        projection.values.kept.empty() == selects_) {
      throw std::logic_error("[store] a projection must have the ranks of its settings");
    }
  }

  std::string name() const override {
    return fmt::format("{} of {} channels for keys, {} for values, {} bit{}",
                       selects_ ? "selection" : "projection", layout_.key_rank, layout_.value_rank, bits_,
                       layout_.outliers > 0 ? ", with outliers" : "");
  }
  int head_dim() const override { return head_dim_; }
  size_t payload_bytes() const override { return layout_.bytes; }
  size_t map_bytes() const override { return keys_.bytes() + values_.bytes(); }
  Projection projection() const override { return {keys_.side(), values_.side()}; }

  void encode(std::byte* page, const float* keys, const float* values, uint64_t seed) const override;
  bool readable(const std::byte* page) const override;
  void load(const std::byte* page, int slot, float* key, float* value) const override;
  void load_page(const std::byte* page, float* keys, float* values) const override;

  size_t query_bytes(int group) const override { return sizeof(float) * group * query_floats(); }
  void prepare(const float* queries, int group, Precision precision, std::byte* out) const override;
  void score(const std::byte* page, const std::byte* queries, int group, Precision precision, float* logits,
             const std::byte* ahead) const override;
  int sum_floats() const override { return layout_.value_rank + kExtra + sparse_floats(); }
  void accumulate(const std::byte* page, const float* weights, int group, Precision precision, float* sums,
                  const std::byte* ahead) const override;
  void finish(const float* sums, int group, float* out) const override;

 private:
  // A query is its latent, its product with the mean, and, where outliers are kept, itself.
  int query_floats() const { return layout_.key_rank + kExtra + sparse_floats(); }
  int sparse_floats() const { return layout_.outliers > 0 ? padded_ : 0; }
  // x [kPageSlots][padded] less the mean.
  float* centred(const float* x, const HeadMap& map) const;
  // What decoded latents [kPageSlots][padded] miss of `x`, which is centred alike.
  void keep_errors(const float* x, const float* decoded, std::byte* at) const;
  // Decoded latents plus mean and outliers, [kPageSlots][head_dim].
  void complete(const float* decoded, const HeadMap& map, const std::byte* outliers, float* out) const;
  void load_one(const float* latent, const HeadMap& map, const std::byte* outliers, int slot,
                float* out) const;
  void key_rows(const std::byte* page, float* rows) const;  // latents [kPageSlots][key_rank]

  const int head_dim_, padded_, bits_;
  const bool selects_;
  const ProjectedLayout layout_;
  const HeadMap keys_, values_;
  const LatentPlane key_plane_, value_plane_;
};

float* Form::centred(const float* x, const HeadMap& map) const {
  float* out = scratch(0, static_cast<size_t>(kPageSlots) * padded_);
  for (int slot = 0; slot < kPageSlots; ++slot) {
    float* row = out + int64_t{slot} * padded_;
    for (int c = 0; c < head_dim_; ++c) row[c] = x[int64_t{slot} * head_dim_ + c] - map.mean()[c];
    std::fill_n(row + head_dim_, padded_ - head_dim_, 0.0f);
  }
  return out;
}

void Form::keep_errors(const float* x, const float* decoded, std::byte* at) const {
  std::vector<float> errors(static_cast<size_t>(kPageSlots) * head_dim_);
  for (int slot = 0; slot < kPageSlots; ++slot) {
    for (int c = 0; c < head_dim_; ++c) {
      const int64_t i = int64_t{slot} * padded_ + c;
      errors[static_cast<size_t>(slot) * head_dim_ + c] = x[i] - decoded[i];
    }
  }
  keep_outliers(errors.data(), static_cast<int>(errors.size()), layout_.outliers, at);
}

void Form::key_rows(const std::byte* page, float* rows) const {
  float* latents = scratch(2, static_cast<size_t>(kPageSlots) * layout_.key_rank);
  key_plane_.decode(page, latents);
  for (int slot = 0; slot < kPageSlots; ++slot) {
    for (int r = 0; r < layout_.key_rank; ++r) {
      rows[slot * layout_.key_rank + r] = latents[r * kPageSlots + slot];
    }
  }
}

void Form::encode(std::byte* page, const float* keys, const float* values, uint64_t) const {
  const size_t most = static_cast<size_t>(kPageSlots) * padded_;
  float *rows = scratch(1, 2 * most), *columns = scratch(2, most), *decoded = rows + most;
  const float* x = centred(keys, keys_);
  keys_.encode(x, kPageSlots, rows);
  for (int slot = 0; slot < kPageSlots; ++slot) {
    for (int r = 0; r < layout_.key_rank; ++r) {
      columns[r * kPageSlots + slot] = rows[slot * layout_.key_rank + r];
    }
  }
  key_plane_.encode(columns, page);
  if (layout_.outliers > 0) {
    key_rows(page, rows);
    keys_.decode(rows, layout_.key_rank, kPageSlots, decoded);
    keep_errors(x, decoded, page + layout_.key_outliers);
  }
  x = centred(values, values_);
  values_.encode(x, kPageSlots, rows);
  value_plane_.encode(rows, page + layout_.values);
  if (layout_.outliers > 0) {
    value_plane_.decode(page + layout_.values, rows);
    values_.decode(rows, layout_.value_rank, kPageSlots, decoded);
    keep_errors(x, decoded, page + layout_.value_outliers);
  }
}

bool Form::readable(const std::byte* page) const {
  bool inside = true;
  for (const size_t outliers : {layout_.key_outliers, layout_.value_outliers}) {
    for_each_outlier(page + outliers, layout_.outliers,
                     [&](int place, float) { inside = inside && place < kPageSlots * head_dim(); });
  }
  return inside;
}

void Form::complete(const float* decoded, const HeadMap& map, const std::byte* outliers, float* out) const {
  for (int slot = 0; slot < kPageSlots; ++slot) {
    for (int c = 0; c < head_dim_; ++c) {
      out[int64_t{slot} * head_dim_ + c] = decoded[int64_t{slot} * padded_ + c] + map.mean()[c];
    }
  }
  for_each_outlier(outliers, layout_.outliers, [&](int place, float number) { out[place] += number; });
}

void Form::load_page(const std::byte* page, float* keys, float* values) const {
  const size_t most = static_cast<size_t>(kPageSlots) * padded_;
  float *rows = scratch(1, 2 * most), *decoded = rows + most;
  if (keys != nullptr) {
    key_rows(page, rows);
    keys_.decode(rows, layout_.key_rank, kPageSlots, decoded);
    complete(decoded, keys_, page + layout_.key_outliers, keys);
  }
  if (values != nullptr) {
    value_plane_.decode(page + layout_.values, rows);
    values_.decode(rows, layout_.value_rank, kPageSlots, decoded);
    complete(decoded, values_, page + layout_.value_outliers, values);
  }
}

void Form::load_one(const float* latent, const HeadMap& map, const std::byte* outliers, int slot,
                    float* out) const {
  float* decoded = scratch(2, static_cast<size_t>(padded_));
  map.decode(latent, map.rank(), 1, decoded);
  for (int c = 0; c < head_dim_; ++c) out[c] = decoded[c] + map.mean()[c];
  for_each_outlier(outliers, layout_.outliers, [&](int place, float number) {
    if (place / head_dim_ == slot) out[place % head_dim_] += number;
  });
}

void Form::load(const std::byte* page, int slot, float* key, float* value) const {
  float* latent = scratch(1, static_cast<size_t>(padded_));
  if (key != nullptr) {
    for (int r = 0; r < layout_.key_rank; ++r) latent[r] = key_plane_.number(page, r, slot);
    load_one(latent, keys_, page + layout_.key_outliers, slot, key);
  }
  if (value != nullptr) {
    for (int r = 0; r < layout_.value_rank; ++r) {
      latent[r] = value_plane_.number(page + layout_.values, slot, r);
    }
    load_one(latent, values_, page + layout_.value_outliers, slot, value);
  }
}

void Form::prepare(const float* queries, int group, Precision, std::byte* out) const {
  auto* rows = reinterpret_cast<float*>(out);
  const int64_t stride = query_floats();
  keys_.ask(queries, group, rows, stride);
  for (int g = 0; g < group; ++g) {
    const float* query = queries + int64_t{g} * padded_;
    float* extra = rows + g * stride + layout_.key_rank;
    std::fill_n(extra, kExtra, 0.0f);
    extra[0] = dot(query, keys_.mean().data(), head_dim_);
    std::copy_n(query, sparse_floats(), extra + kExtra);
  }
}

void Form::score(const std::byte* page, const std::byte* queries, int group, Precision precision,
                 float* logits, const std::byte* ahead) const {
  const auto* rows = reinterpret_cast<const float*>(queries);
  const int64_t stride = query_floats();
  key_plane_.multiply(page, rows, stride, group, precision, /*weights=*/false, /*add=*/false,
                      ahead != nullptr ? ahead - page : 0, logits, kPageSlots);
  for (int g = 0; g < group; ++g) {
    const float* extra = rows + g * stride + layout_.key_rank;
    float* row = logits + g * kPageSlots;
    for (int slot = 0; slot < kPageSlots; ++slot) row[slot] += extra[0];
    for_each_outlier(page + layout_.key_outliers, layout_.outliers, [&](int place, float number) {
      row[place / head_dim_] += extra[kExtra + place % head_dim_] * number;
    });
  }
}

void Form::accumulate(const std::byte* page, const float* weights, int group, Precision precision,
                      float* sums, const std::byte* ahead) const {
  const int64_t stride = sum_floats();
  value_plane_.multiply(page + layout_.values, weights, kPageSlots, group, precision, /*weights=*/true,
                        /*add=*/true, ahead != nullptr ? ahead - page : 0, sums, stride);
  for (int g = 0; g < group; ++g) {
    const float* row = weights + g * kPageSlots;
    float* extra = sums + g * stride + layout_.value_rank;
    float mass = 0;
    for (int slot = 0; slot < kPageSlots; ++slot) mass += row[slot];
    extra[0] += mass;
    for_each_outlier(page + layout_.value_outliers, layout_.outliers, [&](int place, float number) {
      extra[kExtra + place % head_dim_] += row[place / head_dim_] * number;
    });
  }
}

void Form::finish(const float* sums, int group, float* out) const {
  const int64_t stride = sum_floats();
  values_.decode(sums, stride, group, out);
  for (int g = 0; g < group; ++g) {
    const float* extra = sums + g * stride + layout_.value_rank;
    float* row = out + int64_t{g} * padded_;
    for (int c = 0; c < head_dim_; ++c) {
      row[c] += extra[0] * values_.mean()[c] + (layout_.outliers > 0 ? extra[kExtra + c] : 0);
    }
  }
}

}  // namespace

std::unique_ptr<ProjectedForm> make_projected_form(const ProjectedSettings& settings,
                                                   const Projection& projection, Isa isa) {
  return std::make_unique<Form>(settings, projection, isa);
}

}  // namespace kvcompress
