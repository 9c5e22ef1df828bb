#include "model/transformer.h"

#include <fmt/format.h>

#include <algorithm>  // std::equal
#include <utility>    // std::move

#include "kvcompress/error.h"

namespace kvcompress {
namespace {

Product product(const Projection& projection, float* output, bool add) {
  return {&projection.weight, projection.bias.empty() ? nullptr : projection.bias.data(), output,
          projection.weight.rows, add};
}

}  // namespace

const RopeTable& PreparedRope::at(std::span<const int32_t> wanted) {
  if (!std::equal(wanted.begin(), wanted.end(), positions.begin(), positions.end())) {
    table.prepare(wanted);
    positions.assign(wanted.begin(), wanted.end());
  }
  return table;
}

Transformer::Transformer(Tensors& tensors, const Hyperparameters& shape, Norm last_norm, Linear& linear,
                         ThreadPool& pool)
    : shape_(shape), linear_(linear), pool_(pool), last_norm_(std::move(last_norm)) {
  const ModelConfig& config = shape_.config;
  embedding_ = tensors.matrix("token_embd.weight", config.vocabulary, config.hidden);
  if (tensors.has("output.weight")) {
    output_ = tensors.projection("output", config.vocabulary, config.hidden);
  } else {
    output_.weight = embedding_;
  }
}

GatedFeedForward Transformer::take_feed_forward(Tensors& tensors, int layer) const {
  const std::string prefix = layer_name(layer) + ".ffn_";
  const int hidden = shape_.config.hidden;
  const int inner = shape_.feed_forward;
  return {tensors.projection(prefix + "gate", inner, hidden),
          tensors.projection(prefix + "up", inner, hidden),
          tensors.projection(prefix + "down", hidden, inner)};
}

QkvProjection Transformer::take_qkv(Tensors& tensors, int layer) const {
  return tensors.qkv(layer_name(layer), shape_.query_width(), shape_.kv_width(), shape_.config.hidden);
}

Projection Transformer::take_attention_output(Tensors& tensors, int layer) const {
  return tensors.projection(layer_name(layer) + ".attn_output", shape_.config.hidden, shape_.query_width());
}

float* Transformer::scratch(Scratch which, int64_t size) {
  std::vector<float>& memory = scratch_[static_cast<size_t>(which)];
  if (memory.size() < static_cast<size_t>(size)) memory.resize(static_cast<size_t>(size));
  return memory.data();
}

void Transformer::embed(const Rows& rows, float* x) {
  const ModelConfig& config = shape_.config;
  for (const int32_t token : rows.tokens) {
    if (token < 0 || token >= config.vocabulary) {
      throw UsageError(fmt::format("[token] expected an id from 0 to {}, got {}; use ids of this model",
                                   config.vocabulary - 1, token));
    }
  }
  for_rows(rows, config.hidden, [&](int row) {
    float* out = x + static_cast<int64_t>(row) * config.hidden;
    dequantize_row(embedding_, rows.tokens[static_cast<size_t>(row)], out);
    if (embedding_scale_ != 1.0f) scale(out, embedding_scale_, config.hidden, out);
  });
}

void Transformer::head(const Rows& rows, const float* x, float* logits) {
  project(output_, rows, normalised(last_norm_, rows, x), logits, Target::overwrite);
  if (logit_cap_ == 0.0f) return;
  const int64_t width = shape_.config.vocabulary;
  for_rows(rows, width,
           [&](int row) { softcap(logits + row * width, logit_cap_, width, logits + row * width); });
}

void Transformer::normalise(const Norm& norm, const Rows& rows, const float* x, float* out) {
  const int64_t width = shape_.config.hidden;
  for_rows(rows, width, [&](int row) {
    const float* from = x + row * width;
    float* to = out + row * width;
    if (norm.kind == Norm::Kind::rms) {
      rms_norm(from, norm.weight.data(), norm.epsilon, width, to);
    } else {
      layer_norm(from, norm.weight.data(), norm.bias.data(), norm.epsilon, width, to);
    }
  });
}

float* Transformer::normalised(const Norm& norm, const Rows& rows, const float* x) {
  float* out = scratch(Scratch::normalised, static_cast<int64_t>(rows.count()) * shape_.config.hidden);
  normalise(norm, rows, x, out);
  return out;
}

void Transformer::multiply(const Rows& rows, const float* input, int64_t stride,
                           std::span<const Product> products) {
  if (rows.count() == 0) return;
  linear_.multiply({input, stride, rows.prefill, rows.decode}, products);
}

void Transformer::project(const Projection& projection, const Rows& rows, const float* input, float* output,
                          Target target) {
  const Product one[] = {product(projection, output, target == Target::add)};
  multiply(rows, input, projection.weight.columns, one);
}

void Transformer::project_qkv(const QkvProjection& projection, const Rows& rows, const float* input,
                              const Qkv& out) {
  const Product three[] = {product(projection.query, out.queries, false),
                           product(projection.key, out.keys, false),
                           product(projection.value, out.values, false)};
  multiply(rows, input, shape_.config.hidden, three);
}

void Transformer::turn(const Rows& rows, PreparedRope& rope, RopePairing pairing, const Norm* query_norm,
                       const Norm* key_norm, const Qkv& qkv) {
  const ModelConfig& config = shape_.config;
  const RopeTable& table = rope.at(rows.positions);
  const auto turn_heads = [&](int row, const Norm* norm, int heads, float* x) {
    for (int head = 0; norm != nullptr && head < heads; ++head) {
      float* channels = x + static_cast<int64_t>(head) * config.head_dim;
      rms_norm(channels, norm->weight.data(), norm->epsilon, config.head_dim, channels);
    }
    table.rotate(pairing, row, heads, config.head_dim, x);
  };
  for_rows(rows, shape_.query_width() + shape_.kv_width(), [&](int row) {
    turn_heads(row, query_norm, config.query_heads,
               qkv.queries + static_cast<int64_t>(row) * shape_.query_width());
    turn_heads(row, key_norm, config.kv_heads, qkv.keys + static_cast<int64_t>(row) * shape_.kv_width());
  });
}

void Transformer::feed_forward(const GatedFeedForward& weights, Gate gate, const Rows& rows,
                               const float* input, float* output, Target target) {
  const int64_t width = shape_.feed_forward;
  float* gates = scratch(Scratch::gate, rows.count() * width);
  float* ups = scratch(Scratch::up, rows.count() * width);
  const Product two[] = {product(weights.gate, gates, false), product(weights.up, ups, false)};
  multiply(rows, input, shape_.config.hidden, two);
  for_rows(rows, 2 * width, [&](int row) {
    float* out = gates + row * width;
    if (gate == Gate::silu) {
      silu_mul(out, ups + row * width, width, out);
    } else {
      gelu_mul(out, ups + row * width, width, out);
    }
  });
  project(weights.down, rows, gates, output, target);
}

void Transformer::add_to(const Rows& rows, const float* added, float* x) {
  const int64_t width = shape_.config.hidden;
  for_rows(rows, width, [&](int row) { add(x + row * width, added + row * width, width, x + row * width); });
}

}  // namespace kvcompress
