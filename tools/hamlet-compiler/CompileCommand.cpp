//===- CompileCommand.cpp - `hamlet compile` ------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "policy/Presets.h"
#include "tools/hamlet-compiler/Commands.h"

#include "HamletVersion.h"
#include "codegen/driver/Compile.h"
#include "codegen/program/Passes.h"
#include "codegen/program/Serialize.h"
#include "codegen/schedule/Target.h"
#include "container/Container.h"
#include "container/CpuLevels.h"
#include "dialects/Program/ProgramOps.h"
#include "frontend/Import.h"
#include "tools/command/Options.h"
#include "tools/hamlet-compiler/CheckGraph.h"
#include "tools/hamlet-compiler/Context.h"
#include "tools/hamlet-compiler/ReadSource.h"
#include "tools/hamlet-compiler/Summary.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Remarks/RemarkSerializer.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

#include <chrono>
#include <memory>
#include <unistd.h>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::tools;

namespace {

/// The loss of supervised training, the one without advantages.
constexpr const char *kLikelihood = "cross_entropy";

struct Options {
  std::string source, output, schedules, compileTo, kernel, dumpFolder, cache,
      remarks;
  std::string dtype = "as-stored", loss = kLikelihood;
  std::vector<std::string> settings;
  std::vector<std::string> targets, modelFolders, targetFolders, functions;
  int64_t chunk = CompileOptions().chunk, split = 0;
  uint64_t cacheBytes = kDefaultCacheBytes;
  bool noCache = false, timePasses = false, ignoreUnused = false, quiet = false;
  // What was given, for messages and for the provenance.
  CLI::Option *targetGiven = nullptr, *chunkGiven = nullptr,
              *splitGiven = nullptr, *cacheGiven = nullptr;
};

Status fail(const llvm::Twine &message) {
  return Status::failure(message.str());
}
Status fail(llvm::Error error) {
  return fail(llvm::toString(std::move(error)));
}

int misuse(const std::string &text) {
  sayError("compile: " + text);
  return kWrongUsage;
}

/// Remarks as YAML, kept until it is known that there is something to tell of.
class RemarkText : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit RemarkText(std::string &text)
      : out(text),
        serializer(llvm::cantFail(llvm::remarks::createRemarkSerializer(
            llvm::remarks::Format::YAML, out))) {}
  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    serializer->emit(remark.generateRemark());
  }

private:
  llvm::raw_string_ostream out;
  std::unique_ptr<llvm::remarks::RemarkSerializer> serializer;
};

/// Each once; the names are known.
std::vector<frontend::Function>
functionsOf(const std::vector<std::string> &names) {
  std::vector<frontend::Function> functions;
  for (const std::string &name : names)
    if (auto function = *frontend::parseFunction(name);
        !llvm::is_contained(functions, function))
      functions.push_back(function);
  return functions;
}

/// The loss of training steps.
Result<algorithm::Preset> readLoss(const Options &o) {
  auto preset = algorithm::findPreset(o.loss);
  if (preset.failed())
    return preset.status().in("--loss");
  for (const std::string &setting : o.settings) {
    auto [key, value] = StringRef(setting).split('=');
    key.consume_front("algorithm.");
    HAMLET_TRY(algorithm::set(*preset, key.str(), value.str()).in("--set"));
  }
  HAMLET_TRY(algorithm::check(*preset).in("--loss"));
  return preset;
}

