#include "engine/engine.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::min
#include <numeric>    // std::iota
#include <utility>    // std::move

#include "compute/isa.h"           // active_isa
#include "engine/biased_pages.h"   // BiasedPages
#include "engine/cache_receipt.h"  // receipt_of, positions_in
#include "engine/checked_options.h"
#include "engine/checked_recipe.h"         // check_recipe
#include "engine/compressor.h"             // Compressor
#include "engine/form_fitter.h"            // FormFitter
#include "engine/forward.h"                // Forward
#include "engine/output_metric.h"          // output_metric
#include "engine/packings.h"               // Packings
#include "engine/plan.h"                   // planned_bytes
#include "engine/scheduler.h"              // Scheduler
#include "engine/session/session_store.h"  // SessionStore
#include "policy/calibrations_shipped.h"   // attach_shipped

namespace kvcompress {

struct Engine::Impl {
  EngineOptions options;
  ModelFile file;
  Vocabulary vocabulary;
  ThreadPool threads;
  Linear linear;
  std::unique_ptr<Architecture> model;
  const ModelConfig& config;
  std::string hash;  // of the model file, as profiles name it
  int context;
  CacheMemory memory;
  std::unique_ptr<PageForm> form;
  PagePool pages;
  mutable Packings packings;   // made when first asked for
  mutable BiasedPages biased;  // of recipes that refit; costs nothing before
  std::atomic<bool> stop{false};
  Forward forward;
  Replayer replayer;
  FormFitter fitter;
  Compressor compressor;
  Scheduler scheduler;
  SessionStore sessions;
  std::vector<float> logits;

  Impl(const std::string& path, EngineOptions wanted)
      : options(checked(wanted)),
        file(path),
        vocabulary(file),
        threads(options.threads),
        linear(threads, options.precision),
        model(make_architecture(file, linear, threads)),
        config(model->config()),
        hash(fmt::format("{:016x}", file.hash())),
        context(checked_context(config, options)),
        memory(cache_limit(options)),
        form(make_f16_form(config.head_dim)),
        pages(form->payload_bytes(), config.head_dim, PoolOptions{}, &memory),
        packings(pages, config.layers, config.kv_heads),
        biased(*form, &memory, config.layers, config.kv_heads),
        forward(*model, threads, options.precision),
        replayer(forward, vocabulary, options.chunk, stop),
        fitter(*model, threads, packings, memory),
        compressor(*model, threads, replayer, fitter, biased),
        scheduler(forward, compressor, pages, options.chunk, config.vocabulary),
        sessions({path, hash, config, memory, context},
                 [this](Recipe recipe, PrefillMode prefill) { return open(std::move(recipe), prefill); },
                 {[this](Sequence& sequence, size_t index, const Projection& projection) {
                    fitter.restore(sequence, index, projection);
                  },
                  [this](Sequence& sequence, size_t index) { biased.give(sequence, index); }}) {}

  Recipe bound(Recipe recipe) const {
    if (!recipe.calibration_kinds().empty()) attach_shipped(recipe, hash);
    return recipe;
  }

  void check_recipe(const Recipe& recipe, PrefillMode prefill) const {
    kvcompress::check_recipe(recipe, prefill, {file.path(), hash, context});
  }

  PageSizes sizes(const Recipe& recipe) const {
    return recipe.refit ? biased.packings.sizes(recipe) : packings.sizes(recipe);
  }

  void check_room(const Recipe& recipe, PrefillMode prefill, int64_t prompt, int64_t generated) const {
    check_room(
        kvcompress::planned_bytes(config, sizes(recipe), recipe, prefill, options.chunk, prompt, generated));
  }

  void check_room(size_t planned) const {
    const size_t held = memory.usage().bytes;
    if (held + planned <= memory.limit_bytes()) return;
    throw CapacityError(
        fmt::format("[memory] expected at most {} bytes of cache, got a plan for {} ({} of them held "
                    "already); give a smaller "
                    "budget, a shorter prompt or --prefill bounded",
                    memory.limit_bytes(), held + planned, held));
  }

