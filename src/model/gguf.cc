#include "model/gguf.h"

#include <fmt/format.h>
#include <ggml.h>

#include <algorithm>      // std::min
#include <limits>         // std::numeric_limits
#include <unordered_set>  // std::unordered_set

#include "kvcompress/error.h"

namespace kvcompress {
namespace {

constexpr uint64_t kLongestKey = 65535;                     // of the format
constexpr uint64_t kLongestTensorName = GGML_MAX_NAME - 1;  // ggml's, which reads the vocabulary
constexpr uint64_t kSmallestAlignment = 8;  // of the format; float32 tensors are read in place
constexpr uint64_t kLargestAlignment = 1 << 16;

size_t size_of(GgufType type) {
  switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean:
      return 1;
    case GgufType::u16:
    case GgufType::i16:
      return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32:
      return 4;
    case GgufType::u64:
    case GgufType::i64:
    case GgufType::f64:
      return 8;
    case GgufType::string:
    case GgufType::array:
      return 0;
  }
  return 0;
}

template <typename T>
T load(std::span<const std::byte> bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  [[noreturn]] void fail(const std::string& expected, const std::string& got, const char* advice) const {
    throw InputError(fmt::format("[model file {}] expected {}, got {}; {}", file_, expected, got, advice));
  }

  std::span<const std::byte> take(uint64_t size, const char* what) {
    if (size > remaining()) {
      fail(fmt::format("{} of {} bytes at byte {}", what, size, position_),
           fmt::format("the end of the file after {}", remaining()),
           "the file is cut off or damaged, fetch it again");
    }
    const auto view = bytes_.subspan(position_, size);
    position_ += size;
    return view;
  }

  template <typename T>
  T take_number(const char* what) {
    return load<T>(take(sizeof(T), what), 0);
  }

  std::string_view take_string(const char* what) {
    const auto length = take_number<uint64_t>(what);
    const auto view = take(length, what);
    return {reinterpret_cast<const char*>(view.data()), view.size()};
  }

  std::string take_name(const char* what, uint64_t longest) {
    const auto text = take_string(what);
    if (text.empty() || text.size() > longest || text.find('\0') != std::string_view::npos) {
      fail(fmt::format("{} of 1 to {} characters before byte {}", what, longest, position_),
           fmt::format("one of {}", text.size()), "the file is damaged, fetch it again");
    }
    return std::string(text);
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  size_t position_ = 0;
};

constexpr const char* kDamaged = "the file is damaged, fetch it again";

void read_magic(Reader& reader, Gguf& gguf) {
  const auto magic = reader.take(4, "the magic");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
    std::string shown;
    for (const std::byte b : magic) {
      const char c = static_cast<char>(b);
      shown += c >= 32 && c < 127 ? c : '?';
    }
    reader.fail("the magic GGUF", "'" + shown + "'", "give a GGUF model file");
  }
  gguf.version = reader.take_number<uint32_t>("the version");
  if (gguf.version != 2 && gguf.version != 3) {
    const bool swapped = gguf.version != 0 && (gguf.version & 0xFFFF) == 0;
    reader.fail("GGUF version 2 or 3",
                swapped ? "a file of the other byte order" : std::to_string(gguf.version),
                "convert the model again");
  }
}

GgufType read_type(Reader& reader, const std::string& key) {
  const auto type = reader.take_number<uint32_t>("a value type");
  if (type > static_cast<uint32_t>(GgufType::f64)) {
    reader.fail(fmt::format("a value type of 0 to 12 for key {}", key), std::to_string(type), kDamaged);
  }
  return static_cast<GgufType>(type);
}

GgufValue read_value(Reader& reader, const std::string& key, std::span<const std::byte> bytes) {
  GgufValue value{read_type(reader, key), false, 1, {}};
  if (value.type == GgufType::array) {
    value = {read_type(reader, key), true, reader.take_number<uint64_t>("an array length"), {}};
    if (value.type == GgufType::array)
      reader.fail("an array of plain values for key " + key, "arrays", kDamaged);
  }
  if (value.type == GgufType::string) {
    const size_t begin = reader.position();
    for (uint64_t i = 0; i < value.count; ++i) reader.take_string("a string");
    value.bytes = bytes.subspan(begin, reader.position() - begin);
    return value;
  }
  const uint64_t size = size_of(value.type);
  if (value.count > reader.remaining() / size) {
    reader.fail(fmt::format("{} values for key {}", value.count, key), "the end of the file", kDamaged);
  }
  value.bytes = reader.take(value.count * size, "a value");
  return value;
}

void read_values(Reader& reader, Gguf& gguf, uint64_t count, std::span<const std::byte> bytes) {
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = reader.take_name("a key", kLongestKey);
    const GgufValue value = read_value(reader, key, bytes);
    if (!gguf.values.emplace(key, value).second) reader.fail("each key once", key + " twice", kDamaged);
  }
  const auto alignment = gguf.values.find("general.alignment");
  if (alignment == gguf.values.end()) return;
  const GgufValue& value = alignment->second;
  const bool is_u32 = value.type == GgufType::u32 && !value.is_array;
  gguf.alignment = is_u32 ? load<uint32_t>(value.bytes, 0) : 0;
  if (gguf.alignment < kSmallestAlignment || gguf.alignment > kLargestAlignment ||
      (gguf.alignment & (gguf.alignment - 1)) != 0) {
    reader.fail(fmt::format("general.alignment, a u32 power of two from {} to {}", kSmallestAlignment,
                            kLargestAlignment),
                is_u32 ? std::to_string(gguf.alignment) : std::string(name(value.type)), kDamaged);
  }
}

