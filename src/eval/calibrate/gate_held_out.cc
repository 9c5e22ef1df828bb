#include "eval/calibrate/gate_held_out.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join

#include <algorithm>   // std::nth_element, std::sort
#include <cmath>       // std::sqrt
#include <functional>  // std::greater
#include <numeric>     // std::iota

#include "base/statistics.h"  // mean

namespace kvcompress {
namespace {

std::vector<double> ranks(std::span<const float> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    for (size_t i = first; i < last; ++i) ranks[order[i]] = static_cast<double>(first + last - 1) / 2;
  }
  return ranks;
}

std::vector<float> column(const std::vector<float>& rows, size_t index, size_t columns) {
  std::vector<float> out;
  for (size_t i = index; i < rows.size(); i += columns) out.push_back(rows[i]);
  return out;
}

float best_quarter_bound(std::vector<float> values) {
  const auto bound = values.begin() + static_cast<int64_t>(values.size() / 4);
  std::nth_element(values.begin(), bound, values.end(), std::greater<>());
  return *bound;
}

}  // namespace

double spearman(std::span<const float> a, std::span<const float> b) {
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double middle = (static_cast<double>(x.size()) - 1) / 2;
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
    xy += (x[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

HeldOut::HeldOut(const ModelConfig& config, size_t candidates)
    : heads_(static_cast<size_t>(config.kv_heads)),
      candidates_(candidates),
      layers_(static_cast<size_t>(config.layers)) {
  for (Layer& layer : layers_) layer.foretold.resize(candidates);
}

void HeldOut::add(int index, std::span<const float> inputs, std::span<const float> targets,
                  const std::vector<LinearMap>& maps) {
  Layer& layer = layers_[static_cast<size_t>(index)];
  layer.targets.insert(layer.targets.end(), targets.begin(), targets.end());
  for (size_t i = 0; i < maps.size(); ++i) {
    const std::vector<float> foretold = maps[i].apply(inputs);
    layer.foretold[i].insert(layer.foretold[i].end(), foretold.begin(), foretold.end());
  }
}

double HeldOut::explained(const Layer& layer, size_t candidate) const {
  double sum = 0;
  for (size_t head = 0; head < heads_; ++head) {
    const std::vector<float> wanted = column(layer.targets, head, heads_);
    const std::vector<float> got = column(layer.foretold[candidate], head, heads_);
    const double average = std::accumulate(wanted.begin(), wanted.end(), 0.0) / double(wanted.size());
    double errors = 0, squares = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      errors += (double{wanted[i]} - got[i]) * (double{wanted[i]} - got[i]);
      squares += (wanted[i] - average) * (wanted[i] - average);
    }
    sum += squares > 0 ? 1 - errors / squares : 0;
  }
  return sum / static_cast<double>(heads_);
}

double HeldOut::correlation(const Layer& layer, size_t candidate) const {
  double sum = 0;
  for (size_t head = 0; head < heads_; ++head) {
    sum += spearman(column(layer.targets, head, heads_), column(layer.foretold[candidate], head, heads_));
  }
  return sum / static_cast<double>(heads_);
}

std::vector<size_t> HeldOut::choose() const {
  std::vector<size_t> chosen(layers_.size());
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    if (layers_[layer].targets.empty()) continue;
    double best = explained(layers_[layer], 0);
    for (size_t candidate = 1; candidate < candidates_; ++candidate) {
      const double now = explained(layers_[layer], candidate);
      if (now <= best) continue;
      best = now;
      chosen[layer] = candidate;
    }
  }
  return chosen;
}

double HeldOut::top_quarter(const std::vector<size_t>& chosen) const {
  std::vector<float> wanted, got;
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const std::vector<float>&targets = layers_[layer].targets,
          &foretold = layers_[layer].foretold[chosen[layer]];
    wanted.insert(wanted.end(), targets.begin(), targets.end());
    got.insert(got.end(), foretold.begin(), foretold.end());
  }
  const float wanted_bound = best_quarter_bound(wanted), got_bound = best_quarter_bound(got);
  size_t best = 0, both = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] <= wanted_bound) continue;
    ++best;
    both += got[i] > got_bound ? 1 : 0;
  }
  return best > 0 ? static_cast<double>(both) / static_cast<double>(best) : 0;
}

std::map<std::string, std::string> HeldOut::figures(const std::vector<double>& candidates) const {
  const std::vector<size_t> chosen = choose();
  std::vector<double> r2, rank;
  std::vector<std::string> by_layer, ridges;
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    if (layers_[layer].targets.empty()) continue;
    r2.push_back(explained(layers_[layer], chosen[layer]));
    rank.push_back(correlation(layers_[layer], chosen[layer]));
    by_layer.push_back(fmt::format("{:.2f}", rank.back()));
    ridges.push_back(fmt::format("{:g}", candidates[chosen[layer]]));
  }
  return {{"held_out_r2", fmt::format("{:.3f}", mean(r2))},
          {"held_out_spearman", fmt::format("{:.3f}", mean(rank))},
          {"held_out_spearman_by_layer", fmt::format("{}", fmt::join(by_layer, " "))},
          {"held_out_top25", fmt::format("{:.3f}", top_quarter(chosen))},
          {"ridge_by_layer", fmt::format("{}", fmt::join(ridges, " "))}};
}

}  // namespace kvcompress
