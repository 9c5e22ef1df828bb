#include "eval/report/summary.h"

#include <cmath>              // std::exp
#include <map>                // std::map
#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <tuple>              // std::tuple

namespace kvcompress {
namespace {

using Key = std::tuple<std::string, std::string, std::string, std::string>;  // model, label, method, budget

Key key_of(const Json& row) { return {row.at("model"), row.at("label"), row.at("method"), row.at("budget")}; }

std::vector<Json> last_of_each(const std::vector<Json>& rows) {
  std::map<Key, size_t> places;
  std::vector<Json> kept;
  for (const Json& row : rows) {
    const auto [place, is_new] = places.emplace(key_of(row), kept.size());
    if (is_new) {
      kept.push_back(row);
    } else {
      kept[place->second] = row;
    }
  }
  return kept;
}

double identity(double mean) { return mean; }
double exponential(double mean) { return std::exp(mean); }

// The samples of two rows that both have, in the order of the first.
struct Paired {
  std::vector<double> a, b;
};

Paired paired(const Json& a, const Json& b, const char* samples) {
  Paired both;
  std::map<std::string, double> others;
  const Json& b_all = b.at("per_question");
  if (!b_all.contains(samples)) return both;
  for (size_t i = 0; i < b_all.at("id").size(); i++) {
    const Json& value = b_all.at(samples).at(i);
    if (value.is_number()) others[b_all.at("id").at(i)] = value;
  }
  const Json& a_all = a.at("per_question");
  for (size_t i = 0; i < a_all.at("id").size(); i++) {
    const auto other = others.find(a_all.at("id").at(i));
    const Json& value = a_all.at(samples).at(i);
    if (other == others.end() || !value.is_number()) continue;
    both.a.push_back(value);
    both.b.push_back(other->second);
  }
  return both;
}

class Summariser {
 public:
  explicit Summariser(const std::vector<Json>& rows) {
    for (const Json& row : rows) {
      if (row.value("recipe", "") == "full") full_[{row.at("model"), row.at("label")}] = &row;
      if (row.value("recipe", "") == "random") {
        random_[{row.at("model"), row.at("label"), row.at("budget")}] = &row;
      }
    }
  }

  SummaryRow summarise(const Json& row) {
    SummaryRow summary{row, {}};
    const auto full = full_.find({row.at("model"), row.at("label")});
    summary.full_bytes = full == full_.end() ? row.at("cache").value("bytes_full", size_t{0})
                                             : SummaryRow{*full->second, {}}.kept_bytes();
    if (!row.contains("per_question")) return summary;
    for (const FigureKind& kind : figure_kinds()) {
      if (!row.at("per_question").contains(kind.samples)) continue;
      summary.figures.push_back(figure(row, kind));
    }
    return summary;
  }

 private:
  const Bootstrap& bootstrap(size_t samples) {
    return bootstraps_.try_emplace(samples, samples).first->second;
  }

  Figure figure(const Json& row, const FigureKind& kind) {
    const Bootstrap::Transform transform = kind.exponent ? exponential : identity;
    const std::vector<double> own = paired(row, row, kind.samples).a;
    Figure figure;
    figure.kind = &kind;
    figure.value = bootstrap(own.size()).mean(own, transform);
    const auto full = full_.find({row.at("model"), row.at("label")});
    if (full != full_.end()) figure.to_full = difference(row, *full->second, kind, transform);
    const auto random = random_.find({row.at("model"), row.at("label"), row.at("budget")});
    if (random != random_.end()) figure.to_random = difference(row, *random->second, kind, transform);
    return figure;
  }

  std::optional<Interval> difference(const Json& row, const Json& other, const FigureKind& kind,
                                     Bootstrap::Transform transform) {
    if (row.at("cell") == other.at("cell")) return std::nullopt;
    const Paired both = paired(row, other, kind.samples);
    if (both.a.empty()) return std::nullopt;
    return bootstrap(both.a.size()).difference(both.a, both.b, transform);
  }

  std::map<size_t, Bootstrap> bootstraps_;
  std::map<std::pair<std::string, std::string>, const Json*> full_;
  std::map<std::tuple<std::string, std::string, std::string>, const Json*> random_;
};

}  // namespace

const std::vector<FigureKind>& figure_kinds() {
  static const std::vector<FigureKind> kinds = {
      {"score", "score", "score, 0 to 100", true, 1, 1, false},
      {"accuracy", "accuracy", "accuracy, %", true, 100, 1, false},
      {"log_probability", "log_probability", "log-probability of a reference token, nats", true, 1, 3, false},
      {"perplexity", "nll", "perplexity", false, 1, 3, true},
      {"kl_mean", "kl_mean", "KL divergence from the full cache, nats", false, 1, 4, false},
      {"top1_agreement", "top1_agreement", "top-1 agreement with the full cache, %", true, 100, 1, false},
      {"ttft_ms", "ttft_ms", "time to first token, ms", false, 1, 0, false},
      {"tpot_ms", "tpot_median_ms", "time per output token, ms", false, 1, 2, false},
      {"tokens_per_second", "tokens_per_second", "tokens per second", true, 1, 1, false},
  };
  return kinds;
}

size_t SummaryRow::kept_bytes() const {
  const Json& cache = row.at("cache");
  const size_t prompt = cache.value("bytes_prompt", size_t{0});
  return prompt > 0 ? prompt : cache.value("bytes", size_t{0});
}

double SummaryRow::ratio() const {
  const size_t bytes = kept_bytes();
  return bytes > 0 ? static_cast<double>(full_bytes) / static_cast<double>(bytes) : 0;
}

double SummaryRow::bits() const { return ratio() > 0 ? 16 / ratio() : 0; }

const Figure* SummaryRow::figure(const std::string& key) const {
  for (const Figure& figure : figures) {
    if (figure.kind->key == key) return &figure;
  }
  return nullptr;
}

std::vector<SummaryRow> summarise(const std::vector<Json>& rows) {
  const std::vector<Json> kept = last_of_each(rows);
  Summariser summariser(kept);
  std::vector<SummaryRow> summary;
  for (const Json& row : kept) summary.push_back(summariser.summarise(row));
  return summary;
}

int beyond(const FigureKind& kind, const std::optional<Interval>& difference) {
  if (!difference || !difference->has_bounds()) return 0;
  const int sign = difference->low > 0 ? 1 : difference->high < 0 ? -1 : 0;
  return kind.higher_is_better ? sign : -sign;
}

}  // namespace kvcompress
