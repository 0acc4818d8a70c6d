//===- Version.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Version.h"

#include "HamletCommit.h"
#include "HamletVersion.h"
#include "container/AtomicFile.h"
#include "container/CpuLevels.h"
#include "runtime/Device.h"
#include "runtime/ThreadPool.h"
#include "tools/hamlet/Commands.h"

#include <cstdio>
#include <unistd.h>

namespace hamlet::tools {

int printVersion() {
  std::printf("hamlet %s\n", HAMLET_VERSION);
  std::printf("commit    %s\n", HAMLET_COMMIT);
  std::printf("CPU       %s\n", presentCpuTargets().c_str());
  runtime::ThreadPool pool(1);
  auto gpu = runtime::openDevice("cuda:0", pool);
  std::printf("GPU       %s\n",
              gpu.ok() ? (*gpu)->describe().c_str() : gpu.message().c_str());
  if (access(compilerPath().c_str(), X_OK)) {
    std::printf("compiler  none: containers can be run, not made\n");
    return finish(flushStandardOutput());
  }
  if (int status = finish(flushStandardOutput()))
    return status;
  return startCompiler({"facts"});
}

} // namespace hamlet::tools
