//===- Compile.cpp - from a graph to a container --------------------------===//
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
#include "container/AtomicFile.h"
#include "dialects/Lightning/LightningOps.h"
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
    if (failed(compile()))
      return failure();
    if (finished)
      return std::unique_ptr<hmlt::ContainerT>();
    return std::make_unique<hmlt::ContainerT>(std::move(program.container));
  }

private:
  LogicalResult compile() {
    if (failed(readFiles()))
      return failure();
    graph.walk([&](Operation *op) {
      summary.graphOps += op->getDialect() &&
                          op->getDialect()->getNamespace() != "func" &&
                          op->getDialect()->getNamespace() != "builtin";
    });
    LogicalResult shown =
        show(Stage::graph, "graph.mlir",
             [&](llvm::raw_ostream &out) { graph.print(out); });
    if (failed(shown) || finished)
      return shown;
    if (failed(checkChunk()) ||
        failed(runPasses(graph, [&](PassManager &passes) {
          buildGraphToFusedPipeline(passes, options.chunk);
        })))
      return failure();
    graph.walk(
        [&](lightning::AttentionOp op) { summary.chunk = op.getChunk(); });
    shown = show(Stage::fused, "fused.mlir",
                 [&](llvm::raw_ostream &out) { graph.print(out); });
    if (failed(shown) || finished)
      return shown;

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
    shown = show(Stage::tile, "tile.mlir",
                 [&](llvm::raw_ostream &out) { program.kernels->print(out); });
    if (failed(shown) || finished)
      return shown;
    OwningOpRef<ModuleOp> plan =
        codegen::programModule(*graph.getContext(), program.container);
    if (failed(verify(*plan)))
      return failure();
    shown = show(Stage::program, "program.mlir", [&](llvm::raw_ostream &out) {
      plan->print(out);
      out << "\n";
    });
    if (failed(shown) || finished)
      return shown;

    count();
    if (failed(runPasses(*program.kernels, [](PassManager &passes) {
          passes.addPass(tile::createExpandMathPass());
          passes.addPass(createCanonicalizerPass());
          passes.addPass(createCSEPass());
        })))
      return failure();
    if (failed(schedule()) || failed(showLlvm()))
      return failure();
    return finished ? success() : emit();
  }

  LogicalResult fail(const Twine &message) {
    return emitError(UnknownLoc::get(graph.getContext())) << message;
  }

  /// Of files and folders that options name mistakes are told before any work.
  LogicalResult readFiles() {
    if (!options.dumpFolder.empty())
      if (std::error_code error =
              llvm::sys::fs::create_directories(options.dumpFolder))
        return fail("cannot make the folder '" + options.dumpFolder +
                    "' of --dump-dir: " + error.message());
    llvm::Expected<schedule::Targets> read =
        schedule::Targets::load(options.targetFolders);
    if (!read)
      return fail(llvm::toString(read.takeError()));
    targets = std::move(*read);
    if (options.scheduleFile.empty())
      return success();
    llvm::Expected<std::vector<schedule::Override>> blocks =
        schedule::readOverrides(options.scheduleFile);
    if (!blocks)
      return fail(llvm::toString(blocks.takeError()));
    overrides = std::move(*blocks);
    return success();
  }

  /// A graph may have fixed its chunk: it is then not for the option to say.
  LogicalResult checkChunk() {
    if (!options.chunkGiven)
      return success();
    WalkResult walk = graph.walk([&](lightning::AttentionOp op) {
      std::optional<int64_t> fixed = op.getChunk();
      if (op.getCache())
        fixed = cast<lightning::StateType>(op.getCache().getType()).getChunk();
      if (!fixed || *fixed == options.chunk)
        return WalkResult::advance();
      op.emitOpError("has chunk ")
          << *fixed << ", --lightning-chunk asks for " << options.chunk
          << "; leave it out, or compile the checkpoint with it";
      return WalkResult::interrupt();
    });
    return failure(walk.wasInterrupted());
  }

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

  /// Prints and dumps one stage where asked. With the stage that was to be
  /// printed the compilation is finished.
  LogicalResult show(Stage stage, StringRef file,
                     function_ref<void(llvm::raw_ostream &)> print) {
    if (!options.dumpFolder.empty()) {
      SmallString<128> path(options.dumpFolder);
      llvm::sys::path::append(path, file);
      std::string text;
      llvm::raw_string_ostream out(text);
      print(out);
      if (Status status = writeFileAtomically(path.str().str(), text);
          status.failed())
        return fail("--dump-dir: " + status.message());
    }
    finished = options.printStage == stage;
    if (finished)
      print(printed);
    return success();
  }

  void count() {
    summary.kernels = program.container.kernels.size();
    for (auto &kernel : program.container.kernels)
      summary.variants += kernel->variants.size();
    for (auto &function : program.container.functions)
      summary.launches += function->launches.size();
  }

  /// The levels of CPU that the targets name, the least first. Without pairs
  /// the code of v4bf16 is that of v4.
  std::vector<cpu::Level> levels() {
    std::vector<cpu::Level> found;
    for (cpu::Level level : cpu::kLevels)
      if (wants("cpu") || wants(cpu::targetName(level)))
        found.push_back(level);
    if (!found.empty() && found.back() == cpu::Level::v4bf16 && !hasPairs()) {
      found.back() = cpu::Level::v4;
      found.erase(llvm::unique(found), found.end());
    }
    return found;
  }

  /// The GPUs that the targets name.
  std::vector<std::string> archs() const {
    std::vector<std::string> found;
    for (const std::string &target : options.targets)
      if (target != "cpu" && !cpu::parseTargetName(target) &&
          !llvm::is_contained(found, target))
        found.push_back(target);
    return found;
  }

  /// Blocks of the products for each level of CPU, and their records.
  LogicalResult schedule() {
    const std::vector<cpu::Level> asked = levels();
    llvm::StringMap<hmlt::VariantT *> variants;
    for (auto &kernel : program.container.kernels)
      for (auto &variant : kernel->variants)
        variants[variant->symbol] = variant.get();
    for (cpu::Level level : cpu::kLevels) {
      const schedule::Target &target =
          *targets.find(cpu::targetName(level)); // all are built in
      FailureOr<std::vector<schedule::Record>> records =
          schedule::scheduleDots(*program.kernels, target, overrides);
      if (failed(records))
        return failure();
      if (!llvm::is_contained(asked, level))
        continue;
      for (const schedule::Record &record : *records) {
        // A kernel without pairs has the code of v4 at v4bf16.
        if (level == cpu::Level::v4bf16 &&
            llvm::is_contained(asked, cpu::Level::v4) &&
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

  /// Of the least level of CPU, for the reader alone: what is compiled is
  /// lowered a kernel at a time.
  LogicalResult showLlvm() {
    const std::vector<cpu::Level> asked = levels();
    bool dumped = !options.dumpFolder.empty() && !asked.empty() &&
                  options.printStage != Stage::ptx;
    if (!dumped && options.printStage != Stage::llvm)
      return success();
    OwningOpRef<ModuleOp> lowered = program.kernels->clone();
    if (failed(runPasses(*lowered, [&](PassManager &passes) {
          cpu::buildTileToCpuPipeline(passes, asked.empty() ? cpu::Level::v3
                                                            : asked.front());
        })))
      return failure();
    return show(Stage::llvm, "llvm.mlir",
                [&](llvm::raw_ostream &out) { lowered->print(out); });
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
    if (options.printStage != Stage::ptx)
      levels = this->levels();
    std::vector<std::string> archs = this->archs();
    if (archs.empty() && options.printStage == Stage::ptx)
      archs.push_back("sm_80");

    KernelCache cache(options.cacheFolder);
    FailureOr<std::vector<EmittedTarget>> emitted =
        emitKernels(*program.kernels, levels, archs, cache, summary.times);
    if (failed(emitted))
      return failure();
    summary.cacheHits = cache.hits();
    summary.cacheMisses = cache.misses();
    if (!cache.trouble().empty())
      summary.notes.push_back(cache.trouble());
    if (!archs.empty()) {
      LogicalResult shown =
          show(Stage::ptx, "kernels.ptx", [&](llvm::raw_ostream &out) {
            for (const EmittedTarget &target : *emitted)
              if (llvm::is_contained(archs, target.name))
                out.write(target.bytes.data(), target.bytes.size());
          });
      if (failed(shown) || finished)
        return shown;
    }

    llvm::StringMap<hmlt::VariantT *> variants;
    for (auto &kernel : program.container.kernels)
      for (auto &variant : kernel->variants)
        variants[variant->symbol] = variant.get();
    for (EmittedTarget &target : *emitted) {
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
  schedule::Targets targets;
  std::vector<schedule::Override> overrides;
  bool finished = false; ///< the stage to print was printed
  int pipelines = 0;     ///< run so far
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
    return mlir::failure();
  if (*container)
    readModel(graph, summary.chunk.value_or(options.chunk), **container);
  return container;
}
