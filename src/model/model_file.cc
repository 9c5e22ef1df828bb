#include "model/model_file.h"

#include <fmt/format.h>
#include <ggml.h>

#include <algorithm>      // std::min
#include <bit>            // std::rotl
#include <cstring>        // memcpy
#include <unordered_map>  // std::unordered_map

#include "kvcompress/error.h"
#include "model/gguf.h"         // Gguf
#include "model/mapped_file.h"  // MappedFile

namespace kvcompress {
namespace {

bool is_integer(GgufType type) {
  return type != GgufType::f32 && type != GgufType::f64 && type != GgufType::string &&
         type != GgufType::array;
}

bool is_number(GgufType type) { return is_integer(type) || type == GgufType::f32 || type == GgufType::f64; }

bool is_text(GgufType type) { return type == GgufType::string; }

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// 64 bits of content, eight bytes at a time; not meant to resist forgery.
uint64_t mix(uint64_t hash, std::span<const std::byte> bytes) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  for (size_t at = 0; at < bytes.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
    hash = (std::rotl(hash, 23) ^ word) * kOdd;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace

struct ModelFile::Impl {
  std::string path;
  std::unique_ptr<MappedFile> mapping;  // empty when the bytes are the caller's
  Gguf gguf;
  std::unordered_map<std::string, const GgufTensor*> tensors;

  void read(std::span<const std::byte> bytes) {
    gguf = read_gguf(bytes, path);
    for (const GgufTensor& tensor : gguf.tensors) tensors.emplace(tensor.name, &tensor);
    const GgufValue* parts = find("split.count", "an integer", is_integer, false);
    if (parts != nullptr && gguf_integer(*parts, 0) > 1) {
      fail("a model in one file", fmt::format("part of {}", gguf_integer(*parts, 0)),
           "join the parts (llama-gguf-split --merge)");
    }
  }

  [[noreturn]] void fail(const std::string& expected, const std::string& got,
                         const std::string& advice) const {
    throw InputError(fmt::format("[model file {}] expected {}, got {}; {}", path, expected, got, advice));
  }

  const GgufValue* find(const std::string& key, const char* wanted, bool (*fits)(GgufType),
                        bool array) const {
    const auto found = gguf.values.find(key);
    if (found == gguf.values.end()) return nullptr;
    const GgufValue& value = found->second;
    if (!fits(value.type) || value.is_array != array) {
      fail(fmt::format("{} for key {}", wanted, key),
           fmt::format("{}{}", value.is_array ? "an array of " : "", name(value.type)),
           "convert the model again");
    }
    return &value;
  }

  const GgufTensor& tensor(const std::string& name) const {
    const auto found = tensors.find(name);
    if (found == tensors.end()) fail("tensor " + name, "none", "the model lacks it; convert it again");
    return *found->second;
  }

  // The tensor as rows x columns, its type one that has a way back to float32.
  Weight weight(const std::string& name, int64_t rows, int64_t columns) const {
    const GgufTensor& found = tensor(name);
    std::vector<int64_t> wanted = {columns, rows};
    if (rows == 1) wanted.pop_back();
    std::vector<int64_t> shape = found.shape;
    while (shape.size() > wanted.size() && shape.back() == 1) shape.pop_back();
    if (shape != wanted) {
      fail(fmt::format("tensor {} of shape {}", name, shape_text(wanted)), shape_text(found.shape),
           "its metadata and tensors do not go together; convert it again");
    }
    const auto type = static_cast<ggml_type>(found.type);
    if (type != GGML_TYPE_F32 && ggml_get_type_traits(type)->to_float == nullptr) {
      fail(fmt::format("a weight type for tensor {}", name), ggml_type_name(type), "convert the model again");
    }
    return {found.type, found.data.data(), rows, columns, found.row_bytes};
  }
};

ModelFile::ModelFile(const std::string& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->mapping = std::make_unique<MappedFile>(path);
  impl_->read(impl_->mapping->bytes());
}

ModelFile::ModelFile(std::span<const std::byte> bytes, std::string name) : impl_(std::make_unique<Impl>()) {
  impl_->path = std::move(name);
  impl_->read(bytes);
}

ModelFile::~ModelFile() = default;
ModelFile::ModelFile(ModelFile&&) noexcept = default;

const std::string& ModelFile::path() const { return impl_->path; }

uint64_t ModelFile::hash() const {
  constexpr size_t kSampled = 64;
  uint64_t hash = mix(impl_->gguf.version, impl_->gguf.header);
  for (const GgufTensor& tensor : impl_->gguf.tensors) {
    hash = mix(hash, tensor.data.first(std::min(kSampled, tensor.data.size())));
  }
  return hash;
}

size_t ModelFile::weight_bytes() const {
  size_t bytes = 0;
  for (const GgufTensor& tensor : impl_->gguf.tensors) bytes += tensor.data.size();
  return bytes;
}

int64_t ModelFile::parameters() const {
  int64_t count = 0;
  for (const GgufTensor& tensor : impl_->gguf.tensors) count += tensor.elements;
  return count;
}

std::optional<std::string> ModelFile::text(const std::string& key) const {
  const GgufValue* value = impl_->find(key, "text", is_text, false);
  if (value == nullptr) return std::nullopt;
  return std::string(gguf_strings(*value)[0]);
}

std::optional<int64_t> ModelFile::integer(const std::string& key) const {
  const GgufValue* value = impl_->find(key, "an integer", is_integer, false);
  if (value == nullptr) return std::nullopt;
  return gguf_integer(*value, 0);
}

std::optional<double> ModelFile::number(const std::string& key) const {
  const GgufValue* value = impl_->find(key, "a number", is_number, false);
  if (value == nullptr) return std::nullopt;
  return gguf_number(*value, 0);
}

std::optional<std::vector<int64_t>> ModelFile::integers(const std::string& key) const {
  const GgufValue* value = impl_->find(key, "a list of integers", is_integer, true);
  if (value == nullptr) return std::nullopt;
  std::vector<int64_t> list(value->count);
  for (uint64_t i = 0; i < value->count; ++i) list[i] = gguf_integer(*value, i);
  return list;
}

std::optional<std::vector<double>> ModelFile::numbers(const std::string& key) const {
  const GgufValue* value = impl_->find(key, "a list of numbers", is_number, true);
  if (value == nullptr) return std::nullopt;
  std::vector<double> list(value->count);
  for (uint64_t i = 0; i < value->count; ++i) list[i] = gguf_number(*value, i);
  return list;
}

bool ModelFile::has_list(const std::string& key) const {
  const auto found = impl_->gguf.values.find(key);
  return found != impl_->gguf.values.end() && found->second.is_array;
}

std::optional<std::vector<std::string_view>> ModelFile::texts(const std::string& key) const {
  const GgufValue* value = impl_->find(key, "a list of texts", is_text, true);
  if (value == nullptr) return std::nullopt;
  return gguf_strings(*value);
}

std::string ModelFile::require_text(const std::string& key) const {
  auto value = text(key);
  if (!value) impl_->fail("key " + key, "none", "the model lacks it; convert it again");
  return *value;
}

int64_t ModelFile::require_integer(const std::string& key, int64_t minimum, int64_t maximum) const {
  const auto value = integer(key);
  if (!value) impl_->fail("key " + key, "none", "the model lacks it; convert it again");
  if (*value < minimum || *value > maximum) {
    impl_->fail(fmt::format("{} from {} to {}", key, minimum, maximum), std::to_string(*value),
                "the file is damaged or of an unknown kind");
  }
  return *value;
}

double ModelFile::require_number(const std::string& key, double minimum, double maximum) const {
  const auto value = number(key);
  if (!value) impl_->fail("key " + key, "none", "the model lacks it; convert it again");
  if (!(*value >= minimum && *value <= maximum)) {
    impl_->fail(fmt::format("{} from {} to {}", key, minimum, maximum), fmt::format("{}", *value),
                "the file is damaged or of an unknown kind");
  }
  return *value;
}

bool ModelFile::has_tensor(const std::string& name) const { return impl_->tensors.contains(name); }

Weight ModelFile::matrix(const std::string& name, int64_t rows, int64_t columns) const {
  return impl_->weight(name, rows, columns);
}

std::vector<float> ModelFile::vector(const std::string& name, int64_t size) const {
  const Weight row = impl_->weight(name, 1, size);
  std::vector<float> values(static_cast<size_t>(size));
  dequantize_row(row, 0, values.data());
  return values;
}

std::vector<int64_t> ModelFile::tensor_shape(const std::string& name) const {
  return impl_->tensor(name).shape;
}

std::vector<std::string> ModelFile::tensor_names() const {
  std::vector<std::string> names;
  for (const GgufTensor& tensor : impl_->gguf.tensors) names.push_back(tensor.name);
  return names;
}

}  // namespace kvcompress