/// What the command line asks for that cannot be, as a sentence; else empty.
std::string mistake(const Options &o) {
  if (!parseDtype(o.dtype))
    return "--dtype: expected 'as-stored', 'f32' or 'bf16', got '" + o.dtype +
           "'";
  if (isMlir(o.source) && *parseDtype(o.dtype))
    return "--dtype " + o.dtype +
           ": a graph has its dtypes; expected as-stored with a .mlir";
  if (!o.remarks.empty() && sameOutput(o.remarks, o.output))
    return "-o and --remarks: expected two files, got '" + o.output +
           "' and '" + o.remarks + "'";
  for (const std::string *file : {&o.output, &o.remarks})
    if (sameOutput(*file, o.source))
      return "expected to write another file than the source, '" + o.source +
             "'";
  if (*o.splitGiven && !llvm::isPowerOf2_64(o.split))
    return "--split: expected a power of two from 2 to 1024, got " +
           std::to_string(o.split);
  for (const std::string &function : o.functions)
    if (!frontend::parseFunction(function))
      return "--functions: expected " + frontend::functionNames() + ", got '" +
             function + "'";
  if (auto preset = readLoss(o); preset.failed())
    return preset.message();
  if (o.functions.empty() ||
      !llvm::is_contained(functionsOf(o.functions),
                          frontend::Function::TrainStep)) {
    const char *given = !o.settings.empty()     ? "--set"
                        : o.loss != kLikelihood ? "--loss"
                                                : nullptr;
    if (given)
      return std::string(given) +
             ": the loss is of training steps; expected --functions with "
             "train_step";
  }
  if (isMlir(o.source) && !o.functions.empty())
    return "--functions: a .mlir says its functions itself; the option is for "
           "checkpoints";
  if (isMlir(o.source) && *o.splitGiven)
    return "--split: a .mlir says the order of its sums itself, in "
           "#tile.numerics; the option is for checkpoints";
  if (o.compileTo.empty()) {
    if (!o.kernel.empty())
      return "--kernel: expected --compile-to=tile, llvm, asm or ptx with it";
    return o.output.empty()
               ? "expected -o FILE.hmlt, or --compile-to to print a stage"
               : "";
  }
  std::optional<Stage> stage = parseStage(o.compileTo);
  if (!stage)
    return "--compile-to: expected " + stageNames(", ") + ", got '" +
           o.compileTo + "'";
  bool hasKernels = llvm::is_contained(
      {Stage::tile, Stage::llvm, Stage::assembly, Stage::ptx}, *stage);
  if (!o.kernel.empty() && !hasKernels)
    return "--kernel: " + o.compileTo +
           " has no kernels; tile, llvm, asm and "
           "ptx have";
  return o.output.empty()
             ? ""
             : "--compile-to prints a stage and writes no "
               "container: leave out -o, or use --dump-dir to have "
               "both";
}

/// The targets that are asked for, `native` by the name of what this machine
/// runs best.
llvm::Expected<std::vector<std::string>>
readTargets(const Options &o, const schedule::Targets &known) {
  std::vector<std::string> targets;
  std::vector<std::string> names{"cpu", "native"};
  llvm::append_range(names, known.cpuNames());
  llvm::append_range(names, known.gpuNames());
  for (const std::string &target : o.targets) {
    if (target == "native") {
      std::vector<CpuLevel> levels = cpuLevelsBySpeed();
      if (levels.empty())
        return llvm::createStringError(
            "--target native: this machine runs no level of CPU that there is "
            "code for; expected " +
            llvm::join(names, ", "));
      targets.emplace_back(levels.front().target);
      continue;
    }
    if (!llvm::is_contained(names, target))
      return llvm::createStringError("--target: expected " +
                                     llvm::join(names, ", ") + ", got '" +
                                     target + "'" + suggestion(target, names));
    targets.push_back(target);
  }
  return targets.empty() ? CompileOptions().targets : targets;
}

CompileOptions readOptions(const Options &o) {
  CompileOptions options;
  options.chunk = o.chunk;
  options.chunkGiven = bool(*o.chunkGiven);
  options.targetFolders = o.targetFolders;
  options.scheduleFile = o.schedules;
  options.dumpFolder = o.dumpFolder;
  options.cacheBytes = o.cacheBytes;
  const char *folder = getenv("HAMLET_CACHE");
  if (!o.noCache)
    options.cacheFolder = *o.cacheGiven ? o.cache
                          : folder      ? folder
                                        : defaultCacheFolder();
  options.kernel = o.kernel;
  if (!o.compileTo.empty())
    options.printStage = parseStage(o.compileTo);
  return options;
}

/// All that is written but for dumps, opened before any work is done.
struct Outputs {
  AtomicFile container, remarks;

  Status open(const Options &o) {
    HAMLET_TRY(openOutput(container, "-o", o.output));
    return openOutput(remarks, "--remarks", o.remarks);
  }
  /// The remarks, and the container if there is one, both or none.
  Status write(const std::string &text, ArrayRef<uint8_t> bytes) {
    if (remarks.isOpen())
      HAMLET_TRY(remarks.write(text));
    if (container.isOpen()) {
      HAMLET_TRY(container.write(bytes.data(), bytes.size()));
      HAMLET_TRY(container.commit());
    }
    return remarks.isOpen() ? remarks.commit() : Status();
  }
};

