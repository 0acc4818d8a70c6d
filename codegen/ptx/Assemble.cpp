//===- Assemble.cpp - PTX to a cubin through ptxas ------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Emit.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace hamlet;

std::optional<std::string> ptx::findPtxas() {
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  if (auto found =
          llvm::sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"}))
    return *found;
  return std::nullopt;
}

/// From the lines "Compiling entry function 'NAME' for 'sm_80'" and "Used 40
/// registers, ..." after it.
static llvm::StringMap<int64_t> readRegisters(llvm::StringRef log) {
  llvm::StringMap<int64_t> registers;
  llvm::Regex entry("Compiling entry function '([^']+)'"),
      used("Used ([0-9]+) registers");
  llvm::StringRef name;
  for (llvm::StringRef line : llvm::split(log, '\n')) {
    llvm::SmallVector<llvm::StringRef> found;
    if (entry.match(line, &found))
      name = found[1];
    else if (used.match(line, &found) && !name.empty())
      llvm::to_integer(found[1], registers[name], 10);
  }
  return registers;
}

std::optional<ptx::Cubin> ptx::assembleCubin(const std::string &text,
                                             llvm::StringRef arch,
                                             std::string &messages) {
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas) {
    messages = "no ptxas on PATH or in /usr/local/cuda/bin";
    return std::nullopt;
  }
  llvm::SmallString<128> input, output, log;
  for (auto [path, suffix] :
       {std::pair{&input, "ptx"}, {&output, "cubin"}, {&log, "log"}})
    if (std::error_code error =
            llvm::sys::fs::createTemporaryFile("hamlet", suffix, *path)) {
      messages = "cannot make a temporary file: " + error.message();
      return std::nullopt;
    }
  llvm::FileRemover removeInput(input), removeOutput(output), removeLog(log);
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(input, error);
    stream << text;
    stream.close();
    if (error || stream.has_error()) {
      messages = "cannot write " + input.str().str();
      stream.clear_error();
      return std::nullopt;
    }
  }
  std::string archOption = "-arch=" + arch.str();
  llvm::StringRef arguments[] = {*ptxas, archOption, "-v", input, "-o", output};
  std::optional<llvm::StringRef> redirects[] = {
      std::nullopt, llvm::StringRef(log), llvm::StringRef(log)};
  int status =
      llvm::sys::ExecuteAndWait(*ptxas, arguments, std::nullopt, redirects);
  if (auto file = llvm::MemoryBuffer::getFile(log))
    messages = (*file)->getBuffer().str();
  if (status != 0) {
    messages = "ptxas rejects the PTX: " + messages;
    return std::nullopt;
  }
  llvm::Regex spills(
      "[1-9][0-9]* bytes (stack frame|spill stores|spill loads)");
  if (spills.match(messages)) {
    messages = "registers spill to local memory: " + messages;
    return std::nullopt;
  }
  auto cubin = llvm::MemoryBuffer::getFile(output);
  if (!cubin) {
    messages = "cannot read " + output.str().str();
    return std::nullopt;
  }
  llvm::StringRef bytes = (*cubin)->getBuffer();
  return Cubin{{bytes.begin(), bytes.end()}, readRegisters(messages)};
}
