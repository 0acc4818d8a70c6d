//===- Compile.cpp - from a graph to a container
//--------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/driver/Compile.h"

#include "codegen/driver/Kernels.h"
#include "codegen/program/Lower.h"
#include "codegen/program/ProgramModule.h"
#include "codegen/schedule/Schedule.h"
#include "codegen/tile/ExpandMath.h"
#include "dialects/NN/NNOps.h"
#include "dialects/Tile/TileOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace hamlet;

std::optional<Stage> hamlet::parseStage(StringRef text) {
  return llvm::StringSwitch<std::optional<Stage>>(text)
      .Case("graph", Stage::graph)
      .Case("fused", Stage::fused)
      .Case("tile", Stage::tile)
      .Case("llvm", Stage::llvm)
      .Case("ptx", Stage::ptx)
      .Case("program", Stage::program)
      .Default(std::nullopt);
}

namespace {

class Compilation {
public:
  Compilation(ModuleOp graph, const CompileOptions &options,
              llvm::raw_ostream &printed, CompileSummary &summary)
      : graph(graph), options(options), printed(printed), summary(summary) {}

  FailureOr<std::unique_ptr<hmlt::ContainerT>> run() {
    graph.walk([&](Operation *op) {
      summary.graphOps += op->getDialect() &&
                          op->getDialect()->getNamespace() != "func" &&
                          op->getDialect()->getNamespace() != "builtin";
    });
    if (done(Stage::graph, "graph.mlir",
             [&](llvm::raw_ostream &out) { graph.print(out); }))
      return std::unique_ptr<hmlt::ContainerT>();
    if (failed(runPasses(graph, [&](PassManager &passes) {
          passes.addPass(createLightningChunkPass(
              LightningChunkPassOptions{options.chunk}));
          passes.addPass(createCanonicalizerPass());
          passes.addPass(createCSEPass());
          passes.addPass(createNNFusePass());
        })))
      return failure();
    if (done(Stage::fused, "fused.mlir",
             [&](llvm::raw_ostream &out) { graph.print(out); }))
      return std::unique_ptr<hmlt::ContainerT>();

    FailureOr<codegen::LoweredProgram> lowered = codegen::lowerProgram(graph);
    if (failed(lowered))
      return failure();
    program = std::move(*lowered);
    if (failed(verify(*program.kernels)) ||
        failed(runPasses(*program.kernels, [](PassManager &passes) {
          passes.addPass(createCanonicalizerPass());
          passes.addPass(createCSEPass());
        })))
      return failure();
    if (done(Stage::tile, "tile.mlir",
             [&](llvm::raw_ostream &out) { program.kernels->print(out); }))
      return std::unique_ptr<hmlt::ContainerT>();
    OwningOpRef<ModuleOp> plan =
        codegen::programModule(*graph.getContext(), program.container);
    if (failed(verify(*plan)))
      return failure();
    if (done(Stage::program, "program.mlir", [&](llvm::raw_ostream &out) {
          plan->print(out);
          out << "\n";
        }))
      return std::unique_ptr<hmlt::ContainerT>();

    count();
    if (failed(runPasses(*program.kernels, [](PassManager &passes) {
          passes.addPass(tile::createExpandMathPass());
          passes.addPass(createCanonicalizerPass());
          passes.addPass(createCSEPass());
        })))
      return failure();
    if (failed(schedule()))
      return failure();
    if (options.printStage == Stage::llvm)
      return printLlvm();
    if (failed(emit()))
      return failure();
    if (options.printStage == Stage::ptx)
      return std::unique_ptr<hmlt::ContainerT>();
    return std::make_unique<hmlt::ContainerT>(std::move(program.container));
  }

private:
  LogicalResult runPasses(ModuleOp module,
                          function_ref<void(PassManager &)> add) {
    PassManager passes(module.getContext());
    if (options.timePasses)
      passes.enableTiming();
    passes.enableVerifier(false);
    // What a crash, or a failing pass, was given: one file for each pipeline.
    if (!options.dumpFolder.empty()) {
      SmallString<128> path(options.dumpFolder);
      llvm::sys::path::append(path, "reproducer" + llvm::Twine(pipelines++) +
                                        ".mlir");
      passes.enableCrashReproducerGeneration(path);
    }
    add(passes);
    if (failed(passes.run(module)))
      return failure();
    return verify(module);
  }

