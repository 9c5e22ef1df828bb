// Where tests find files and leave them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>     // std::getenv
#include <filesystem>  // std::filesystem::path
#include <fstream>     // std::ofstream
#include <iterator>    // std::istreambuf_iterator
#include <stdexcept>   // std::runtime_error
#include <string>      // std::string
#include <vector>      // std::vector

namespace kvcompress::test {

// A fresh folder that is removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kvcompress-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder at " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// $KVC_SHARED, else the folder `shared` beside the repository, in which the tests run.
inline std::filesystem::path shared_folder() {
  const char* given = std::getenv("KVC_SHARED");
  return given != nullptr ? given : "../shared";
}

// $KVCOMPRESS_MODELS, else ~/.cache/kvcompress/models.
inline std::filesystem::path models_folder() {
  if (const char* given = std::getenv("KVCOMPRESS_MODELS")) return given;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/") / ".cache/kvcompress/models";
}

inline constexpr const char* kSmolLm2 = "smollm2-135m-instruct-q4_1.gguf";
inline constexpr const char* kGemma3 = "gemma-3-270m-q4_k_m.gguf";
inline constexpr const char* kQwen25 = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";

inline std::vector<char> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::filesystem::path& path, const std::vector<char>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace kvcompress::test

// Skips the running test, with the reason, when the file or folder is absent. Only directly in a test or
// SetUp.
#define KVC_SKIP_WITHOUT(file)                                                   \
  do {                                                                           \
    const std::filesystem::path kvc_needed = (file);                             \
    if (!std::filesystem::exists(kvc_needed)) {                                  \
      GTEST_SKIP() << "needs " << kvc_needed.string() << ", which is not there"; \
    }                                                                            \
  } while (false)
