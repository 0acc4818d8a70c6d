//===- Compile.cpp - from a graph to a container --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/driver/Compile.h"

#include "codegen/driver/Kernels.h"
#include "codegen/driver/Realize.h"
#include "codegen/program/Lower.h"
#include "codegen/program/Passes.h"
#include "codegen/program/Serialize.h"
#include "codegen/schedule/Schedule.h"
#include "codegen/tile/Passes.h"
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

#include <set>

using namespace mlir;
using namespace hamlet;

static constexpr std::pair<StringLiteral, Stage> kStages[] = {
    {"graph", Stage::graph},    {"fused", Stage::fused},  {"tile", Stage::tile},
    {"llvm", Stage::llvm},      {"asm", Stage::assembly}, {"ptx", Stage::ptx},
    {"program", Stage::program}};

std::optional<Stage> hamlet::parseStage(StringRef text) {
  for (auto &[name, stage] : kStages)
    if (text == name)
      return stage;
  return std::nullopt;
}

std::string hamlet::stageNames(StringRef separator) {
  SmallVector<StringRef> names;
  for (const auto &[name, stage] : kStages)
    names.push_back(name);
  return llvm::join(names, separator);
}

namespace {

class Compilation {
public:
  Compilation(ModuleOp graph, const CompileOptions &options,
              llvm::raw_ostream &printed, CompileSummary &summary)
      : graph(graph), options(options), printed(printed), summary(summary) {}

  FailureOr<OwningOpRef<ModuleOp>> run() {
    if (failed(compile()))
      return failure();
    if (finished)
      return OwningOpRef<ModuleOp>();
    return std::move(program);
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

    classify();
    FailureOr<OwningOpRef<ModuleOp>> lowered =
        codegen::lowerToProgram(graph, classes);
    if (failed(lowered))
      return failure();
    program = std::move(*lowered);
    if (failed(runPasses(*program,
                         [](PassManager &passes) {
                           passes.addPass(
                               codegen::createProgramLifetimesPass());
                           OpPassManager &kernels = passes.nest<ModuleOp>();
                           kernels.addPass(createCanonicalizerPass());
                           kernels.addPass(createCSEPass());
                         })) ||
        failed(checkSelection()))
      return failure();
    shown = show(Stage::tile, "tile.mlir", [&](llvm::raw_ostream &out) {
      for (codegen::TargetClass &targets : classes)
        selected(targets)->print(out);
    });
    if (failed(shown) || finished)
      return shown;
    shown = show(Stage::program, "program.mlir", [&](llvm::raw_ostream &out) {
      OwningOpRef<ModuleOp> host = program->clone();
      codegen::dropTiles(*host);
      host->print(out);
      out << "\n";
    });
    if (failed(shown) || finished)
      return shown;

    count();
    if (!options.withCode) {
      codegen::dropTiles(*program);
      return success();
    }
    if (failed(runPasses(*program, [](PassManager &passes) {
          OpPassManager &kernels = passes.nest<ModuleOp>();
          kernels.addPass(tile::createAssignLayoutPass());
          kernels.addPass(tile::createExpandMathPass());
          kernels.addPass(createCanonicalizerPass());
          kernels.addPass(createCSEPass());
        })))
      return failure();
    if (failed(schedule()) || failed(showLlvm()) || failed(showAssembly()))
      return failure();
    return finished ? success() : emit();
  }

  /// Whether `--kernel` asks for it: by its name, or that of its variants.
  bool isSelected(func::FuncOp kernel) const {
    StringRef name = kernel.getName();
    if (options.kernel.empty() || name == options.kernel)
      return true;
    return name.consume_front(options.kernel) && name.consume_front("_r") &&
           !name.empty() && llvm::all_of(name, llvm::isDigit);
  }

  /// The kernels that are asked for, as `hamlet-opt -lower-to-tile` leaves
  /// them.
  OwningOpRef<ModuleOp> selected(const codegen::TargetClass &targets) const {
    OwningOpRef<ModuleOp> tiles = ModuleOp(targets.tiles).clone();
    (*tiles)->removeAttr(codegen::kTilesAttr);
    for (auto kernel :
         llvm::make_early_inc_range(tiles->getOps<func::FuncOp>()))
      if (kernel->hasAttr(tile::kKernelAttr) && !isSelected(kernel))
        kernel.erase();
    return tiles;
  }

  LogicalResult checkSelection() {
    if (options.kernel.empty())
      return success();
    std::set<std::string> names;
    for (codegen::TargetClass &targets : classes)
      for (auto kernel : targets.tiles.getOps<func::FuncOp>()) {
        if (!kernel->hasAttr(tile::kKernelAttr))
          continue;
        if (isSelected(kernel))
          return success();
        names.insert(kernel.getName().str());
      }
    return fail("--kernel: no kernel or variant '" + options.kernel +
                "'; there are " + llvm::join(names, ", "));
  }

  /// The kernels of the level's class; there is one if it was asked for.
  const codegen::TargetClass *classOf(cpu::Level level) const {
    auto found = llvm::find_if(classes, [&](auto &known) {
      return llvm::is_contained(known.targets, cpu::targetName(level));
    });
    return found == classes.end() ? nullptr : &*found;
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
    for (const schedule::GpuTarget &gpu : gpus())
      if (llvm::Error error = ptx::checkGpu(gpu))
        return fail(llvm::toString(std::move(error)));
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
    if (options.timing)
      passes.enableTiming(*options.timing);
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
    for (auto kernel : program->getOps<program::KernelOp>()) {
      ++summary.kernels;
      // Of the first target; others may have other rows.
      auto realizations =
          kernel.getBody().front().getOps<program::RealizationOp>();
      if (!realizations.empty())
        summary.variants +=
            (*realizations.begin()).getBody().front().getOperations().size();
    }
    for (auto function : program->getOps<program::FuncOp>())
      summary.launches += llvm::range_size(
          function.getBody().front().getOps<program::LaunchOp>());
  }

  /// Targets with the same sizes share their tiles. CPUs come first.
  void classify() {
    for (const std::string &name : targetNames()) {
      const schedule::GpuTarget *gpu = targets.findGpu(name);
      const codegen::KernelSizes &sizes =
          gpu ? gpu->sizes : targets.findCpu(name)->sizes;
      auto found = llvm::find_if(
          classes, [&](auto &known) { return known.sizes == sizes; });
      if (found != classes.end())
        found->targets.push_back(name);
      else
        classes.push_back({sizes == codegen::KernelSizes() ? "default" : name,
                           {name},
                           {},
                           sizes});
    }
  }

  /// As images name them.
  std::vector<std::string> targetNames() {
    std::vector<std::string> names;
    for (cpu::Level level : askedLevels())
      names.push_back(cpu::targetName(level).str());
    for (const schedule::GpuTarget &gpu : gpus())
      names.push_back(gpu.name);
    if (names.empty()) // a stage is printed that no target has code for
      names.push_back(cpu::targetName(cpu::Level::v3).str());
    return names;
  }

  /// The levels of CPU that the targets name, the least first.
  std::vector<cpu::Level> askedLevels() const {
    std::vector<cpu::Level> found;
    for (cpu::Level level : cpu::kLevels)
      if (wants("cpu") || wants(cpu::targetName(level)))
        found.push_back(level);
    return found;
  }

  /// Of these, what is compiled: without pairs the code of v4bf16 is that of
  /// v4.
  std::vector<cpu::Level> levels() {
    std::vector<cpu::Level> found = askedLevels();
    if (!found.empty() && found.back() == cpu::Level::v4bf16 && !hasPairs()) {
      found.back() = cpu::Level::v4;
      found.erase(llvm::unique(found), found.end());
    }
    return found;
  }

  /// The GPUs that the targets name, each once. PTX can be asked for without.
  std::vector<schedule::GpuTarget> gpus() const {
    std::vector<schedule::GpuTarget> found;
    std::set<StringRef> seen;
    for (const std::string &target : options.targets)
      if (const schedule::GpuTarget *gpu = targets.findGpu(target);
          gpu && seen.insert(gpu->name).second)
        found.push_back(*gpu);
    if (found.empty() && options.printStage == Stage::ptx)
      found.push_back(*targets.findGpu("sm_80"));
    return found;
  }

  std::set<std::string> cpuNames() const {
    std::vector<std::string> names = targets.cpuNames();
    return {names.begin(), names.end()};
  }

  /// Blocks of the products for each level of CPU, and their records.
  LogicalResult schedule() {
    std::vector<ModuleOp> all;
    all.reserve(classes.size());
    for (const codegen::TargetClass &targets : classes)
      all.push_back(targets.tiles);
    if (failed(schedule::checkOverrides(all, overrides, cpuNames())))
      return failure();
    const std::vector<cpu::Level> asked = levels();
    if (!llvm::is_contained(askedLevels(), cpu::Level::v4) &&
        llvm::is_contained(asked, cpu::Level::v4)) { // v4bf16 without pairs
      StringRef from = cpu::targetName(cpu::Level::v4bf16),
                to = cpu::targetName(cpu::Level::v4);
      renameTarget(*program, from, to);
      for (codegen::TargetClass &targets : classes)
        std::replace(targets.targets.begin(), targets.targets.end(), from.str(),
                     to.str());
    }
    for (const codegen::TargetClass &targets : classes)
      if (failed(scheduleClass(targets, asked)))
        return failure();
    dropRealizations(*program, [&](StringRef target) {
      std::optional<cpu::Level> level = cpu::parseTargetName(target);
      return level && !llvm::is_contained(asked, *level);
    });
    return success();
  }

  /// Blocks for every level stand in a kernel's text, whichever are asked for:
  /// the text is what kernels are cached by.
  LogicalResult scheduleClass(const codegen::TargetClass &mine,
                              ArrayRef<cpu::Level> asked) {
    std::vector<schedule::Record> v4;
    for (cpu::Level level : cpu::kLevels) {
      const schedule::CpuTarget &target =
          *targets.findCpu(cpu::targetName(level)); // all are built in
      FailureOr<std::vector<schedule::Record>> records =
          schedule::scheduleDots(mine.tiles, target, overrides);
      if (failed(records))
        return failure();
      // A kernel without pairs has the code of v4 at v4bf16.
      if (level == cpu::Level::v4)
        v4 = *records;
      if (level == cpu::Level::v4bf16 &&
          llvm::is_contained(asked, cpu::Level::v4) &&
          classOf(cpu::Level::v4) == &mine) {
        auto hasPairs = [&](const schedule::Record &record) {
          return cpu::usesPairs(
              ModuleOp(mine.tiles).lookupSymbol<func::FuncOp>(record.symbol));
        };
        llvm::erase_if(*records, std::not_fn(hasPairs));
        llvm::copy_if(v4, std::back_inserter(*records), std::not_fn(hasPairs));
      }
      if (llvm::is_contained(asked, level) &&
          llvm::is_contained(mine.targets, target.name))
        recordProducts(*program, target.name, *records);
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
    const codegen::TargetClass *shown =
        asked.empty() ? nullptr : classOf(asked.front());
    OwningOpRef<ModuleOp> lowered = selected(shown ? *shown : classes.front());
    if (failed(runPasses(*lowered, [&](PassManager &passes) {
          cpu::buildTileToCpuPipeline(passes, asked.empty() ? cpu::Level::v3
                                                            : asked.front());
        })))
      return failure();
    return show(Stage::llvm, "llvm.mlir",
                [&](llvm::raw_ostream &out) { lowered->print(out); });
  }

  /// The x86 code of every level that was asked for, as text; of the reader
  /// alone too.
  LogicalResult showAssembly() {
    if (options.printStage != Stage::assembly)
      return success();
    if (levels().empty())
      return fail("--compile-to=asm prints code of CPUs, and no target is one; "
                  "--compile-to=ptx prints that of GPUs");
    cpu::CpuCompiler compiler;
    std::string text;
    for (cpu::Level level : levels()) {
      OwningOpRef<ModuleOp> tiles = selected(*classOf(level));
      for (auto kernel : tiles->getOps<func::FuncOp>()) {
        if (!kernel->hasAttr(tile::kKernelAttr))
          continue;
        std::string complaints;
        FailureOr<cpu::CpuObject> code =
            compiler.compile(tile::kernelText(kernel), level, complaints, true);
        if (failed(code))
          return kernel.emitError("could not be compiled: ") << complaints;
        text += ("# " + kernel.getName() + ", " + cpu::targetName(level) + "\n")
                    .str();
        text.append(code->bytes.begin(), code->bytes.end());
      }
    }
    return show(Stage::assembly, "kernels.s",
                [&](llvm::raw_ostream &out) { out << text; });
  }

  bool wants(StringRef target) const {
    return llvm::is_contained(options.targets, target);
  }

  /// bf16 products differ on CPUs that have them; without any, that level is
  /// the one below it.
  bool hasPairs() {
    const codegen::TargetClass *mine = classOf(cpu::Level::v4bf16);
    return mine && llvm::any_of(ModuleOp(mine->tiles).getOps<func::FuncOp>(),
                                cpu::usesPairs);
  }

  LogicalResult emit() {
    std::vector<cpu::Level> levels;
    if (options.printStage != Stage::ptx)
      levels = this->levels();
    const std::vector<schedule::GpuTarget> gpus = this->gpus();

    TimingScope scope;
    if (options.timing)
      scope = options.timing->nest("kernels");
    KernelCache cache(options.cacheFolder, options.cacheBytes);
    std::vector<EmittedTarget> emitted;
    for (const codegen::TargetClass &mine : classes) {
      std::vector<schedule::GpuTarget> itsGpus;
      llvm::copy_if(gpus, std::back_inserter(itsGpus), [&](auto &gpu) {
        return llvm::is_contained(mine.targets, gpu.name);
      });
      std::vector<cpu::Level> itsLevels;
      llvm::copy_if(levels, std::back_inserter(itsLevels),
                    [&](cpu::Level level) { return classOf(level) == &mine; });
      OwningOpRef<ModuleOp> some;
      if (!options.kernel.empty())
        some = selected(mine);
      FailureOr<std::vector<EmittedTarget>> part =
          emitKernels(some ? *some : mine.tiles, itsLevels, itsGpus, cache,
                      options.progress, summary.times);
      if (failed(part))
        return failure();
      llvm::move(*part, std::back_inserter(emitted));
    }
    cache.shrink();
    summary.cacheHits = cache.hits();
    summary.cacheMisses = cache.misses();
    if (!cache.trouble().empty())
      summary.notes.push_back(cache.trouble());
    if (!gpus.empty()) {
      LogicalResult shown =
          show(Stage::ptx, "kernels.ptx", [&](llvm::raw_ostream &out) {
            for (const EmittedTarget &target : emitted)
              if (targets.findGpu(target.name))
                out.write(target.bytes.data(), target.bytes.size());
          });
      if (failed(shown) || finished)
        return shown;
    }

    for (EmittedTarget &target : emitted) {
      std::optional<ptx::Cubin> cubin;
      if (!target.ptxKernels.empty()) {
        std::string messages;
        cubin = ptx::assembleCubin(
            std::string(target.bytes.begin(), target.bytes.end()),
            targets.findGpu(target.name)->architecture, messages);
        if (!cubin)
          summary.notes.push_back("no cubin for " + target.name +
                                  ", its PTX is there: " + messages);
      }
      for (ptx::PtxKernel &kernel : target.ptxKernels)
        kernel.registers = cubin ? cubin->registers.lookup(kernel.symbol) : 0;
      recordCode(*program, target);
      addImage(*program, target,
               cubin ? std::optional(cubin->bytes) : std::nullopt);
    }
    codegen::dropTiles(*program);
    return success();
  }

  ModuleOp graph;
  const CompileOptions &options;
  llvm::raw_ostream &printed;
  CompileSummary &summary;
  OwningOpRef<ModuleOp> program;
  std::vector<codegen::TargetClass> classes;
  schedule::Targets targets;
  std::vector<schedule::Override> overrides;
  bool finished = false; ///< the stage to print was printed
  int pipelines = 0;     ///< run so far
};

/// What `hamlet.model` says, for the container.

} // namespace

FailureOr<OwningOpRef<ModuleOp>>
hamlet::compileGraph(ModuleOp graph, const CompileOptions &options,
                     llvm::raw_ostream &printed, CompileSummary &summary) {
  FailureOr<OwningOpRef<ModuleOp>> program =
      Compilation(graph, options, printed, summary).run();
  if (failed(program) || !*program)
    return program;
  // A graph that is no model's has a chunk all the same.
  ModuleOp module = **program;
  NamedAttrList model(
      module->getAttrOfType<DictionaryAttr>(codegen::kModelAttr));
  auto chunk = dyn_cast_or_null<IntegerAttr>(model.get("chunk"));
  if (!chunk || chunk.getInt() <= 0)
    model.set("chunk", OpBuilder(module).getI64IntegerAttr(
                           summary.chunk.value_or(options.chunk)));
  module->setAttr(codegen::kModelAttr,
                  model.getDictionary(module.getContext()));
  return program;
}