  /// Prints and dumps one stage where asked; true if the compilation ends with
  /// it.
  bool done(Stage stage, StringRef file,
            function_ref<void(llvm::raw_ostream &)> print) {
    if (!options.dumpFolder.empty()) {
      SmallString<128> path(options.dumpFolder);
      llvm::sys::path::append(path, file);
      std::error_code error =
          llvm::sys::fs::create_directories(options.dumpFolder);
      llvm::raw_fd_ostream out(path, error);
      if (error)
        summary.notes.push_back("cannot write " + path.str().str() + ": " +
                                error.message());
      else
        print(out);
    }
    if (options.printStage != stage)
      return false;
    print(printed);
    return true;
  }

  void count() {
    summary.kernels = program.container.kernels.size();
    for (auto &kernel : program.container.kernels)
      summary.variants += kernel->variants.size();
    for (auto &function : program.container.functions)
      summary.launches += function->launches.size();
  }

  /// Blocks of the products for each level of CPU, and their records.
  LogicalResult schedule() {
    auto fail = [&](llvm::Error error) {
      return graph.emitError() << llvm::toString(std::move(error));
    };
    llvm::Expected<schedule::Targets> targets =
        schedule::Targets::load(options.targetFolders);
    if (!targets)
      return fail(targets.takeError());
    std::vector<schedule::Override> given;
    if (!options.scheduleFile.empty()) {
      llvm::Expected<std::vector<schedule::Override>> read =
          schedule::readOverrides(options.scheduleFile);
      if (!read)
        return fail(read.takeError());
      given = std::move(*read);
    }
    llvm::StringMap<hmlt::VariantT *> variants;
    for (auto &kernel : program.container.kernels)
      for (auto &variant : kernel->variants)
        variants[variant->symbol] = variant.get();
    for (cpu::Level level :
         {cpu::Level::v3, cpu::Level::v4, cpu::Level::v4bf16}) {
      const schedule::Target &target =
          *targets->find(cpu::targetName(level)); // all are built in
      FailureOr<std::vector<schedule::Record>> records =
          schedule::scheduleDots(*program.kernels, target, given);
      if (failed(records))
        return failure();
      if (!wants("cpu"))
        continue;
      for (const schedule::Record &record : *records) {
        // A kernel without pairs has the code of v4 at v4bf16.
        if (level == cpu::Level::v4bf16 &&
            !cpu::usesPairs(
                program.kernels->lookupSymbol<func::FuncOp>(record.symbol)))
          continue;
        auto entry = std::make_unique<hmlt::ScheduleT>();
        entry->target = target.name;
        entry->m = record.product.m;
        entry->n = record.product.n;
        entry->k = record.product.k;
        entry->rows = static_cast<int32_t>(record.block.rows);
        entry->panels = static_cast<int32_t>(record.block.panels);
        entry->depth = record.block.depth;
        entry->cycles = static_cast<int64_t>(record.cycles);
        entry->given = record.given;
        variants[record.symbol]->schedules.push_back(std::move(entry));
      }
    }
    return success();
  }

  FailureOr<std::unique_ptr<hmlt::ContainerT>> printLlvm() {
    if (failed(runPasses(*program.kernels, [](PassManager &passes) {
          cpu::buildTileToCpuPipeline(passes, cpu::Level::v3);
        })))
      return failure();
    program.kernels->print(printed);
    return std::unique_ptr<hmlt::ContainerT>();
  }

  bool wants(StringRef target) const {
    return llvm::is_contained(options.targets, target);
  }

  /// bf16 products differ on CPUs that have them; without any, that level is
  /// the one below it.
  bool hasPairs() {
    return llvm::any_of(program.kernels->getOps<func::FuncOp>(),
                        cpu::usesPairs);
  }

  LogicalResult emit() {
    std::vector<cpu::Level> levels;
    if (wants("cpu") && options.printStage != Stage::ptx) {
      levels = {cpu::Level::v3, cpu::Level::v4};
      if (hasPairs())
        levels.push_back(cpu::Level::v4bf16);
    }
    std::vector<std::string> archs;
    for (const std::string &target : options.targets)
      if (target != "cpu")
        archs.push_back(target);
    if (archs.empty() && options.printStage == Stage::ptx)
      archs.push_back("sm_80");

    KernelCache cache(options.cacheFolder);
    FailureOr<std::vector<EmittedTarget>> targets =
        emitKernels(*program.kernels, levels, archs, cache, summary.times);
    if (failed(targets))
      return failure();
    summary.cacheHits = cache.hits();
    summary.cacheMisses = cache.misses();
    if (!cache.trouble().empty())
      summary.notes.push_back(cache.trouble());
    if (options.printStage == Stage::ptx) {
      for (EmittedTarget &target : *targets)
        printed.write(target.bytes.data(), target.bytes.size());
      return success();
    }

    llvm::StringMap<hmlt::VariantT *> variants;
    for (auto &kernel : program.container.kernels)
      for (auto &variant : kernel->variants)
        variants[variant->symbol] = variant.get();
    for (EmittedTarget &target : *targets) {
      auto image = std::make_unique<hmlt::ImageT>();
      image->target = target.name;
      image->bytes.assign(target.bytes.begin(), target.bytes.end());
      for (const cpu::CpuKernel &kernel : target.cpuKernels)
        variants[kernel.symbol]->scratch_bytes = std::max(
            variants[kernel.symbol]->scratch_bytes, kernel.scratchBytes);
      for (const ptx::PtxKernel &kernel : target.ptxKernels) {
        hmlt::VariantT &variant = *variants[kernel.symbol];
        variant.shared_bytes = static_cast<int32_t>(kernel.sharedBytes);
        variant.block_threads = static_cast<int32_t>(kernel.blockThreads);
        variant.scratch_bytes_gpu = kernel.scratchBytesPerBlock;
      }
      if (!target.ptxKernels.empty()) {
        std::string messages;
        if (std::optional<std::vector<char>> cubin = ptx::assembleCubin(
                std::string(target.bytes.begin(), target.bytes.end()),
                image->target, messages))
          image->cubin.assign(cubin->begin(), cubin->end());
        else
          summary.notes.push_back("no cubin for " + image->target +
                                  ", its PTX is there: " + messages);
      }
      program.container.images.push_back(std::move(image));
    }
    return success();
  }

  ModuleOp graph;
  const CompileOptions &options;
  llvm::raw_ostream &printed;
  CompileSummary &summary;
  codegen::LoweredProgram program;
  int pipelines = 0; ///< run so far
};

/// What `hamlet.model` says, for the container.
void readModel(ModuleOp graph, int64_t chunk, hmlt::ContainerT &container) {
  auto attr = graph->getAttrOfType<DictionaryAttr>("hamlet.model");
  container.model = std::make_unique<hmlt::ModelT>();
  hmlt::ModelT &model = *container.model;
  model.chunk = static_cast<int32_t>(chunk);
  if (!attr)
    return;
  auto number = [&](StringRef name) {
    auto value = attr.getAs<IntegerAttr>(name);
    return value ? value.getInt() : 0;
  };
  if (auto name = attr.getAs<StringAttr>("architecture"))
    model.architecture = name.str();
  model.vocab = number("vocab");
  model.hidden = number("hidden");
  model.layers = number("layers");
  model.max_positions = number("max_positions");
  model.parameters = number("parameters");
  if (number("chunk") > 0)
    model.chunk = static_cast<int32_t>(number("chunk"));
  if (auto ids = attr.getAs<DenseI64ArrayAttr>("eos_ids"))
    model.eos_ids.assign(ids.asArrayRef().begin(), ids.asArrayRef().end());
  if (auto dtype = attr.getAs<StringAttr>("dtype"))
    model.dtype = dtype == "bf16"  ? hmlt::DType::bf16
                  : dtype == "f16" ? hmlt::DType::f16
                                   : hmlt::DType::f32;
}

} // namespace

FailureOr<std::unique_ptr<hmlt::ContainerT>>
hamlet::compileGraph(ModuleOp graph, const CompileOptions &options,
                     llvm::raw_ostream &printed, CompileSummary &summary) {
  FailureOr<std::unique_ptr<hmlt::ContainerT>> container =
      Compilation(graph, options, printed, summary).run();
  if (failed(container))
    return failure();
  if (*container)
    readModel(graph, options.chunk, **container);
  return container;
}
