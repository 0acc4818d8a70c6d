//===- ProgramCommand.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-compiler/Commands.h"

#include "codegen/program/Serialize.h"
#include "codegen/ptx/Emit.h"
#include "container/AtomicFile.h"
#include "container/Container.h"

#include "llvm/Support/raw_ostream.h"

#include <memory>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::tools;

static Status disassemble(const std::string &path) {
  Result<std::unique_ptr<hmlt::ContainerT>> file = readContainer(path);
  if (file.failed())
    return file.status();
  MLIRContext context;
  OwningOpRef<ModuleOp> program = codegen::deserializeProgram(context, **file);
  std::string text;
  llvm::raw_string_ostream out(text);
  program->print(out, OpPrintingFlags().printLargeElementsAttrWithHex(100));
  out << "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

Action tools::addProgramCommand(CLI::App &app) {
  auto source = std::make_shared<std::string>();
  app.add_option("FILE", *source, "The container (.hmlt)")->required();
  return [source] { return finish(disassemble(*source)); };
}

int tools::printFacts() {
  std::string ptxas = ptx::findPtxas().value_or(
      "none on PATH or in /usr/local/cuda/bin: containers have PTX alone");
  std::printf("compiler  LLVM %s\nptxas     %s\n", LLVM_VERSION_STRING,
              ptxas.c_str());
  return finish(flushStandardOutput());
}