/// `PATH HASH` of each file that changes what is compiled and stands on the
/// command line: schedules, and the descriptions in folders.
std::vector<std::string> hashFiles(const Options &o) {
  std::vector<std::string> paths;
  if (!o.schedules.empty())
    paths.push_back(o.schedules);
  for (const auto *folders : {&o.targetFolders, &o.modelFolders})
    for (const std::string &folder : *folders) {
      size_t first = paths.size();
      std::error_code error;
      for (llvm::sys::fs::directory_iterator it(folder, error), end;
           it != end && !error; it.increment(error))
        if (StringRef(it->path()).ends_with(".yaml"))
          paths.push_back(it->path());
      std::sort(paths.begin() + first, paths.end());
    }
  for (std::string &path : paths)
    if (auto file = llvm::MemoryBuffer::getFile(path))
      path += " " + llvm::utohexstr(llvm::xxh3_64bits((*file)->getBuffer()),
                                    /*LowerCase=*/true, 16);
  return paths;
}

DictionaryAttr provenanceOf(Builder b, const CompileOptions &options,
                            const Options &given, const CompileSummary &summary,
                            const std::string &hash, const Imported &imported) {
  std::string flags = "--target " + llvm::join(options.targets, ",");
  if (!isMlir(given.source))
    flags += " --dtype " + given.dtype;
  if (given.split)
    flags += " --split " + std::to_string(given.split);
  if (!given.functions.empty())
    flags += " --functions " + llvm::join(given.functions, ",");
  if (given.loss != kLikelihood)
    flags += " --loss " + given.loss;
  for (const std::string &setting : given.settings)
    flags += " --set " + setting;
  if (summary.chunk)
    flags += " --lightning-chunk " + std::to_string(*summary.chunk);
  if (given.ignoreUnused)
    flags += " --ignore-unused";
  llvm::SmallString<128> source(given.source);
  // A path that stays relative is one that can be read all the same.
  (void)llvm::sys::fs::make_absolute(source);
  llvm::sys::path::remove_dots(source, /*remove_dot_dot=*/true);
  auto entry = [&](StringRef name, const llvm::Twine &text) {
    return b.getNamedAttr(name, b.getStringAttr(text));
  };
  auto list = [&](StringRef name, ArrayRef<std::string> texts) {
    return b.getNamedAttr(name, b.getStrArrayAttr(SmallVector<StringRef>(
                                    texts.begin(), texts.end())));
  };
  return b.getDictionaryAttr({entry("compiler", "hamlet " HAMLET_VERSION
                                                ", LLVM " LLVM_VERSION_STRING),
                              entry("flags", flags), entry("input_hash", hash),
                              entry("source", source),
                              list("entries", imported.entries),
                              list("files", hashFiles(given))});
}

/// The text of a program (`hamlet inspect --program`), perhaps changed by
/// passes.
FailureOr<OwningOpRef<ModuleOp>> assemble(OwningOpRef<ModuleOp> program,
                                          const Options &o) {
  const std::pair<const char *, bool> given[] = {
      {"--target", bool(*o.targetGiven)},
      {"--compile-to", !o.compileTo.empty()},
      {"--lightning-chunk", bool(*o.chunkGiven)},
      {"--schedules", !o.schedules.empty()}};
  for (auto [name, isGiven] : given)
    if (isGiven)
      return program->emitError()
             << name << " is for graphs; a program is compiled already";
  PassManager passes(program->getContext());
  passes.addPass(codegen::createProgramLifetimesPass());
  if (failed(passes.run(*program)))
    return mlir::failure();
  return program;
}

/// A line on standard error, if that is a terminal, while kernels are compiled.
class Progress {
public:
  explicit Progress(bool wanted) : shown(wanted && isatty(STDERR_FILENO)) {}
  ~Progress() {
    if (shown && drawn)
      llvm::errs() << "\r\033[K";
  }
  void update(size_t done, size_t total) {
    if (!shown)
      return;
    drawn = true;
    llvm::errs() << "\rkernel " << done << " of " << total << "\033[K";
  }

private:
  bool shown, drawn = false;
};

