#include "base/file.h"

#include <fcntl.h>  // open
#include <gtest/gtest.h>
#include <kvcompress/error.h>
#include <sys/stat.h>  // mkfifo, stat
#include <sys/wait.h>  // waitpid
#include <unistd.h>    // mkdtemp, symlink, geteuid, fork

#include <array>
#include <csignal>  // kill
#include <filesystem>
#include <thread>

namespace kvcompress {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kvcompress-file-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
  template <typename E, typename Action>
  static std::string message_of(Action action) {
    try {
      action();
    } catch (const E& error) {
      return error.what();
    }
    return "";
  }

  std::string folder_;
};

TEST_F(FileTest, WhatIsWrittenIsRead) {
  const std::string content("line\nNUL \0 and \xFF bytes", 22);
  write_file(at("a"), content);
  EXPECT_EQ(read_file(at("a")), content);
  write_file(at("a"), "");
  EXPECT_EQ(read_file(at("a")), "");
  std::string large(3'000'001, 'x');
  large.back() = 'y';
  write_file(at("a"), large);
  EXPECT_EQ(read_file(at("a")), large);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, ReplacesWithoutTouchingTheOldContent) {
  write_file(at("a"), "old");
  ASSERT_EQ(::chmod(at("a").c_str(), 0640), 0);
  const int reader = ::open(at("a").c_str(), O_RDONLY);
  ASSERT_GE(reader, 0);
  write_file(at("a"), "new");
  EXPECT_EQ(read_descriptor(reader, "old"), "old");  // a reader keeps the file it opened
  ::close(reader);
  EXPECT_EQ(read_file(at("a")), "new");
  struct stat status;
  ASSERT_EQ(::stat(at("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(FileTest, ASymbolicLinkStaysOne) {
  write_file(at("real"), "old");
  ASSERT_EQ(::symlink("real", at("link").c_str()), 0);
  write_file(at("link"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(at("link")));
  EXPECT_EQ(read_file(at("real")), "new");
}

TEST_F(FileTest, AFullDiskIsAnIoErrorThatNamesFileAndReason) {
  const std::string message = message_of<IoError>([] { write_file("/dev/full", "x"); });
  EXPECT_NE(message.find("[/dev/full]"), std::string::npos) << message;
  EXPECT_NE(message.find("No space left on device"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  struct stat status;
  ASSERT_EQ(::stat("/dev/full", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST_F(FileTest, APipeIsWrittenInPlace) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] { received = read_file(at("pipe")); });
  write_file(at("pipe"), "through the pipe");
  reader.join();
  EXPECT_EQ(received, "through the pipe");
  EXPECT_TRUE(std::filesystem::is_fifo(at("pipe")));
}

TEST_F(FileTest, FoldersAndMissingFoldersAreRefused) {
  EXPECT_NE(message_of<IoError>([&] { write_file(folder_, "x"); }).find("Is a directory"), std::string::npos);
  EXPECT_NE(message_of<IoError>([&] { write_file(at("no/where"), "x"); }).find("No such file"),
            std::string::npos);
  EXPECT_NE(message_of<IoError>([&] { read_file(folder_); }).find("Is a directory"), std::string::npos);
  EXPECT_NE(message_of<IoError>([&] { read_file(at("none")); }).find(at("none")), std::string::npos);
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FileTest, AFailedRenameLeavesNothingBehind) {
  // A name of 255 bytes is allowed, the longer temporary one is not; and no target may appear.
  const std::string longest(255, 'n');
  EXPECT_THROW(write_file(at(longest), "x"), IoError);
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FileTest, AProcessKilledWhileItWritesLeavesTheOldFile) {
  write_file(at("a"), "old");
  const pid_t child = ::fork();
  if (child == 0) {
    ReplacedFile file(at("a"));
    file.write(std::string(1'000'000, 'n'));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_file(at("a")), "old");
  EXPECT_EQ(entries(), 2u) << "what it had written stays under another name";
  write_file(at("a"), "new");
  EXPECT_EQ(read_file(at("a")), "new");
}

TEST_F(FileTest, AFileThatIsNotCommittedNeverWas) {
  write_file(at("a"), "old");
  {
    ReplacedFile file(at("a"));
    file.write("new");
  }
  EXPECT_EQ(read_file(at("a")), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, AnInputFileIsReadInPartsAndAgain) {
  write_file(at("a"), "abcdef");
  InputFile file(at("a"));
  EXPECT_EQ(file.size(), 6u);
  std::array<std::byte, 4> part;
  file.read(part);
  EXPECT_EQ(part[3], std::byte{'d'});
  EXPECT_THROW(file.read(part), IoError) << "two bytes are left";
  file.rewind();
  file.read(part);
  EXPECT_EQ(part[0], std::byte{'a'});
  EXPECT_THROW(InputFile(at("none")), IoError);
  EXPECT_THROW(InputFile{folder_}, IoError);
  EXPECT_THROW(InputFile("/dev/zero"), IoError);
}

TEST_F(FileTest, AFolderWithoutWritePermissionIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "the superuser may write everywhere";
  ASSERT_EQ(::chmod(folder_.c_str(), 0500), 0);
  EXPECT_THROW(write_file(at("a"), "x"), IoError);
  ASSERT_EQ(::chmod(folder_.c_str(), 0700), 0);
}

TEST_F(FileTest, TheLimitIsInclusive) {
  write_file(at("a"), std::string(100'000, 'x'));
  EXPECT_EQ(read_file(at("a"), 100'000).size(), 100'000u);
  EXPECT_THROW(read_file(at("a"), 99'999), InputError);
  write_file(at("empty"), "");
  EXPECT_EQ(read_file(at("empty"), 0), "");
  EXPECT_THROW(read_file("/dev/zero", 1'000'000), InputError);
}

}  // namespace
}  // namespace kvcompress
