// A GGUF file (version 2 or 3), memory-mapped: metadata and tensors where they lie. Everything read from it
// is checked here, because ggml aborts on misuse.
#pragma once

#include <cstddef>      // std::byte
#include <cstdint>      // int64_t
#include <memory>       // std::unique_ptr
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "dense/linear.h"  // Weight

namespace kvcompress {

class ModelFile {
 public:
  // Throws IoError when the file cannot be read and InputError when it is not a whole, well-formed GGUF.
  explicit ModelFile(const std::string& path);
  // For tests and fuzzing: the bytes of a file; they must outlive this and lie at a multiple of 8 bytes.
  explicit ModelFile(std::span<const std::byte> bytes, std::string name = "memory");
  ~ModelFile();
  ModelFile(ModelFile&&) noexcept;

  const std::string& path() const;
  // Of the metadata, the tensor table and the first bytes of each tensor (fine-tunes differ in nothing else):
  // names this very model in profiles and sessions.
  uint64_t hash() const;
  size_t weight_bytes() const;
  int64_t parameters() const;

  // Metadata by key; nullopt when absent; InputError when present with another type.
  std::optional<std::string> text(const std::string& key) const;
  std::optional<int64_t> integer(const std::string& key) const;  // any integer type or bool
  std::optional<double> number(const std::string& key) const;    // any number type
  std::optional<std::vector<int64_t>> integers(const std::string& key) const;
  std::optional<std::vector<double>> numbers(const std::string& key) const;
  bool has_list(const std::string& key) const;  // present, and a list
  // Views into the file.
  std::optional<std::vector<std::string_view>> texts(const std::string& key) const;
  // The same, or InputError naming the key.
  std::string require_text(const std::string& key) const;
  int64_t require_integer(const std::string& key, int64_t minimum, int64_t maximum) const;
  double require_number(const std::string& key, double minimum, double maximum) const;

  bool has_tensor(const std::string& name) const;
  // A matrix [rows][columns]; InputError when absent or of another shape.
  Weight matrix(const std::string& name, int64_t rows, int64_t columns) const;
  // A vector as float32 [size], converted from whatever type it has.
  std::vector<float> vector(const std::string& name, int64_t size) const;
  std::vector<int64_t> tensor_shape(const std::string& name) const;  // as in the file: columns first
  std::vector<std::string> tensor_names() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvcompress
