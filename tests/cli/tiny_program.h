// A fixture for tests that run the program on a tiny model.
#pragma once

#include <fstream>  // std::ofstream

#include "cli/program.h"
#include "support/fixtures.h"   // TemporaryFolder
#include "support/tiny_gguf.h"  // write_tiny_gguf

namespace kvcompress::test {

class TinyProgram : public testing::Test {
 protected:
  void SetUp() override {
    KVC_SKIP_WITHOUT_PROGRAM();
    write_tiny_gguf({}, model());
  }

  std::string model() const { return folder_.file("tiny.gguf"); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
    return file(name);
  }
  std::string contents(const std::string& name) const {
    const std::vector<char> bytes = read_file(file(name));
    return {bytes.begin(), bytes.end()};
  }

  // kvcompress run -m MODEL, greedy, with some more arguments.
  Invocation run(std::vector<std::string> more) const {
    Invocation invocation;
    invocation.arguments = {"run", "-m", model(), "--greedy", "-t", "1"};
    invocation.arguments.insert(invocation.arguments.end(), more.begin(), more.end());
    return invocation;
  }

  TemporaryFolder folder_;
};

}  // namespace kvcompress::test
