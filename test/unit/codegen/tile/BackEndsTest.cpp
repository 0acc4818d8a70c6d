//===- BackEndsTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/tile/Emit.h"

#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Triple.h"

#include <atomic>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

/// Registers on several threads at once and looks both targets up; the status
/// with which the process ends.
static int registerTogether() {
  alarm(10); // a ring is searched for ever
  constexpr int kThreads = 4;
  std::atomic<int> ready{0};
  std::atomic<int> missing{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (++ready; ready < kThreads;)
        ;
      hamlet::initializeBackEnds();
      for (const char *triple :
           {"nvptx64-nvidia-cuda", "x86_64-unknown-linux-gnu"}) {
        std::string error;
        if (!llvm::TargetRegistry::lookupTarget(llvm::Triple(triple), error))
          ++missing;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  return missing;
}

TEST(BackEnds, are_registered_once_by_many_threads) {
  // Only the first time of a process counts.
  for (int trial = 0; trial < 200; ++trial) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0)
      _exit(registerTogether());
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status))
        << "killed by signal " << WTERMSIG(status) << ", trial " << trial;
    ASSERT_EQ(WEXITSTATUS(status), 0) << "trial " << trial;
  }
}