class Compilation {
public:
  Compilation(const Options &given, CompileOptions options)
      : given(given), options(std::move(options)) {}

  Status run() {
    HAMLET_TRY(outputs.open(given));
    CompilerContext compiler;
    MLIRContext &context = compiler.context;
    if (outputs.remarks.isOpen()) {
      const std::string any = ".*";
      remark::RemarkCategories all{any, any, any, any, any};
      if (failed(remark::enableOptimizationRemarks(
              context, std::make_unique<RemarkText>(remarks),
              std::make_unique<remark::RemarkEmittingPolicyAll>(), all)))
        return fail("internal: remarks are on already");
    }
    PassTimes times(given.timePasses);
    options.timing = times.scope();
    HAMLET_TRY(compile(context));
    times.print(summary);
    return {};
  }

private:
  Status compile(MLIRContext &context) {
    auto start = std::chrono::steady_clock::now();
    frontend::ImportOptions import;
    import.chunk = given.chunk;
    import.split = given.split;
    import.modelFolders = given.modelFolders;
    if (!given.functions.empty())
      import.functions = functionsOf(given.functions);
    auto preset = readLoss(given);
    if (preset.failed())
      return preset.status();
    import.loss = preset->loss;
    import.hasAdvantage = given.loss != kLikelihood;
    import.dtype = *parseDtype(given.dtype);
    import.ignoreUnused = given.ignoreUnused;
    Imported imported;
    TimingScope reading;
    if (options.timing)
      reading = options.timing->nest("reading the source");
    llvm::Expected<OwningOpRef<ModuleOp>> graph =
        readSource(context, given.source, import, summary.notes, imported);
    reading.stop();
    if (!graph)
      return fail(graph.takeError());
    std::string hash = inputHash(**graph);
    bool isProgram = !(*graph)->getOps<program::FuncOp>().empty();
    FailureOr<OwningOpRef<ModuleOp>> program = mlir::failure();
    if (isProgram) {
      program = assemble(std::move(*graph), given);
    } else if (succeeded(checkGraph(**graph))) {
      Progress progress(!given.quiet);
      options.progress = [&](size_t done, size_t total) {
        progress.update(done, total);
      };
      program = compileGraph(**graph, options, llvm::outs(), summary);
    }
    if (failed(program))
      return fail("'" + given.source + "' was not compiled; see above");
    std::unique_ptr<hmlt::ContainerT> container;
    std::vector<uint8_t> bytes;
    if (*program) {
      // The text of a program says where it comes from.
      if (!isProgram)
        (**program)->setAttr(codegen::kProvenanceAttr,
                             provenanceOf(Builder(&context), options, given,
                                          summary, hash, imported));
      FailureOr<std::unique_ptr<hmlt::ContainerT>> stored =
          codegen::serializeProgram(**program);
      if (failed(stored))
        return fail("'" + given.source + "' is not a valid program; see above");
      container = std::move(*stored);
      Result<std::vector<uint8_t>> serialized = serializeContainer(*container);
      if (serialized.failed())
        return fail(
            "'" + given.source +
            "' describes what no container can hold: " + serialized.message());
      bytes = std::move(*serialized);
    }
    HAMLET_TRY(outputs.write(remarks, bytes));
    if (!container || given.quiet)
      return {};
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - start;
    if (isProgram)
      llvm::outs() << "wrote      " << given.output << ", " << bytes.size()
                   << " bytes, in " << llvm::format("%.2f", seconds.count())
                   << " s\n";
    else
      printSummary(summary, imported.description, given.output, *container,
                   bytes.size(), seconds.count());
    return {};
  }

  const Options &given;
  CompileOptions options;
  CompileSummary summary;
  Outputs outputs;
  std::string remarks; // outlives the context, which writes it
};

