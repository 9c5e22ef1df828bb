// Sequences of one engine, to disk and back.
#pragma once

#include <functional>  // std::function
#include <string>      // std::string
#include <vector>      // std::vector

#include "engine/session.h"               // Session
#include "engine/session/session_file.h"  // SessionReader
#include "model/architecture.h"           // ModelConfig

namespace kvcompress {

class SessionStore {
 public:
  struct Place {
    std::string model_path, model_hash;
    const ModelConfig& config;
    CacheMemory& memory;
    int context;  // positions a sequence may have
  };
  // Makes an empty sequence under a recipe that is bound to its profiles.
  using Open = std::function<std::unique_ptr<Sequence>(Recipe recipe, PrefillMode prefill)>;

  SessionStore(Place place, Open open, HeadRestorer restorer)
      : place_(std::move(place)), open_(std::move(open)), restorer_(std::move(restorer)) {}

  void save(const Sequence& sequence, const SessionTail& tail, const std::string& path) const;
  // profiles: given by the caller, before those that are shipped.
  Session load(const std::string& path, const std::vector<CalibrationPtr>& profiles) const;
  Session load(std::span<const std::byte> file, const std::vector<CalibrationPtr>& profiles) const;

 private:
  Session load(const std::string& name, const SessionReader::Bytes& bytes,
               const std::vector<CalibrationPtr>& profiles) const;
  Recipe recipe_of(const std::string& name, const SessionHeader& header,
                   const std::vector<CalibrationPtr>& profiles) const;
  void check_header(const std::string& name, const SessionHeader& header) const;

  Place place_;
  Open open_;
  HeadRestorer restorer_;
};

}  // namespace kvcompress
