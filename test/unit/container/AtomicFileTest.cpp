//===- AtomicFileTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/AtomicFile.h"
#include "test/unit/runtime/ToyModel.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace hamlet;
namespace fs = std::filesystem;

std::string contents(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Names in a folder, sorted.
std::vector<std::string> names(const std::string &folder) {
  std::vector<std::string> found;
  for (const auto &entry : fs::directory_iterator(folder))
    found.push_back(entry.path().filename());
  std::ranges::sort(found);
  return found;
}

using Names = std::vector<std::string>;

TEST(AtomicFile, ReplacesAtTheEndOrNotAtAll) {
  test::TemporaryFolder folder;
  std::string path = folder / "f";
  ASSERT_TRUE(writeFileAtomically(path, "old").ok());
  {
    AtomicFile file;
    ASSERT_TRUE(file.open(path).ok());
    ASSERT_TRUE(file.write("new").ok());
    EXPECT_EQ(contents(path), "old");
  }
  EXPECT_EQ(names(folder / ""), Names{"f"});
  EXPECT_EQ(contents(path), "old");
  ASSERT_TRUE(writeFileAtomically(path, "new").ok());
  EXPECT_EQ(names(folder / ""), Names{"f"});
  EXPECT_EQ(contents(path), "new");
}

TEST(AtomicFile, HasTheModeOfTheMask) {
  test::TemporaryFolder folder;
  mode_t before = umask(027);
  Status status = writeFileAtomically(folder / "f", "x");
  umask(before);
  ASSERT_TRUE(status.ok()) << status.message();
  struct stat info = {};
  ASSERT_EQ(stat((folder / "f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(AtomicFile, TwoOfOnePathAreWhole) {
  test::TemporaryFolder folder;
  std::string path = folder / "f";
  AtomicFile one, two;
  ASSERT_TRUE(one.open(path).ok());
  ASSERT_TRUE(two.open(path).ok());
  ASSERT_TRUE(one.write("one").ok());
  ASSERT_TRUE(two.write("2").ok());
  ASSERT_TRUE(one.commit().ok());
  EXPECT_EQ(contents(path), "one");
  ASSERT_TRUE(two.commit().ok());
  EXPECT_EQ(contents(path), "2");
}

TEST(AtomicFile, WritesWhatALinkLeadsTo) {
  test::TemporaryFolder folder;
  fs::create_directory(folder / "there");
  fs::create_symlink("there/f", folder / "link");
  fs::create_symlink(folder / "link", folder / "again");
  for (const char *text : {"made", "replaced"}) {
    Status status = writeFileAtomically(folder / "again", text);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(contents(folder / "there/f"), text);
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_TRUE(fs::is_symlink(folder / "again"));
    EXPECT_EQ(names(folder / "there"), Names{"f"});
  }
  fs::create_symlink("round", folder / "round");
  EXPECT_EQ(writeFileAtomically(folder / "round", "").message(),
            "cannot create '" + (folder / "round") +
                "': Too many levels of symbolic links");
}

TEST(AtomicFile, WritesAPipeInPlace) {
  test::TemporaryFolder folder;
  std::string path = folder / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(writeFileAtomically(path, "text").ok());
  char text[8] = {};
  EXPECT_EQ(read(reader, text, sizeof(text)), 4);
  EXPECT_STREQ(text, "text");
  close(reader);
  EXPECT_TRUE(fs::is_fifo(path));
}

TEST(AtomicFile, WritesADeviceInPlace) {
  test::TemporaryFolder folder;
  std::string path = folder / "null";
  if (mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 3)))
    GTEST_SKIP() << "making a device is not allowed here";
  Status status = writeFileAtomically(path, "text");
  if (status.failed())
    GTEST_SKIP() << "using a device is not allowed here: " << status.message();
  EXPECT_TRUE(fs::is_character_file(path));
  EXPECT_EQ(names(folder / ""), Names{"null"});
}

/// What /dev/stdout is, at one remove less.
TEST(AtomicFile, WritesAnOpenDescriptorAfterWhatIsThere) {
  test::TemporaryFolder folder;
  int out = open((folder / "f").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_GE(out, 0);
  ASSERT_EQ(write(out, "before ", 7), 7);
  fs::create_symlink("/proc/self/fd/" + std::to_string(out), folder / "link");
  Status status = writeFileAtomically(folder / "link", "and after");
  EXPECT_TRUE(status.ok()) << status.message();
  close(out);
  EXPECT_EQ(contents(folder / "f"), "before and after");
  EXPECT_EQ(names(folder / ""), (Names{"f", "link"}));
}

TEST(AtomicFile, SaysWhyNot) {
  test::TemporaryFolder folder;
  EXPECT_EQ(writeFileAtomically(folder / "no/f", "").message(),
            "cannot create '" + (folder / "no/f") +
                "': No such file or directory");
  EXPECT_EQ(writeFileAtomically(folder / "", "").message(),
            "cannot write '" + (folder / "") + "': Is a directory");
}

TEST(AtomicFile, SameOutputs) {
  test::TemporaryFolder folder;
  fs::create_symlink("f", folder / "link");
  EXPECT_TRUE(sameOutput(folder / "f", folder / "./link"));
  EXPECT_FALSE(sameOutput(folder / "f", folder / "g"));
  EXPECT_FALSE(sameOutput("/proc/self/fd/1", "/proc/self/fd/1"));
}

TEST(AtomicFile, ASignalRemovesWhatIsNotFinished) {
  test::TemporaryFolder folder;
  for (int signal : {SIGINT, SIGTERM}) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      AtomicFile::handleSignals();
      AtomicFile first, second;
      bool ok = writeFileAtomically(folder / "whole", "whole").ok() &&
                first.open(folder / "a").ok() &&
                second.open(folder / "b").ok() && first.write("part").ok();
      if (ok)
        raise(signal);
      _exit(1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
    EXPECT_EQ(names(folder / ""), Names{"whole"});
  }
}

} // namespace
