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

#include "engine/receipt.h"        // Receipt
#include "engine/sequence.h"       // Sequence
#include "compute/precision.h"     // Precision
#include "model/architecture.h"    // ModelConfig
#include "model/model_file.h"      // ModelFile
#include "model/vocabulary.h"      // Vocabulary
#include "policy/recipe.h"         // Recipe

namespace kvcompress {

struct EngineOptions {
  int threads = 1;
  int chunk = 512;           // prompt tokens of one sequence in one step
  int context = 0;           // 0: what the model was trained for
  bool rope_extend = false;  // allow `context` beyond that
  Precision precision = Precision::fast;
  size_t cache_limit_bytes = 0;  // 0: what the machine has free
};

struct SamplingOptions {
  bool greedy = false;
  double temperature = 0.8;
  int top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  uint32_t seed = 0;
};

// A generated token as it streams: `text` is complete UTF-8 and may hold back bytes until a character is whole or a
// possible stop string is decided.
struct StreamEvent {
  int32_t token;
  std::string text;
};

struct Request {
  std::vector<int32_t> prompt;    // read, then compressed
  std::vector<int32_t> question;  // read after compression (may be empty)
  Recipe recipe;
  PrefillMode prefill = PrefillMode::exact;
  int max_tokens = 256;
  SamplingOptions sampling;
  std::vector<std::string> stop;
  bool ignore_end = false;  // go on after the model's end-of-generation token (benchmarks)
  std::function<void(const StreamEvent&)> on_token;
  // Called when the prompt has been read and compressed.
  std::function<void(const Sequence&)> on_prompt;
  // Called after every chunk with the prompt tokens read so far.
  std::function<void(int64_t done, int64_t total)> on_progress;
};

struct Completion {
  std::string text;
  std::vector<int32_t> tokens;
  Receipt receipt;
};

using RequestId = int;
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
  PagePool& pool();
  std::string describe() const;  // instruction set, dense paths, threads: one line for -v

  // --- requests ---
  // Checks the request (UsageError: empty prompt, budget that cannot be met, prompt beyond the context;
  // CapacityError: the planned bytes exceed the memory) and queues it.
  RequestId submit(Request request);
  // One step: a chunk of every prompt being read and a token of every answer being written. false: nothing left.
  bool step();
  bool finished(RequestId id) const;
  Completion take(RequestId id);  // ends the request; of an unfinished one, what there is so far
  void cancel(RequestId id);      // takes effect before the next step
  Completion run(Request request);  // submit, step until finished, take
  // Keeps the request's sequence alive for a following turn: extends it with more tokens and generates again.
  // `previous` must be finished and not taken; its id stays valid for the next turn.
  void follow_up(RequestId previous, std::vector<int32_t> tokens, int max_tokens);
  // Set from a signal handler or another thread: run() and read() throw Cancelled before the next layer.
  std::atomic<bool>& stop_flag();

  // --- sequences ---
  std::unique_ptr<Sequence> open(Recipe recipe, PrefillMode prefill = PrefillMode::exact);
  // Reads tokens by chunks on the prefill path. on_logits is called for every token when given (else none).
  // `last`: these are the prompt's last tokens, so an `exact` recipe compresses after them.
  void read(Sequence& sequence, std::span<const int32_t> tokens, bool last, const LogitsCallback& on_logits = {});
  // One token for each of several sequences on the decode path; logits: [sequences][vocabulary].
  void decode(std::span<Sequence* const> sequences, std::span<const int32_t> tokens, float* logits);
  CacheReceipt cache_receipt(const Sequence& sequence) const;
  // Original positions of the slots kept: [layer][kv head][...].
  std::vector<std::vector<std::vector<int32_t>>> kept_positions(const Sequence& sequence) const;
  // Seconds and floating point operations or bytes spent since the last call, by part, for benchmarks.
  struct Profile {
    double dense_s = 0, attention_s = 0, compress_s = 0, other_s = 0;
    double dense_flop = 0, attention_flop = 0, attention_bytes = 0;
  };
  Profile take_profile();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Bytes a request of that many tokens will hold at most under a recipe, before it runs.
size_t planned_bytes(const Engine& engine, const Recipe& recipe, PrefillMode prefill, int64_t prompt_tokens,
                     int64_t new_tokens);

}  // namespace kvcompress