  void check_tokens(std::span<const int32_t> tokens) const {
    for (const int32_t token : tokens) {
      if (token >= 0 && token < config.vocabulary) continue;
      throw UsageError(
          fmt::format("[tokens] expected ids from 0 to {}, got {}", config.vocabulary - 1, token));
    }
  }

  // continued: the sequence that the prompt is read behind, or nullptr.
  void check(const Request& request, const Sequence* continued) const {
    if (request.prompt.empty() && continued == nullptr)
      throw UsageError("[prompt] expected at least one token, got none; give -f or -p");
    const int64_t seen = continued == nullptr ? 0 : continued->cache.next_position;
    const auto length = seen + static_cast<int64_t>(request.prompt.size() + request.question.size());
    if (length > context) {
      throw UsageError(
          fmt::format("[prompt] expected at most the context of {} tokens, got {}; shorten it, or raise -c "
                      "with --rope-extend",
                      context, length));
    }
    check_tokens(request.prompt);
    check_tokens(request.question);
    const int64_t generated = std::min<int64_t>(request.max_tokens, context - length);
    if (continued != nullptr)
      return check_room(planned_growth(config, *continued, options.chunk, length - seen, generated));
    check_recipe(request.recipe, request.prefill);
    check_room(request.recipe, request.prefill, length, generated);
  }

  std::unique_ptr<Sequence> open(Recipe recipe, PrefillMode prefill) {
    check_recipe(recipe, prefill);
    SequenceCache cache(&pages, form.get(), config.layers, config.kv_heads, config.sliding_window,
                        packings.of(recipe));
    auto sequence = std::make_unique<Sequence>(std::move(cache), std::move(recipe), prefill);
    sequence->page_sizes = sizes(sequence->recipe);
    const int window = window_capacity(sequence->recipe);
    if (sequence->recipe.evicts() || window > 0) {
      sequence->observed = Observations(sequence->recipe.needs(), window, config);
    }
    return sequence;
  }

