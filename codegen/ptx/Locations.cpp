//===- Locations.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Locations.h"

#include "codegen/ptx/Emit.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/Dwarf.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace hamlet;

/// File, line and column of a location; null if it says nothing.
static FileLineColLoc placeOf(Location location) {
  MLIRContext *context = location.getContext();
  if (auto file = location->findInstanceOf<FileLineColLoc>())
    return FileLineColLoc::get(
        context, llvm::sys::path::filename(file.getFilename().strref()),
        file.getLine(), file.getColumn());
  if (auto name = location->findInstanceOf<NameLoc>())
    return FileLineColLoc::get(context, name.getName().strref(), 1, 1);
  return {};
}

void hamlet::ptx::addDebugScopes(ModuleOp module) {
  MLIRContext *context = module.getContext();
  auto fileOf = [&](FileLineColLoc place) {
    return LLVM::DIFileAttr::get(context, place.getFilename().strref(), "");
  };
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    FileLineColLoc start = placeOf(function.getLoc());
    function.walk([&](Operation *op) {
      if (!start)
        start = placeOf(op->getLoc());
    });
    if (!start || function.isExternal())
      continue;
    auto unit = LLVM::DICompileUnitAttr::get(
        DistinctAttr::create(UnitAttr::get(context)), llvm::dwarf::DW_LANG_C,
        fileOf(start), StringAttr::get(context, "hamlet"),
        /*isOptimized=*/true, LLVM::DIEmissionKind::DebugDirectivesOnly);
    auto type = LLVM::DISubroutineTypeAttr::get(context, {});
    auto scope = LLVM::DISubprogramAttr::get(
        context, DistinctAttr::create(UnitAttr::get(context)), unit,
        fileOf(start), function.getNameAttr(), function.getNameAttr(),
        fileOf(start), start.getLine(), start.getLine(),
        LLVM::DISubprogramFlags::Definition |
            LLVM::DISubprogramFlags::Optimized,
        type, /*retainedNodes=*/{}, /*annotations=*/{});
    function.walk([&](Operation *op) {
      if (op == function)
        return;
      FileLineColLoc place = placeOf(op->getLoc());
      if (!place) {
        op->setLoc(UnknownLoc::get(context));
        return;
      }
      auto inFile = LLVM::DILexicalBlockFileAttr::get(scope, fileOf(place),
                                                      /*discriminator=*/0);
      op->setLoc(FusedLoc::get(context, {place}, inFile));
    });
    function->setLoc(FusedLoc::get(context, {start}, scope));
  }
}

/// The number of a `.file` or `.loc` line, which is cut off its front, and what
/// comes before it; none for other lines.
static std::optional<unsigned> takeNumber(StringRef directive, StringRef &line,
                                          StringRef &before) {
  StringRef rest = line.ltrim();
  unsigned number;
  if (!rest.consume_front(directive))
    return std::nullopt;
  rest = rest.ltrim();
  before = line.drop_back(rest.size());
  if (rest.consumeInteger(10, number))
    return std::nullopt;
  line = rest;
  return number;
}

std::string hamlet::ptx::joinPtx(ArrayRef<StringRef> modules) {
  // What stands before the first function is each module's own, except for the
  // target and the shared memory that all kernels name alike.
  constexpr StringRef kAddresses = ".address_size 64\n",
                      kShared =
                          ".extern .shared .align 16 .b8 hamlet_shared[];\n";
  std::string header, text;
  llvm::MapVector<StringRef, unsigned> files; // by name, quoted
  bool shared = false;
  for (StringRef module : modules) {
    size_t end = module.find(kAddresses);
    assert(end != StringRef::npos && "LLVM writes the size of addresses");
    end += kAddresses.size();
    if (header.empty())
      header = module.take_front(end).str();
    module = module.drop_front(end);
    llvm::DenseMap<unsigned, unsigned> numbers; // the module's to all modules'
    auto numberOf = [&](unsigned number) {
      return std::to_string(numbers.lookup(number));
    };
    SmallVector<StringRef> lines;
    module.split(lines, '\n');
    StringRef before;
    for (StringRef line : lines)
      if (auto number = takeNumber(".file", line, before))
        numbers[*number] =
            files.insert({line.trim(), files.size() + 1}).first->second;
    for (StringRef line : lines) {
      StringRef whole = line;
      if (whole == kShared.drop_back()) {
        if (std::exchange(shared, true))
          continue;
      } else if (takeNumber(".file", line, before) ||
                 whole.ltrim().starts_with(".section")) {
        continue; // of lines alone, sections are empty
      } else if (auto number = takeNumber(".loc", line, before)) {
        StringRef place = line.split("//").first.rtrim();
        text += before.str() + numberOf(*number) + place.str() + "\n";
        continue;
      }
      text += whole.str() + "\n";
    }
    text.pop_back(); // what follows the last line's end is no line
  }
  for (auto &[name, number] : files)
    header += ".file\t" + std::to_string(number) + " " + name.str() + "\n";
  return header + text;
}
