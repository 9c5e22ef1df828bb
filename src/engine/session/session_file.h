// The file around a sequence: magic, version, what it was made by and for, checksum (docs/formats.md).
#pragma once

#include <cstddef>     // std::byte
#include <cstdint>     // uint64_t
#include <functional>  // std::function
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include "base/archive.h"                     // ArchiveReader
#include "engine/session.h"                   // Session
#include "engine/session/sequence_archive.h"  // HeadRestorer
#include "model/architecture.h"               // ModelConfig

namespace kvcompress {

// To be raised whenever the bytes change: of the file, or of the pages of any form.
inline constexpr uint32_t kSessionVersion = 1;

struct SessionHeader {
  struct Profile {
    std::string kind, content_hash;
  };
  std::string made_by;            // version of the program
  std::string model, model_hash;  // the model file's name, and what profiles know it by
  std::string recipe;             // to_yaml()
  std::vector<Profile> profiles;  // that it was bound to
  PrefillMode prefill = PrefillMode::exact;
  int32_t tokens_seen = 0;
  uint64_t cache_bytes = 0;  // that the pages take
};

// Of everything a calibration says, by whatever program wrote it.
std::string content_hash(const Calibration& calibration);

// Makes the header of a sequence and writes all of the file through the sink.
void write_session(const ArchiveWriter::Sink& sink, Sequence& sequence, SessionTail tail,
                   const std::string& model_path, const std::string& model_hash, const ModelConfig& config);
// The last bytes of the file, behind what `content` are: for files that are put together by hand.
std::vector<std::byte> session_trailer(std::span<const std::byte> content);

// A session that is being read. Throws InputError for what is not a whole session of this version.
class SessionReader {
 public:
  struct Bytes {
    uint64_t size = 0;
    std::function<void(std::span<std::byte>)> read;
    std::function<void()> rewind;
  };
  // name: "session FILE", for messages. Checks magic, version, length and checksum, and reads the header.
  SessionReader(std::string name, const Bytes& bytes);

  const SessionHeader& header() const { return header_; }
  // Into a fresh sequence under the header's recipe. To be called once.
  SessionTail read_into(Sequence& sequence, const ModelConfig& config, const HeadRestorer& restorer);

 private:
  void check_whole(const Bytes& bytes) const;

  std::string name_;
  ArchiveReader archive_;
  SessionHeader header_;
};

}  // namespace kvcompress
