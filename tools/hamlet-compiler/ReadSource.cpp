//===- ReadSource.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-compiler/ReadSource.h"

#include "frontend/BuildGraph.h"
#include "tools/command/CommandLine.h"
#include "tools/hamlet-compiler/CheckGraph.h"

#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::tools;

bool tools::isMlir(StringRef path) { return path.ends_with(".mlir"); }

std::optional<std::optional<frontend::FloatType>>
tools::parseDtype(StringRef name) {
  using Asked = std::optional<frontend::FloatType>;
  return llvm::StringSwitch<std::optional<Asked>>(name)
      .Case("as-stored", Asked())
      .Case("f32", Asked(frontend::FloatType::F32))
      .Case("bf16", Asked(frontend::FloatType::BF16))
      .Default(std::nullopt);
}

llvm::Expected<OwningOpRef<ModuleOp>>
tools::readSource(MLIRContext &context, const std::string &source,
                  const frontend::ImportOptions &options,
                  std::vector<std::string> &notes, Imported &imported) {
  if (StringRef path = source;
      path.ends_with(".hmlt") || path.ends_with(".safetensors"))
    return llvm::createStringError("cannot compile '%s', expected a "
                                   "checkpoint's folder, a config.json or a "
                                   ".mlir file",
                                   source.c_str());
  if (isMlir(source)) {
    auto text = llvm::MemoryBuffer::getFile(source, /*IsText=*/true);
    if (!text)
      return llvm::createStringError("cannot open '%s': %s", source.c_str(),
                                     text.getError().message().c_str());
    if (size_t line = tooDeepLine((*text)->getBuffer()))
      return llvm::createStringError(
          "%s:%zu: brackets are nested more than %zu deep", source.c_str(),
          line, kDeepest);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
        (*text)->getBuffer(), ParserConfig(&context), source);
    if (!module)
      return llvm::createStringError("'%s' is not a valid module; see above",
                                     source.c_str());
    imported.description = "graph module";
    return module;
  }
  llvm::Expected<frontend::ImportedModel> model =
      frontend::importModel(source, options);
  if (!model)
    return model.takeError();
  for (const std::string &warning : model->warnings)
    sayWarning(warning);
  llvm::append_range(notes, model->notes);
  imported.entries = model->entries();
  llvm::raw_string_ostream out(imported.description);
  out << model->spec.architecture << ", " << model->spec.layers.size()
      << " layers, " << model->spec.parameters() << " parameters, "
      << model->spec.weights.size() << " weights";
  if (model->report)
    out << " from " << model->report->used << " tensors";
  out << ", " << frontend::floatTypeName(model->graph.dtype);
  return frontend::buildGraph(context, model->spec, model->graph);
}

std::string tools::inputHash(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out);
  return llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true);
}