int compile(const Options &given) {
  if (std::string text = mistake(given); !text.empty())
    return misuse(text);
  CompileOptions options = readOptions(given);
  llvm::Expected<schedule::Targets> known =
      schedule::Targets::load(options.targetFolders);
  if (!known)
    return finish(fail(known.takeError()));
  llvm::Expected<std::vector<std::string>> targets = readTargets(given, *known);
  if (!targets)
    return misuse(llvm::toString(targets.takeError()));
  options.targets = std::move(*targets);
  int status = finish(Compilation(given, std::move(options)).run());
  llvm::outs().flush();
  if (std::error_code error = llvm::outs().error()) {
    // LLVM would end the process for it.
    llvm::outs().clear_error();
    if (status == kDone)
      return finish(
          fail("cannot write to standard output: " + error.message()));
  }
  return status;
}

/// The built-in targets, whose names are those of their files.
std::string builtinNames() {
  std::vector<StringRef> cpus, gpus;
  for (const schedule::EmbeddedFile &file : schedule::builtinTargets()) {
    StringRef name = llvm::sys::path::stem(file.name);
    (name.starts_with("sm_") ? gpus : cpus).push_back(name);
  }
  return llvm::join(cpus, ", ") + ", " + llvm::join(gpus, "|");
}

} // namespace

Action tools::addCompileCommand(CLI::App &app) {
  auto options = std::make_shared<Options>();
  Options &o = *options;
  app.add_option("SRC", o.source,
                 "A checkpoint's folder, a config.json or a .mlir file")
      ->required();
  app.add_option("-o,--output", o.output, "The container to write (.hmlt)");
  o.targetGiven =
      addList(app, "--target", o.targets,
              "What code is for, separated by commas: cpu (each level of CPU; "
              "the default), native (this machine's), " +
                  builtinNames() + ", and those of --targets");
  app.add_option("--dtype", o.dtype, "as-stored|f32|bf16 (as-stored)")
      ->default_str("");
  o.chunkGiven =
      addCount(app, "--lightning-chunk", o.chunk,
               "Tokens between anchors of lightning states", 1, 1024);
  o.splitGiven = addCount(app, "--split", o.split,
                          "At least so many parts, a power of two, of every "
                          "sum over features; default: f32 products have 8 and "
                          "more, bf16 products one sum",
                          2, 1024)
                     ->default_str("");
  addList(app, "--functions", o.functions,
          "What the binary can do, separated by commas: " +
              frontend::functionNames() + " (step)");
  app.add_option("--loss", o.loss,
                 "Of train_step: a preset, cross_entropy, cispo, ppo, ...");
  addList(app, "--set", o.settings,
          "KEY=VALUE: another value of the preset, algorithm.is_high=5");
  app.add_option("--compile-to", o.compileTo,
                 "Print this stage instead: " + stageNames("|"));
  app.add_option("--kernel", o.kernel,
                 "Of tile, llvm, asm and ptx print this kernel (linear_2) or "
                 "variant (linear_2_r64) alone");
  addList(app, "--models", o.modelFolders,
          "Folders with more family descriptions")
      ->type_name("DIR");
  addList(app, "--targets", o.targetFolders,
          "Folders with more target descriptions")
      ->type_name("DIR");
  app.add_option("--schedules", o.schedules,
                 "A file of register blocks, in place of the cost model's");
  CLI::Option *noCache =
      app.add_flag("--no-cache", o.noCache, "Compile every kernel")
          ->default_str("");
  o.cacheGiven =
      app.add_option("--cache", o.cache,
                     "Keep compiled kernels in this folder and take them from "
                     "it; default: HAMLET_CACHE, else ~/.cache/hamlet. What "
                     "is written does not depend on it")
          ->excludes(noCache);
  addCount(app, "--cache-bytes", o.cacheBytes,
           "What the folder may hold; the kernels that were not used for "
           "longest go",
           0);
  app.add_flag("--ignore-unused", o.ignoreUnused,
               "Compile without tensors that look like parts of a layer and "
               "that the family does not read")
      ->default_str("");
  app.add_option("--dump-dir", o.dumpFolder,
                 "Write the text of every stage here, and a reproducer if a "
                 "pass fails");
  app.add_option("--remarks", o.remarks, "Write every decision (.yaml)");
  app.add_flag("--time-passes", o.timePasses, "Say where the time went")
      ->default_str("");
  app.add_flag("--quiet", o.quiet, "Print nothing but errors and warnings")
      ->default_str("");
  return [options] { return compile(*options); };
}