  void read_chunk(Sequence& sequence, std::span<const int32_t> tokens, bool last, int first,
                  const LogitsCallback& on_logits) {
    const Segment segment{&sequence, tokens};
    forward.run({&segment, 1}, {}, stop);
    if (on_logits) {
      const auto vocabulary_size = static_cast<size_t>(config.vocabulary);
      std::vector<int> rows(tokens.size());
      std::iota(rows.begin(), rows.end(), 0);
      logits.resize(rows.size() * vocabulary_size);
      forward.logits(rows, logits.data());
      for (const int row : rows) {
        on_logits(first + row, {logits.data() + static_cast<size_t>(row) * vocabulary_size, vocabulary_size});
      }
    }
    compressor.after_chunk(sequence, last);
  }
};

Engine::Engine(const std::string& model_path, EngineOptions options)
    : impl_(std::make_unique<Impl>(model_path, options)) {}
Engine::~Engine() = default;

const ModelConfig& Engine::config() const { return impl_->config; }
const ModelFile& Engine::file() const { return impl_->file; }
const Vocabulary& Engine::vocabulary() const { return impl_->vocabulary; }
const EngineOptions& Engine::options() const { return impl_->options; }
int Engine::context() const { return impl_->context; }
ThreadPool& Engine::threads() { return impl_->threads; }
PagePool& Engine::pool() { return impl_->pages; }
CacheMemory& Engine::memory() { return impl_->memory; }
std::atomic<bool>& Engine::stop_flag() { return impl_->stop; }

Recipe Engine::bound(Recipe recipe) const { return impl_->bound(std::move(recipe)); }

std::string Engine::describe() const {
  return fmt::format("{} threads, {}; {}", impl_->threads.size(), name(active_isa()),
                     impl_->linear.describe());
}

RequestId Engine::submit(Request request) {
  request.recipe = bound(std::move(request.recipe));
  impl_->check(request, nullptr);
  Session session{impl_->open(request.recipe, request.prefill), {}};
  return impl_->scheduler.add(std::make_unique<ActiveRequest>(std::move(request), std::move(session),
                                                              impl_->vocabulary, impl_->context));
}

RequestId Engine::submit(Request request, Session session) {
  request.recipe = session.sequence->recipe;
  request.prefill = session.sequence->prefill;
  const std::optional<int32_t> unread = session.tail.unread;
  if (!unread && request.prompt.empty()) {
    throw UsageError(
        "[prompt] expected tokens to read, got none after a session that ends with its prompt; "
        "give -f or -p");
  }
  if (unread && !request.prompt.empty()) request.prompt.insert(request.prompt.begin(), *unread);
  impl_->check(request, session.sequence.get());
  return impl_->scheduler.add(std::make_unique<ActiveRequest>(std::move(request), std::move(session),
                                                              impl_->vocabulary, impl_->context));
}

void Engine::save(RequestId finished, const std::string& path, const std::string& note) const {
  ActiveRequest& request = impl_->scheduler.at(finished);
  if (request.state() != ActiveRequest::State::finished ||
      request.receipt().finish == FinishReason::cancelled) {
    throw UsageError(
        fmt::format("[session] expected request {} to be finished before it is saved", finished));
  }
  impl_->sessions.save(request.sequence(), {request.unread(), note}, path);
}

void Engine::save(const Sequence& sequence, const std::string& path, const SessionTail& tail) const {
  impl_->sessions.save(sequence, tail, path);
}

Session Engine::load(const std::string& path, const std::vector<CalibrationPtr>& profiles) {
  return impl_->sessions.load(path, profiles);
}

Session Engine::load(std::span<const std::byte> file, const std::vector<CalibrationPtr>& profiles) {
  return impl_->sessions.load(file, profiles);
}

bool Engine::step() { return impl_->scheduler.step(impl_->stop); }

bool Engine::finished(RequestId id) const {
  return impl_->scheduler.at(id).state() == ActiveRequest::State::finished;
}

Completion Engine::take(RequestId id) {
  ActiveRequest& request = impl_->scheduler.at(id);
  CacheReceipt counted = cache_receipt(request.sequence());
  counted.bytes_prompt = request.receipt().cache.bytes_prompt;
  counted.bytes_peak = std::max(request.receipt().cache.bytes_peak, counted.bytes);
  request.receipt().cache = std::move(counted);
  Completion completion = request.take();
  impl_->scheduler.remove(id);
  return completion;
}

void Engine::cancel(RequestId id) { impl_->scheduler.at(id).cancel(); }

Completion Engine::run(Request request) {
  const RequestId id = submit(std::move(request));
  while (!finished(id)) step();
  return take(id);
}

void Engine::follow_up(RequestId previous, std::vector<int32_t> tokens, int max_tokens) {
  ActiveRequest& request = impl_->scheduler.at(previous);
  if (request.state() != ActiveRequest::State::finished) {
    throw UsageError(
        fmt::format("[engine] expected request {} to be finished before a following turn", previous));
  }
  impl_->check_tokens(tokens);
  const int64_t seen = request.sequence().cache.next_position;
  const int64_t length = seen + static_cast<int64_t>(tokens.size()) + 1;
  if (length > impl_->context) {
    throw UsageError(fmt::format(
        "[prompt] expected the conversation to fit the context of {} tokens, got {}; start a new one",
        impl_->context, length));
  }
  request.follow_up(std::move(tokens), max_tokens);
}

std::unique_ptr<Sequence> Engine::open(Recipe recipe, PrefillMode prefill) {
  return impl_->open(bound(std::move(recipe)), prefill);
}

std::unique_ptr<Sequence> Engine::open_shared(std::span<const Recipe> recipes) {
  ScoreNeeds needs;
  int window = 0;
  std::vector<CalibrationPtr> calibrations;
  for (const Recipe& unbound : recipes) {
    const Recipe recipe = bound(unbound);
    impl_->check_recipe(recipe, PrefillMode::exact);
    if (!needs.shares_reading(recipe.needs())) {
      throw UsageError(fmt::format("[recipe {}] cannot share a reading with those before it", recipe.name));
    }
    needs = needs.united(recipe.needs());
    window = std::max(window, window_capacity(recipe));
    calibrations.insert(calibrations.end(), recipe.calibrations.begin(), recipe.calibrations.end());
  }
  auto sequence = impl_->open(Recipe(), PrefillMode::exact);
  sequence->recipe.calibrations = calibrations;
  sequence->observed = Observations(needs, window, impl_->config);
  return sequence;
}

std::unique_ptr<Sequence> Engine::compressed(Sequence& read, const Recipe& recipe) {
  if (recipe.evicts() && recipe.needs().replay_chunk > 0) impl_->replayer.run(read);
  auto sequence = std::make_unique<Sequence>(read.fork());
  sequence->recipe = bound(recipe);
  sequence->cache.set_packings(impl_->packings.of(recipe));
  sequence->page_sizes = impl_->sizes(recipe);
  sequence->observed.narrow(sequence->recipe.needs());
  sequence->prompt_total = read.cache.next_position;
  // What the replay took belongs to each recipe that asked for it.
  sequence->compress_s = recipe.needs().replay_chunk > 0 ? read.observed.replay_s : 0;
  impl_->compressor.after_chunk(*sequence, /*last=*/true);
  return sequence;
}

std::unique_ptr<Sequence> Engine::fork(const Sequence& sequence) const {
  return std::make_unique<Sequence>(sequence.fork());
}

void Engine::read(Sequence& sequence, std::span<const int32_t> tokens, bool last,
                  const LogitsCallback& on_logits) {
  impl_->check_tokens(tokens);
  sequence.prompt_total = std::max(sequence.prompt_total, static_cast<int64_t>(sequence.cache.next_position) +
                                                              static_cast<int64_t>(tokens.size()));
  const auto chunk = static_cast<size_t>(impl_->options.chunk);
  for (size_t first = 0; first < tokens.size(); first += chunk) {
    const std::span<const int32_t> part = tokens.subspan(first, std::min(chunk, tokens.size() - first));
    const bool ends = last && first + part.size() == tokens.size();
    impl_->read_chunk(sequence, part, ends, static_cast<int>(first), on_logits);
  }
}

void Engine::decode(std::span<Sequence* const> sequences, std::span<const int32_t> tokens, float* logits) {
  impl_->check_tokens(tokens);
  std::vector<Segment> segments;
  std::vector<int> rows(sequences.size());
  std::iota(rows.begin(), rows.end(), 0);
  for (size_t i = 0; i < sequences.size(); ++i) {
    segments.push_back({sequences[i], tokens.subspan(i, 1)});
  }
  impl_->forward.run({}, segments, impl_->stop);
  impl_->forward.logits(rows, logits);
  for (Sequence* sequence : sequences) impl_->compressor.after_decode(*sequence);
}

void Engine::hold(Sequence& sequence) { impl_->compressor.after_decode(sequence); }

PageSizes Engine::page_sizes(const Recipe& recipe) const { return impl_->sizes(recipe); }

CacheReceipt Engine::cache_receipt(const Sequence& sequence) const {
  CacheReceipt receipt = receipt_of(sequence.cache, impl_->config.head_dim);
  receipt.bytes = sequence.bytes();
  receipt.bytes_peak = impl_->memory.usage().peak_bytes;
  return receipt;
}

size_t Engine::planned_bytes(const Recipe& recipe, PrefillMode prefill, int64_t prompt,
                             int64_t generated) const {
  return kvcompress::planned_bytes(impl_->config, page_sizes(recipe), bound(recipe), prefill,
                                   impl_->options.chunk, prompt, generated);
}

size_t Engine::planned_bytes_full(int64_t tokens) const {
  return static_cast<size_t>(tokens) * 4 * static_cast<size_t>(impl_->config.head_dim) *
         static_cast<size_t>(impl_->config.kv_heads) * static_cast<size_t>(impl_->config.layers);
}

std::vector<std::vector<std::vector<int32_t>>> Engine::kept_positions(const Sequence& sequence) const {
  return positions_in(sequence.cache);
}

std::vector<float> Engine::output_metric(int layer, int kv_head) const {
  return kvcompress::output_metric(*impl_->model, layer, kv_head);
}

Rotation Engine::rotation(int layer) const { return impl_->model->rotation(layer); }

Profile Engine::take_profile() {
  Profile profile = impl_->forward.take_profile();
  profile.compress_s = impl_->compressor.take_seconds();
  return profile;
}

}  // namespace kvcompress
