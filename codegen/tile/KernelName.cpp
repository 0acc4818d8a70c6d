//===- KernelName.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/tile/KernelName.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace hamlet;

void tile::setKernelName(func::FuncOp kernel, const KernelName &name) {
  Builder b(kernel.getContext());
  NamedAttrList entries;
  entries.set("name", b.getStringAttr(name.name));
  entries.set("kind", b.getStringAttr(name.kind));
  if (name.rows)
    entries.set("rows", b.getI64IntegerAttr(*name.rows));
  kernel->setAttr(kKernelNameAttr, entries.getDictionary(b.getContext()));
}

static tile::KernelName parsed(StringRef symbol) {
  auto [name, rows] = symbol.rsplit("_r");
  tile::KernelName result;
  int64_t count = 0;
  if (!rows.getAsInteger(10, count))
    result.rows = count;
  else
    name = symbol;
  StringRef kind = name;
  if (auto [head, number] = name.rsplit('_');
      !number.empty() && llvm::all_of(number, llvm::isDigit))
    kind = head;
  result.name = name.str();
  result.kind = kind.str();
  return result;
}

tile::KernelName tile::getKernelName(func::FuncOp kernel) {
  auto entries = kernel->getAttrOfType<DictionaryAttr>(kKernelNameAttr);
  if (!entries)
    return parsed(kernel.getName());
  auto text = [&](StringRef key) {
    auto value = entries.getAs<StringAttr>(key);
    return value ? value.getValue().str() : std::string();
  };
  KernelName result{text("name"), text("kind"), std::nullopt};
  if (auto rows = entries.getAs<IntegerAttr>("rows"))
    result.rows = rows.getInt();
  return result;
}
