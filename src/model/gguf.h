// The header of a GGUF file (version 2 or 3): metadata and the table of tensors. Read with every length, type
// and offset checked against the bytes there are, so that hostile bytes give an InputError and nothing else.
// Nothing is copied but names: values and tensor data are views of the given bytes.
#pragma once

#include <array>          // std::array
#include <cstddef>        // std::byte
#include <cstdint>        // int64_t
#include <cstring>        // memcpy
#include <span>           // std::span
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <unordered_map>  // std::unordered_map
#include <vector>         // std::vector

namespace kvcompress {

// Numbers of the format.
enum class GgufType : uint32_t {
  u8 = 0,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

std::string_view name(GgufType type);

struct GgufValue {
  GgufType type;  // of the elements when is_array
  bool is_array = false;
  uint64_t count = 1;
  std::span<const std::byte> bytes;  // count elements, packed; a string is its u64 length and its characters
};

struct GgufTensor {
  std::string name;
  int type = 0;                // ggml_type
  std::vector<int64_t> shape;  // columns first, 1 to 4 dimensions, each at least 1
  int64_t elements = 0;
  size_t row_bytes = 0;
  std::span<const std::byte> data;
};

struct Gguf {
  uint32_t version = 0;
  uint64_t alignment = 32;
  std::unordered_map<std::string, GgufValue> values;
  std::vector<GgufTensor> tensors;    // as in the file
  std::span<const std::byte> header;  // all before the tensor data
};

// Throws InputError, naming `file`.
Gguf read_gguf(std::span<const std::byte> bytes, const std::string& file);

// Element `index` of a value of a fixed-size type (not string), widened.
double gguf_number(const GgufValue& value, uint64_t index);
int64_t gguf_integer(const GgufValue& value, uint64_t index);  // u64 above int64's range gives its maximum
// All strings of a value of type string.
std::vector<std::string_view> gguf_strings(const GgufValue& value);

}  // namespace kvcompress