// Sizes of a tensor from its shape and type; false when they are not those of any real tensor.
bool measure(GgufTensor& tensor, uint64_t& bytes) {
  if (tensor.type < 0 || tensor.type >= GGML_TYPE_COUNT) return false;
  const auto type = static_cast<ggml_type>(tensor.type);
  const int64_t block = ggml_blck_size(type);
  const auto block_bytes = static_cast<int64_t>(ggml_type_size(type));
  if (block <= 0 || block_bytes <= 0 || tensor.shape[0] % block != 0) return false;
  int64_t rows = 1;
  for (size_t d = 1; d < tensor.shape.size(); ++d) {
    if (__builtin_mul_overflow(rows, tensor.shape[d], &rows)) return false;
  }
  int64_t row_bytes = 0;
  int64_t total = 0;
  if (__builtin_mul_overflow(tensor.shape[0] / block, block_bytes, &row_bytes) ||
      __builtin_mul_overflow(row_bytes, rows, &total) ||
      __builtin_mul_overflow(tensor.shape[0], rows, &tensor.elements)) {
    return false;
  }
  tensor.row_bytes = static_cast<size_t>(row_bytes);
  bytes = static_cast<uint64_t>(total);
  return true;
}

struct Extent {
  uint64_t offset, bytes;
};

Extent read_tensor(Reader& reader, GgufTensor& tensor) {
  tensor.name = reader.take_name("a tensor name", kLongestTensorName);
  const auto dimensions = reader.take_number<uint32_t>("a number of dimensions");
  if (dimensions < 1 || dimensions > GGML_MAX_DIMS) {
    reader.fail(fmt::format("1 to {} dimensions of tensor {}", GGML_MAX_DIMS, tensor.name),
                std::to_string(dimensions), kDamaged);
  }
  for (uint32_t d = 0; d < dimensions; ++d) {
    tensor.shape.push_back(reader.take_number<int64_t>("a tensor dimension"));
    if (tensor.shape.back() < 1) {
      reader.fail(fmt::format("positive dimensions of tensor {}", tensor.name),
                  std::to_string(tensor.shape.back()), kDamaged);
    }
  }
  tensor.type = reader.take_number<int32_t>("a tensor type");
  Extent extent{reader.take_number<uint64_t>("a tensor offset"), 0};
  if (!measure(tensor, extent.bytes)) {
    reader.fail(fmt::format("a tensor type and shape that go together for {}", tensor.name),
                fmt::format("type {} and shape [{}]", tensor.type, fmt::join(tensor.shape, ", ")), kDamaged);
  }
  return extent;
}

