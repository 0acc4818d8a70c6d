//===- hamlet-ptx.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// hamlet-ptx: executes and checks kernels of a PTX file without a GPU.
#include "tools/hamlet-ptx/Commands.h"

#include "container/AtomicFile.h"
#include "emulator/core/Types.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace {
using namespace hamlet::ptx;

int start(const Options &options) {
  if (options.help) {
    std::cout << usage();
    return 0;
  }
  std::ifstream in(options.file, std::ios::binary);
  if (!in)
    throw std::runtime_error(options.file + ": cannot be opened");
  std::ostringstream content;
  content << in.rdbuf();
  if (in.bad() || content.bad() || std::filesystem::is_directory(options.file))
    throw std::runtime_error(options.file + ": cannot be read");
  std::string text = content.str();
  try {
    return options.command == "run" ? run(options, text) : info(options, text);
  } catch (const hamlet::emu::PtxError &e) {
    throw std::runtime_error(options.file + ": " + e.what());
  }
}
} // namespace

int main(int argc, char **argv) {
  constexpr int kFailed = 2;
  hamlet::AtomicFile::handleSignals();
  try {
    int status = start(parseOptions(argc, argv));
    if (hamlet::Status said = hamlet::flushStandardOutput(); said.failed())
      throw std::runtime_error(said.message());
    return status;
  } catch (const UsageError &e) {
    std::cerr << "hamlet-ptx: " << e.what() << "\n" << usage();
  } catch (const std::exception &e) {
    std::cerr << "hamlet-ptx: " << e.what() << "\n";
  }
  return kFailed;
}
