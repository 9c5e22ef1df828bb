#include "engine/session/session_store.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::copy_n, std::min
#include <utility>    // std::move

#include "base/file.h"                    // InputFile, ReplacedFile
#include "policy/calibrations_shipped.h"  // shipped_calibration

namespace kvcompress {

void SessionStore::save(const Sequence& sequence, const SessionTail& tail, const std::string& path) const {
  Sequence shared = sequence.fork();  // shares the pages; archives visit what they may change
  ReplacedFile file(path);
  const auto sink = [&](std::span<const std::byte> part) {
    file.write({reinterpret_cast<const char*>(part.data()), part.size()});
  };
  write_session(sink, shared, tail, place_.model_path, place_.model_hash, place_.config);
  file.commit();
}

Session SessionStore::load(const std::string& path, const std::vector<CalibrationPtr>& profiles) const {
  InputFile file(path);
  return load("session " + path,
              {file.size(), [&](std::span<std::byte> out) { file.read(out); }, [&] { file.rewind(); }},
              profiles);
}

Session SessionStore::load(std::span<const std::byte> file,
                           const std::vector<CalibrationPtr>& profiles) const {
  std::span<const std::byte> rest = file;
  const auto read = [&](std::span<std::byte> out) {
    std::copy_n(rest.begin(), out.size(), out.begin());
    rest = rest.subspan(out.size());
  };
  return load("session", {file.size(), read, [&] { rest = file; }}, profiles);
}

Session SessionStore::load(const std::string& name, const SessionReader::Bytes& bytes,
                           const std::vector<CalibrationPtr>& profiles) const {
  SessionReader reader(name, bytes);
  check_header(name, reader.header());
  Session session;
  session.sequence = open_(recipe_of(name, reader.header(), profiles), reader.header().prefill);
  session.sequence->observed = Observations();
  session.tail = reader.read_into(*session.sequence, place_.config, restorer_);
  return session;
}

void SessionStore::check_header(const std::string& name, const SessionHeader& header) const {
  if (header.model_hash != place_.model_hash) {
    throw UsageError(fmt::format(
        "[{}] expected one of the model {} (hash {}), got one of {} (hash {}); load it with that model", name,
        place_.model_path, place_.model_hash, header.model, header.model_hash));
  }
  if (header.tokens_seen < 0 || header.tokens_seen > place_.context) {
    throw UsageError(fmt::format("[{}] expected at most the context of {} tokens, got {}; raise -c", name,
                                 place_.context, header.tokens_seen));
  }
  const size_t held = place_.memory.usage().bytes, limit = place_.memory.limit_bytes();
  if (limit > 0 && header.cache_bytes > limit - std::min(held, limit)) {
    throw CapacityError(
        fmt::format("[memory] expected at most {} bytes of cache, got a session of {} ({} are held already); "
                    "free some memory or save it under a smaller budget",
                    limit, header.cache_bytes, held));
  }
}

Recipe SessionStore::recipe_of(const std::string& name, const SessionHeader& header,
                               const std::vector<CalibrationPtr>& profiles) const {
  Recipe recipe;
  try {
    recipe = parse_recipe(header.recipe, name);
  } catch (const UsageError& error) {
    throw InputError(fmt::format("[{}] expected a recipe of this version ({} has written it), got: {}", name,
                                 header.made_by, error.what()));
  }
  for (const SessionHeader::Profile& wanted : header.profiles) {
    std::vector<CalibrationPtr> known = profiles;
    known.push_back(shipped_calibration(wanted.kind, place_.model_hash));
    CalibrationPtr same;
    for (const CalibrationPtr& one : known) {
      if (!same && one && one->kind == wanted.kind && content_hash(*one) == wanted.content_hash) same = one;
    }
    if (!same) {
      throw UsageError(fmt::format(
          "[{}] expected the profile '{}' that it was saved with, got none like it; give it with --profile",
          name, wanted.kind));
    }
    recipe.calibrations.push_back(same);
  }
  return recipe;
}

}  // namespace kvcompress