void read_tensors(Reader& reader, Gguf& gguf, uint64_t count, std::span<const std::byte> bytes) {
  std::vector<Extent> extents;
  std::unordered_set<std::string> names;
  for (uint64_t i = 0; i < count; ++i) {
    GgufTensor tensor;
    extents.push_back(read_tensor(reader, tensor));
    if (!names.insert(tensor.name).second) reader.fail("each tensor once", tensor.name + " twice", kDamaged);
    gguf.tensors.push_back(std::move(tensor));
  }
  gguf.header = bytes.first(reader.position());
  const uint64_t aligned = (reader.position() + gguf.alignment - 1) / gguf.alignment * gguf.alignment;
  const auto data = bytes.subspan(std::min<uint64_t>(aligned, bytes.size()));
  for (size_t i = 0; i < extents.size(); ++i) {
    const Extent& extent = extents[i];
    if (extent.offset % gguf.alignment != 0) {
      reader.fail(fmt::format("tensor {} at a multiple of {} bytes", gguf.tensors[i].name, gguf.alignment),
                  std::to_string(extent.offset), kDamaged);
    }
    if (extent.offset > data.size() || extent.bytes > data.size() - extent.offset) {
      reader.fail(fmt::format("{} bytes of tensor {} at byte {} of the data", extent.bytes,
                              gguf.tensors[i].name, extent.offset),
                  fmt::format("{} bytes of data", data.size()),
                  "the file is cut off or damaged, fetch it again");
    }
    gguf.tensors[i].data = data.subspan(extent.offset, extent.bytes);
  }
}

}  // namespace

std::string_view name(GgufType type) {
  constexpr std::array<std::string_view, 13> kNames = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                       "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<size_t>(type)];
}

Gguf read_gguf(std::span<const std::byte> bytes, const std::string& file) {
  Gguf gguf;
  Reader reader(bytes, file);
  read_magic(reader, gguf);
  const auto tensors = reader.take_number<uint64_t>("the number of tensors");
  const auto values = reader.take_number<uint64_t>("the number of keys");
  read_values(reader, gguf, values, bytes);
  read_tensors(reader, gguf, tensors, bytes);
  return gguf;
}

double gguf_number(const GgufValue& value, uint64_t index) {
  if (value.type == GgufType::f32) return load<float>(value.bytes, index);
  if (value.type == GgufType::f64) return load<double>(value.bytes, index);
  return static_cast<double>(gguf_integer(value, index));
}

int64_t gguf_integer(const GgufValue& value, uint64_t index) {
  switch (value.type) {
    case GgufType::u8:
      return load<uint8_t>(value.bytes, index);
    case GgufType::boolean:
      return load<uint8_t>(value.bytes, index) != 0;
    case GgufType::i8:
      return load<int8_t>(value.bytes, index);
    case GgufType::u16:
      return load<uint16_t>(value.bytes, index);
    case GgufType::i16:
      return load<int16_t>(value.bytes, index);
    case GgufType::u32:
      return load<uint32_t>(value.bytes, index);
    case GgufType::i32:
      return load<int32_t>(value.bytes, index);
    case GgufType::i64:
      return load<int64_t>(value.bytes, index);
    case GgufType::u64:
      return static_cast<int64_t>(
          std::min<uint64_t>(load<uint64_t>(value.bytes, index), std::numeric_limits<int64_t>::max()));
    default:
      return 0;
  }
}

std::vector<std::string_view> gguf_strings(const GgufValue& value) {
  std::vector<std::string_view> strings;
  strings.reserve(value.count);
  size_t at = 0;
  for (uint64_t i = 0; i < value.count; ++i) {
    const auto length = load<uint64_t>(value.bytes.subspan(at), 0);
    strings.emplace_back(reinterpret_cast<const char*>(value.bytes.data()) + at + 8, length);
    at += 8 + length;
  }
  return strings;
}

}  // namespace kvcompress
