#include "compute/isa.h"

#include <gtest/gtest.h>

#include <algorithm>  // std::is_sorted
#include <cstdlib>    // setenv
#include <string>     // std::string

#include "kvcompress/error.h"  // UsageError

namespace kvcompress {
namespace {

class IsaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* set = std::getenv("KVCOMPRESS_ISA");
    if (set != nullptr) before_ = set;
    unsetenv("KVCOMPRESS_ISA");
  }
  void TearDown() override {
    unsetenv("KVCOMPRESS_ISA");
    if (!before_.empty()) setenv("KVCOMPRESS_ISA", before_.c_str(), 1);
  }
  std::string before_;
};

TEST_F(IsaTest, AlwaysHasScalarAndAscends) {
  const std::vector<Isa> isas = supported_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::scalar);
  EXPECT_TRUE(std::is_sorted(isas.begin(), isas.end()));
  EXPECT_EQ(active_isa(), isas.back());
}

TEST_F(IsaTest, TakesTheNamedOne) {
  for (const Isa isa : supported_isas()) {
    setenv("KVCOMPRESS_ISA", std::string(name(isa)).c_str(), 1);
    EXPECT_EQ(active_isa(), isa);
  }
  setenv("KVCOMPRESS_ISA", "", 1);
  EXPECT_EQ(active_isa(), supported_isas().back());
}

TEST_F(IsaTest, RefusesTheUnknownAndSaysWhatThereIs) {
  setenv("KVCOMPRESS_ISA", "sse9", 1);
  try {
    active_isa();
    FAIL() << "an unknown instruction set was accepted";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("sse9"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("scalar"), std::string::npos);
  }
}

}  // namespace
}  // namespace kvcompress
