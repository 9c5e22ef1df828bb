#include "base/memory.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>
#include <unistd.h>  // mkdtemp

#include <filesystem>
#include <fstream>

namespace kvcompress {
namespace {

// A folder that stands for the file system's root.
class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kvcompress-memory-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    put("/proc/meminfo", "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    8000 kB\n");
  }
  ~MemoryTest() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << content;
  }

  std::string root_;
};

constexpr size_t kAvailable = 8000 * 1024;

TEST_F(MemoryTest, WithoutControlGroupsItIsTheKernelsFigure) {
  EXPECT_EQ(available_memory(root_), kAvailable);
}

TEST_F(MemoryTest, NoFigureIsAnError) {
  put("/proc/meminfo", "MemTotal: 1 kB\n");
  EXPECT_THROW(available_memory(root_), IoError);
  EXPECT_THROW(available_memory(root_ + "/nowhere"), IoError);
}

TEST_F(MemoryTest, VersionTwoLimitLessWhatIsUsed) {
  put("/proc/self/cgroup", "0::/user/app\n");
  put("/sys/fs/cgroup/user/app/memory.max", "5000000\n");
  put("/sys/fs/cgroup/user/app/memory.current", "3000000\n");
  EXPECT_EQ(available_memory(root_), 2'000'000u);
  put("/sys/fs/cgroup/user/app/memory.stat", "anon 1\ninactive_file 1000000\nactive_file 500\n");
  EXPECT_EQ(available_memory(root_), 3'000'000u);
}

TEST_F(MemoryTest, ALimitOfAParentCountsToo) {
  put("/proc/self/cgroup", "0::/user/app\n");
  put("/sys/fs/cgroup/user/app/memory.max", "max\n");
  put("/sys/fs/cgroup/user/app/memory.current", "100\n");
  put("/sys/fs/cgroup/user/memory.max", "4000\n");
  put("/sys/fs/cgroup/user/memory.current", "1000\n");
  EXPECT_EQ(available_memory(root_), 3000u);
}

TEST_F(MemoryTest, InAContainerTheTopGroupIsItsOwn) {
  put("/proc/self/cgroup", "0::/host/path/of/container\n");
  put("/sys/fs/cgroup/memory.max", "7000\n");
  put("/sys/fs/cgroup/memory.current", "9000\n");
  EXPECT_EQ(available_memory(root_), 0u);
}

TEST_F(MemoryTest, VersionOne) {
  put("/proc/self/cgroup", "11:cpu,cpuacct:/x\n4:memory:/box\n0::/\n");
  put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "6000\n");
  put("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "2500\n");
  put("/sys/fs/cgroup/memory/box/memory.stat", "total_inactive_file 500\n");
  EXPECT_EQ(available_memory(root_), 4000u);
}

TEST_F(MemoryTest, AnUnlimitedGroupLeavesTheKernelsFigure) {
  put("/proc/self/cgroup", "4:memory:/\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "2500\n");
  EXPECT_EQ(available_memory(root_), kAvailable);
}

TEST(Memory, OfThisMachine) {
  const size_t bytes = available_memory();
  EXPECT_GT(bytes, size_t{1} << 20);
  EXPECT_LT(bytes, size_t{1} << 50);
}

}  // namespace
}  // namespace kvcompress
