// The engine: a model, its page pool and threads, and any number of sequences. Two ways in:
//  - requests: submit() and step() until done: continuous batching with sampling, stop strings and streaming;
//  - sequences: open(), read(), compress(), decode(): one step at a time, for evaluation and benchmarks.
#pragma once

#include <atomic>      // std::atomic
#include <cstdint>     // int32_t
#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include "compute/precision.h"   // Precision
#include "engine/profile.h"      // Profile
#include "engine/receipt.h"      // Receipt
#include "engine/request.h"      // Request, Completion
#include "engine/sequence.h"     // Sequence
#include "engine/session.h"      // Session
#include "model/architecture.h"  // ModelConfig
#include "model/model_file.h"    // ModelFile
#include "model/vocabulary.h"    // Vocabulary
#include "policy/recipe.h"       // Recipe

namespace kvcompress {

struct EngineOptions {
  int threads = 1;
  int chunk = 512;           // prompt tokens of one sequence in one step
  int context = 0;           // 0: what the model was trained for
  bool rope_extend = false;  // allow `context` beyond that
  Precision precision = Precision::fast;
  size_t cache_limit_bytes = 0;  // 0: what the machine has free
};

// logits: [vocabulary] after the token at `index` of the call's tokens.
using LogitsCallback = std::function<void(int index, std::span<const float> logits)>;

class Engine {
 public:
  Engine(const std::string& model_path, EngineOptions options);
  ~Engine();

  const ModelConfig& config() const;
  const ModelFile& file() const;
  const Vocabulary& vocabulary() const;
  const EngineOptions& options() const;
  int context() const;  // positions a sequence may have
  ThreadPool& threads();
  PagePool& pool();       // of exact pages
  CacheMemory& memory();  // what all pools hold, and the one limit
  // The recipe with the shipped profiles (policy/calibrations_shipped.h) of the kinds it needs and was not
  // given; every member that takes a recipe does this.
  Recipe bound(Recipe recipe) const;
  std::string describe() const;  // instruction set, dense paths, threads: one line for -v

  // --- requests ---
  // Checks the request (UsageError: empty prompt, budget that cannot be met, prompt beyond the context;
  // CapacityError: the planned bytes exceed the memory) and queues it.
  RequestId submit(Request request);
  // The same on a sequence that has read before, which goes on under its own recipe and prefill mode: the
  // prompt is read behind it. Without a prompt, the answer that ended with its unread token goes on.
  RequestId submit(Request request, Session session);
  // One step: a chunk of every prompt being read and a token of every answer being written. false: nothing
  // left.
  bool step();
  bool finished(RequestId id) const;
  Completion take(RequestId id);    // ends the request; of an unfinished one, what there is so far
  void cancel(RequestId id);        // takes effect before the next step
  Completion run(Request request);  // submit, step until finished, take
  // Keeps the request's sequence alive for a following turn: extends it with more tokens and generates again.
  // `previous` must be finished and not taken; its id stays valid for the next turn.
  void follow_up(RequestId previous, std::vector<int32_t> tokens, int max_tokens);
  // Writes the sequence of a finished request with its unread token, for load() and submit().
  void save(RequestId finished, const std::string& path, const std::string& note = "") const;
  // Set from a signal handler or another thread: run() and read() throw Cancelled before the next layer.
  std::atomic<bool>& stop_flag();

  // --- sequences ---
  std::unique_ptr<Sequence> open(Recipe recipe, PrefillMode prefill = PrefillMode::exact);
  // One reading for many recipes: a sequence that keeps everything and observes what all of them need.
  // Throws UsageError for recipes whose needs exclude each other (shares_reading()).
  std::unique_ptr<Sequence> open_shared(std::span<const Recipe> recipes);
  // A fork of such a sequence, whose prompt has been read, compressed as `recipe` does it at the prompt's end
  // in exact prefill. The two share pages until either writes.
  std::unique_ptr<Sequence> compressed(Sequence& read, const Recipe& recipe);
  std::unique_ptr<Sequence> fork(const Sequence& sequence) const;
  // Reads tokens by chunks on the prefill path. on_logits is called for every token when given (else none).
  // `last`: these are the prompt's last tokens, so an `exact` recipe compresses after them.
  void read(Sequence& sequence, std::span<const int32_t> tokens, bool last,
            const LogitsCallback& on_logits = {});
  // One token for each of several sequences on the decode path; logits: [sequences][vocabulary].
  void decode(std::span<Sequence* const> sequences, std::span<const int32_t> tokens, float* logits);
  // What decode() does after each token of a budget that is held, for callers that delayed it.
  void hold(Sequence& sequence);
  // Writes a sequence to a file that is replaced as a whole, and reads one: with the same model and options
  // it goes on to the very same tokens. `profiles` are asked before the shipped ones. Throws IoError,
  // InputError (no whole session), UsageError (another model, a missing profile, beyond the context) and
  // CapacityError, each before anything is changed.
  void save(const Sequence& sequence, const std::string& path, const SessionTail& tail = {}) const;
  Session load(const std::string& path, const std::vector<CalibrationPtr>& profiles = {});
  Session load(std::span<const std::byte> file, const std::vector<CalibrationPtr>& profiles = {});
  CacheReceipt cache_receipt(const Sequence& sequence) const;
  // The most bytes a sequence will hold under a recipe: `prompt` tokens read, `generated` written
  // (engine/plan.h).
  size_t planned_bytes(const Recipe& recipe, PrefillMode prefill, int64_t prompt, int64_t generated) const;
  PageSizes page_sizes(const Recipe& recipe) const;  // of the pages that a recipe's tokens are held in
  size_t planned_bytes_full(int64_t tokens) const;   // f16, nothing evicted
  // Original positions of the slots kept: [layer][kv head][...].
  std::vector<std::vector<std::vector<int32_t>>> kept_positions(const Sequence& sequence) const;
  std::vector<float> output_metric(int layer, int kv_head) const;  // engine/output_metric.h
  Rotation rotation(int layer) const;                              // of the model's keys and queries
  // Time and work since the last call, by part, for benchmarks.
  Profile take_profile();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvcompress
