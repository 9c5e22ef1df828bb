// A KV head with random contents for tests of policies, and a policy by its YAML.
#pragma once

#include <cmath>   // std::sqrt, std::pow
#include <memory>  // std::shared_ptr
#include <random>  // std::mt19937, std::normal_distribution
#include <string>  // std::string
#include <vector>  // std::vector

#include "policy/recipe.h"        // parse_recipe
#include "policy/score_policy.h"  // ScoreInput

namespace kvcompress {

inline std::shared_ptr<const ScorePolicy> policy_of(const std::string& score) {
  return parse_recipe("score: " + score + "\nbudget: {tokens: 5000, recent: 4096, decode: grow}\n", "test")
      .score;
}

inline std::vector<float> scores_of(const std::string& score, const ScoreInput& input) {
  std::vector<float> out(input.slots, -99.0f);
  policy_of(score)->score(input, out);
  return out;
}

inline std::vector<std::vector<float>> layer_scores_of(const std::string& score,
                                                       const std::vector<ScoreInput>& heads) {
  std::vector<std::vector<float>> out(heads.size());
  policy_of(score)->score_layer(heads, out);
  return out;
}

// Owns what a ScoreInput only points to.
struct Head {
  std::mt19937 random;
  std::vector<int32_t> positions;
  std::vector<double> frequencies;
  std::vector<float> keys, values, key_norms, value_norms, query_mean, query_covariance;
  ScoreInput input;

  Head(int slots, int head_dim, int group, unsigned seed, bool halves = true) : random(seed) {
    for (int slot = 0; slot < slots; ++slot) positions.push_back(slot);
    for (int pair = 0; pair < head_dim / 2; ++pair) {
      frequencies.push_back(std::pow(10000.0, -2.0 * pair / head_dim));
    }
    keys = normal(slots * head_dim);
    values = normal(slots * head_dim);
    key_norms = norms(keys, head_dim);
    value_norms = norms(values, head_dim);
    query_mean = normal(group * head_dim);
    for (int g = 0; g < group; ++g) add_covariance(head_dim);
    input.slots = slots;
    input.group = group;
    input.head_dim = head_dim;
    input.attention_scale = 1 / std::sqrt(static_cast<float>(head_dim));
    input.tokens_seen = slots;
    input.positions = positions;
    input.keys = keys;
    input.values = values;
    input.key_norms = key_norms;
    input.value_norms = value_norms;
    input.query_mean = query_mean;
    input.query_covariance = query_covariance;
    input.rotation.frequencies = frequencies;
    input.rotation.halves = halves;
  }
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  std::vector<float> normal(int count) {
    std::normal_distribution<float> draw;
    std::vector<float> out(count);
    for (float& x : out) x = draw(random);
    return out;
  }

  static std::vector<float> norms(const std::vector<float>& rows, int size) {
    std::vector<float> out;
    for (size_t first = 0; first < rows.size(); first += size) {
      double sum = 0;
      for (int j = 0; j < size; ++j) sum += double(rows[first + j]) * rows[first + j];
      out.push_back(static_cast<float>(std::sqrt(sum)));
    }
    return out;
  }

 private:
  // Of as many samples as channels, so it is a covariance and of full rank.
  void add_covariance(int size) {
    const std::vector<float> samples = normal(2 * size * size);
    for (int i = 0; i < size; ++i) {
      for (int j = 0; j < size; ++j) {
        double sum = 0;
        for (int s = 0; s < 2 * size; ++s) sum += double(samples[s * size + i]) * samples[s * size + j];
        query_covariance.push_back(static_cast<float>(sum / (2 * size)));
      }
    }
  }
};

}  // namespace kvcompress
