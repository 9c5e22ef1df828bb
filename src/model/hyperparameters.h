// What most architectures read from the metadata, checked.
#pragma once

#include <string>  // std::string

#include "dense/rope.h"          // RopeSettings
#include "model/architecture.h"  // ModelConfig
#include "model/model_file.h"    // ModelFile

namespace kvcompress {

struct Hyperparameters {
  ModelConfig config;  // sliding_window all 0, attention_scale 1 / sqrt(head_dim)
  int feed_forward = 0;
  RopeSettings rope;  // without frequency factors
  int query_width() const { return config.query_heads * config.head_dim; }
  int kv_width() const { return config.kv_heads * config.head_dim; }
};

// Throws InputError for a key that is missing or out of range, per-layer head counts, RoPE scaling other than
// linear, and a mixture of experts.
Hyperparameters read_hyperparameters(const ModelFile& file, const std::string& architecture);

// ARCHITECTURE.attention.NAME, a norm's epsilon.
float read_epsilon(const ModelFile& file, const std::string& architecture, const std::string& name);

}  // namespace kvcompress
