#include "engine/session/session_file.h"

#include <fmt/format.h>
#include <kvcompress/error.h>    // InputError
#include <kvcompress/version.h>  // kVersion

#include <algorithm>   // std::copy_n, std::min
#include <array>       // std::array
#include <cstring>     // std::memcpy
#include <filesystem>  // std::filesystem::path

#include "engine/session/checksum.h"          // Checksum
#include "engine/session/sequence_archive.h"  // archive_sequence

namespace kvcompress {
namespace {

struct Begin {
  std::array<char, 8> magic{'k', 'v', 'c', 's', 'e', 's', 's', '\n'};
  uint32_t version = kSessionVersion;
};

struct Trailer {
  uint64_t size = 0;  // of the file, this included
  uint64_t checksum = 0;
};

constexpr size_t kBeginBytes = 12, kTrailerBytes = 16;

void archive_begin(Archive& archive, Begin& begin) {
  archive.raw(begin.magic.data(), begin.magic.size());
  archive.field(begin.version);
}

void archive_header(Archive& archive, SessionHeader& header) {
  auto& [made_by, model, model_hash, recipe, profiles, prefill, tokens_seen, cache_bytes] = header;
  for (std::string* text : {&made_by, &model, &model_hash, &recipe}) archive.field(*text);
  archive.list(profiles, [&](SessionHeader::Profile& profile) {
    auto& [kind, hash] = profile;
    archive.field(kind);
    archive.field(hash);
  });
  bool bounded = prefill == PrefillMode::bounded;
  archive.field(bounded);
  prefill = bounded ? PrefillMode::bounded : PrefillMode::exact;
  archive.field(tokens_seen);
  archive.field(cache_bytes);
}

void archive_tail(Archive& archive, SessionTail& tail) {
  auto& [unread, note] = tail;
  bool has_unread = unread.has_value();
  archive.field(has_unread);
  int32_t token = unread.value_or(0);
  archive.field(token);
  if (archive.reading() && has_unread) unread = token;
  archive.field(note);
}

// The part of a message that names a file is of bytes that anybody may have written.
std::string printable(const std::string& text) {
  std::string shown = text.substr(0, 100);
  for (char& c : shown) c = c >= ' ' && c <= '~' ? c : '?';
  return shown;
}

Trailer trailer_of(uint64_t content_bytes, const Checksum& checksum) {
  return {content_bytes + kTrailerBytes, checksum.value()};
}

}  // namespace

std::string content_hash(const Calibration& calibration) {
  const auto& [kind, model, model_hash, data, settings, arrays] = calibration;
  Checksum checksum;
  ArchiveWriter writer([&](std::span<const std::byte> part) { checksum.add(part); });
  for (const std::string* text : {&kind, &model, &model_hash, &data}) {
    std::string copy = *text;
    writer.field(copy);
  }
  for (auto [name, value] : settings) {
    std::string key = name;
    writer.field(key);
    writer.field(value);
  }
  for (auto [name, array] : arrays) {
    std::string key = name;
    writer.field(key);
    writer.field(array.shape);
    writer.field(array.values);
  }
  writer.flush();
  return fmt::format("{:016x}", checksum.value());
}

void write_session(const ArchiveWriter::Sink& sink, Sequence& sequence, SessionTail tail,
                   const std::string& model_path, const std::string& model_hash, const ModelConfig& config) {
  SessionHeader header;
  header.made_by = kVersion;
  header.model = std::filesystem::path(model_path).filename().string();
  header.model_hash = model_hash;
  header.recipe = to_yaml(sequence.recipe);
  for (const CalibrationPtr& given : sequence.recipe.calibrations) {
    header.profiles.push_back({given->kind, content_hash(*given)});
  }
  header.prefill = sequence.prefill;
  header.tokens_seen = sequence.cache.next_position;
  header.cache_bytes = sequence.cache.bytes();

  Checksum checksum;
  ArchiveWriter writer([&](std::span<const std::byte> part) {
    checksum.add(part);
    sink(part);
  });
  Begin begin;
  archive_begin(writer, begin);
  archive_header(writer, header);
  archive_tail(writer, tail);
  archive_sequence(writer, sequence, config, {});
  writer.flush();
  const Trailer trailer = trailer_of(writer.written(), checksum);
  sink(std::as_bytes(std::span(&trailer, 1)));
}

std::vector<std::byte> session_trailer(std::span<const std::byte> content) {
  Checksum checksum;
  checksum.add(content);
  const Trailer trailer = trailer_of(content.size(), checksum);
  std::vector<std::byte> bytes(sizeof(Trailer));
  std::memcpy(bytes.data(), &trailer, sizeof(Trailer));
  return bytes;
}

SessionReader::SessionReader(std::string name, const Bytes& bytes)
    : name_(std::move(name)),
      archive_(name_, bytes.size - std::min<uint64_t>(bytes.size, kTrailerBytes), bytes.read) {
  check_whole(bytes);
  bytes.rewind();
  Begin begin;
  archive_begin(archive_, begin);
  archive_header(archive_, header_);
  for (std::string* text : {&header_.made_by, &header_.model, &header_.model_hash}) *text = printable(*text);
}

void SessionReader::check_whole(const Bytes& bytes) const {
  static_assert(sizeof(Trailer) == kTrailerBytes);
  const Begin expected;
  std::array<std::byte, kBeginBytes> first{};
  const size_t there = static_cast<size_t>(std::min<uint64_t>(bytes.size, kBeginBytes));
  bytes.rewind();
  bytes.read(std::span(first).first(there));
  const size_t magic = std::min(there, expected.magic.size());
  if (there == 0 || std::memcmp(first.data(), expected.magic.data(), magic) != 0) {
    throw InputError(fmt::format(
        "[{}] expected what --save-session has written, got another kind of file; check its name", name_));
  }
  uint32_t version = 0;
  std::memcpy(&version, first.data() + expected.magic.size(), sizeof(version));
  if (there == kBeginBytes && version > kSessionVersion) {
    throw InputError(
        fmt::format("[{}] expected a session of format {}, got one of format {}; it needs a newer kvcompress",
                    name_, kSessionVersion, version));
  }
  const auto cut_off = [&] {
    return InputError(
        fmt::format("[{}] expected a whole session, got one that is cut off after {} bytes; "
                    "save it again",
                    name_, bytes.size));
  };
  if (bytes.size < kBeginBytes + kTrailerBytes) throw cut_off();
  Checksum checksum;
  checksum.add(first);
  std::vector<std::byte> part(256 * 1024);
  const uint64_t content = bytes.size - kTrailerBytes;
  for (uint64_t left = content - kBeginBytes; left > 0;) {
    const auto now = std::span(part).first(static_cast<size_t>(std::min<uint64_t>(left, part.size())));
    bytes.read(now);
    checksum.add(now);
    left -= now.size();
  }
  Trailer read;
  bytes.read(std::as_writable_bytes(std::span(&read, 1)));
  if (read.size != bytes.size) throw cut_off();
  if (version == 0 || read.checksum != trailer_of(content, checksum).checksum) {
    throw InputError(
        fmt::format("[{}] expected a session as it was written, got one that has changed since; "
                    "save it again",
                    name_));
  }
}

SessionTail SessionReader::read_into(Sequence& sequence, const ModelConfig& config,
                                     const HeadRestorer& restorer) {
  SessionTail tail;
  archive_tail(archive_, tail);
  archive_.require(!tail.unread || (*tail.unread >= 0 && *tail.unread < config.vocabulary),
                   "a token of the model's vocabulary");
  archive_sequence(archive_, sequence, config, restorer);
  archive_.require(archive_.left() == 0, "nothing behind the sequence");
  archive_.require(sequence.cache.next_position == header_.tokens_seen, "as many tokens as the header says");
  return tail;
}

}  // namespace kvcompress
