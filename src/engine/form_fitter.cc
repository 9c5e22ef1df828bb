#include "engine/form_fitter.h"

#include <algorithm>  // std::min
#include <stdexcept>  // std::logic_error
#include <utility>    // std::move

#include "codec/projected/layout.h"   // projected_layout
#include "engine/output_metric.h"     // output_metric
#include "engine/parallel_checked.h"  // parallel_checked
#include "policy/projection.h"        // ProjectionInput, ProjectionFit

namespace kvcompress {
namespace {

// Without the first tokens, which stay exact and would bend the axes.
struct Tokens {
  std::vector<float> keys, values;
  int count;
};
Tokens tokens_of(const HeadSlots& slots, int64_t sinks, int head_dim) {
  const int64_t length = slots.length(), skipped = std::min(sinks, length);
  Tokens out;
  out.keys.resize(static_cast<size_t>(length * head_dim));
  out.values.resize(out.keys.size());
  slots.load_all(out.keys.data(), out.values.data());
  for (std::vector<float>* rows : {&out.keys, &out.values}) {
    rows->erase(rows->begin(), rows->begin() + skipped * head_dim);
  }
  out.count = static_cast<int>(length - skipped);
  return out;
}

}  // namespace

FormFitter::FormFitter(const Architecture& model, ThreadPool& pool, Packings& packings, CacheMemory& memory)
    : model_(model), config_(model.config()), pool_(pool), packings_(packings), memory_(memory) {}

bool FormFitter::ready(const Sequence& sequence, size_t index) const {
  if (sequence.forms[index]) return false;
  const StorePolicy& store = *sequence.recipe.store;
  const auto heads = static_cast<size_t>(config_.kv_heads);
  const int64_t held =
      sequence.cache.head(static_cast<int>(index / heads), static_cast<int>(index % heads)).length();
  if (held < store.sinks() + store.recent() + kPageSlots) return false;
  return sequence.compressed || held >= store.projection_fit()->fit_tokens();
}

std::shared_ptr<const FittedForm> FormFitter::fitted(const Sequence& sequence, int layer, int head,
                                                     std::span<const float> metric) const {
  const StorePolicy& store = *sequence.recipe.store;
  const auto settings = std::get<ProjectedSettings>(store.packed(layer, head, config_.kv_heads));
  const ProjectedLayout layout = projected_layout(settings, config_.head_dim);
  const Tokens tokens = tokens_of(sequence.cache.head(layer, head), store.sinks(), config_.head_dim);
  ProjectionInput input;
  input.layer = layer;
  input.layers = config_.layers;
  input.kv_head = head;
  input.kv_heads = config_.kv_heads;
  input.head_dim = config_.head_dim;
  input.tokens = tokens.count;
  input.key_rank = layout.key_rank;
  input.value_rank = layout.value_rank;
  input.attention_scale = config_.attention_scale;
  input.keys = tokens.keys;
  input.values = tokens.values;
  const QueryWindow& window = sequence.observed.window;
  const int queries = std::min(store.projection_fit()->query_window(), window.filled());
  if (queries == 0 && store.projection_fit()->query_window() > 0) {
    throw std::logic_error("[store] a fit wants queries that the sequence has not remembered");
  }
  if (queries > 0) {
    input.queries = {window.queries(layer, head, queries),
                     static_cast<size_t>(queries * window.query_stride())};
  }
  input.output_metric = metric;
  input.calibration = sequence.recipe.calibration(store.calibration_kind());
  return std::make_shared<FittedForm>(make_projected_form(settings, store.projection_fit()->fit(input)),
                                      memory_);
}

void FormFitter::fit(Sequence& sequence) {
  const StorePolicy* store = sequence.recipe.store.get();
  if (store == nullptr || store->projection_fit() == nullptr) return;
  const auto heads = static_cast<size_t>(config_.kv_heads);
  sequence.forms.resize(heads * static_cast<size_t>(config_.layers));
  std::vector<size_t> wanting;
  for (size_t index = 0; index < sequence.forms.size(); ++index) {
    if (ready(sequence, index)) wanting.push_back(index);
  }
  std::vector<std::shared_ptr<const FittedForm>> forms(wanting.size());
  parallel_checked(pool_, static_cast<int64_t>(wanting.size()), [&](int64_t i) {
    const size_t index = wanting[static_cast<size_t>(i)];
    const int layer = static_cast<int>(index / heads), head = static_cast<int>(index % heads);
    std::vector<float> metric;
    if (store->projection_fit()->wants_output_metric()) metric = output_metric(model_, layer, head);
    forms[static_cast<size_t>(i)] = fitted(sequence, layer, head, metric);
  });
  for (size_t i = 0; i < wanting.size(); ++i) adopt(sequence, wanting[i], std::move(forms[i]));
}

void FormFitter::restore(Sequence& sequence, size_t index, const Projection& projection) {
  const auto heads = static_cast<size_t>(config_.kv_heads);
  sequence.forms.resize(heads * static_cast<size_t>(config_.layers));
  const auto settings = std::get<ProjectedSettings>(sequence.recipe.store->packed(
      static_cast<int>(index / heads), static_cast<int>(index % heads), config_.kv_heads));
  adopt(sequence, index, std::make_shared<FittedForm>(make_projected_form(settings, projection), memory_));
}

void FormFitter::adopt(Sequence& sequence, size_t index, std::shared_ptr<const FittedForm> form) {
  const auto heads = static_cast<size_t>(config_.kv_heads);
  const ProjectedForm& fitted = form->form();
  sequence.cache.head(static_cast<int>(index / heads), static_cast<int>(index % heads))
      .set_packing({packings_.pool(fitted.payload_bytes()), &fitted});
  sequence.forms[index] = std::move(form);
}

}  // namespace kvcompress
