//===- hamlet-compiler.cpp - `hamlet compile` and `hamlet plan` -----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `hamlet` starts this program, so that what runs models links no LLVM. Exit
// status: 0 done, 1 bad input, 2 wrong usage.

#include "codegen/driver/Compile.h"
#include "codegen/kernels/Region.h"
#include "codegen/program/Passes.h"
#include "codegen/program/Serialize.h"
#include "codegen/schedule/Target.h"
#include "container/AtomicFile.h"
#include "container/Container.h"
#include "container/Lifetimes.h"
#include "container/OutOfMemory.h"
#include "dialects/Program/ProgramOps.h"
#include "dialects/RegisterDialects.h"
#include "frontend/BuildGraph.h"
#include "frontend/Import.h"
#include "frontend/Plan.h"
#include "tools/hamlet-compiler/CheckGraph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Remarks/RemarkSerializer.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/xxhash.h"

#include <chrono>

using namespace mlir;
using namespace hamlet;
namespace cl = llvm::cl;

namespace {

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

cl::SubCommand compileCommand(
    "compile", "compile a checkpoint folder, a config.json or a .mlir file");
cl::SubCommand planCommand("plan",
                           "memory and work per rank of a configuration");

cl::opt<std::string> source(cl::Positional, cl::Required, cl::desc("SRC"),
                            cl::sub(compileCommand));
cl::opt<std::string> output("o", cl::desc("the container to write"),
                            cl::value_desc("FILE.hmlt"),
                            cl::sub(compileCommand));
/// The built-in targets, whose names are those of their files.
std::string builtinNames(StringRef separator) {
  std::vector<StringRef> names;
  for (const schedule::EmbeddedFile &file : schedule::builtinTargets())
    names.push_back(llvm::sys::path::stem(file.name));
  return llvm::join(names, separator);
}
const std::string targetHelp = "cpu, every level of CPU (default), or a list "
                               "of cpu and targets: " +
                               builtinNames("|") + ", and those of --targets";
cl::list<std::string> targets("target", cl::CommaSeparated,
                              cl::desc(targetHelp), cl::value_desc("cpu,sm_80"),
                              cl::sub(compileCommand));
cl::list<std::string>
    modelFolders("models", cl::desc("a folder with more family descriptions"),
                 cl::value_desc("DIR"), cl::sub(compileCommand),
                 cl::sub(planCommand));
cl::list<std::string>
    targetFolders("targets", cl::desc("a folder with more target descriptions"),
                  cl::value_desc("DIR"), cl::sub(compileCommand));
cl::opt<std::string>
    schedules("schedules",
              cl::desc("a file of register blocks, in place of the cost "
                       "model's"),
              cl::value_desc("F.yaml"), cl::sub(compileCommand));
cl::opt<int64_t>
    chunk("lightning-chunk", cl::init(64),
          cl::desc("tokens between anchors of lightning states (64)"),
          cl::sub(compileCommand));
cl::opt<int64_t>
    split("split", cl::init(0),
          cl::desc("at least so many parts, a power of two, of every sum over "
                   "features (default: f32 products have 8 and more, bf16 "
                   "products one sum)"),
          cl::value_desc("N"), cl::sub(compileCommand));
cl::opt<std::string> compileTo(
    "compile-to",
    cl::desc("print this stage instead: graph|fused|tile|llvm|ptx|program"),
    cl::sub(compileCommand));
cl::opt<std::string> dtype("dtype", cl::init("as-stored"),
                           cl::desc("as-stored|f32|bf16 (as-stored)"),
                           cl::sub(compileCommand));
cl::opt<std::string> dumpFolder(
    "dump-dir",
    cl::desc(
        "write the text of every stage here, and a reproducer if a pass fails"),
    cl::value_desc("D"), cl::sub(compileCommand));
cl::opt<std::string>
    cacheFolder("cache",
                cl::desc("keep compiled kernels in this folder and take them "
                         "from it (HAMLET_CACHE; default: none); the output "
                         "is the same with and without"),
                cl::value_desc("DIR"), cl::sub(compileCommand));
cl::opt<bool> timePasses("time-passes", cl::desc("say where the time went"),
                         cl::sub(compileCommand));
cl::opt<std::string> remarks("remarks",
                             cl::desc("write every decision, as YAML"),
                             cl::value_desc("F"), cl::sub(compileCommand));
cl::opt<bool> ignoreUnused(
    "ignore-unused",
    cl::desc("compile without tensors that look like parts of a layer and that "
             "the family does not read"),
    cl::sub(compileCommand));
cl::opt<bool> quiet("quiet", cl::desc("print nothing but errors and warnings"),
                    cl::sub(compileCommand));

cl::SubCommand programCommand("program",
                              "Print the program of a container as IR");
cl::opt<std::string> programSource(cl::Positional, cl::Required,
                                   cl::desc("FILE.hmlt"),
                                   cl::sub(programCommand));

cl::opt<std::string> planSource(cl::Positional, cl::Required,
                                cl::desc("CONFIG"), cl::sub(planCommand));
cl::opt<int64_t> tensorParallel("tp", cl::init(1),
                                cl::desc("ranks of a tensor-parallel group"),
                                cl::sub(planCommand));
cl::opt<bool> planJsonFlag("json", cl::desc("as JSON"), cl::sub(planCommand));

int fail(const llvm::Twine &message) {
  llvm::errs() << "hamlet: error: " << message << "\n";
  return kFailed;
}
void warn(llvm::ArrayRef<std::string> warnings) {
  for (const std::string &warning : warnings)
    llvm::errs() << "hamlet: warning: " << warning << "\n";
}
int misuse(const llvm::Twine &message) {
  llvm::errs() << "hamlet: " << message << "\n";
  return kWrongUsage;
}

/// What no text has a place for (a file of schedules, a folder of dumps) is
/// told like other errors of the command, not at `<unknown>:0`.
LogicalResult tellWithoutPlace(Diagnostic &diagnostic) {
  if (!isa<UnknownLoc>(diagnostic.getLocation()) ||
      diagnostic.getSeverity() != DiagnosticSeverity::Error)
    return failure();
  fail(diagnostic.str());
  for (Diagnostic &note : diagnostic.getNotes())
    llvm::errs() << "hamlet: note: " << note.str() << "\n";
  return success();
}

bool isMlir(StringRef path) { return path.ends_with(".mlir"); }

/// What `--dtype` asks for, none of it as stored; none at all if it is no such
/// name.
std::optional<std::optional<frontend::FloatType>> parseDtype(StringRef name) {
  using Asked = std::optional<frontend::FloatType>;
  return llvm::StringSwitch<std::optional<Asked>>(name)
      .Case("as-stored", Asked())
      .Case("f32", Asked(frontend::FloatType::F32))
      .Case("bf16", Asked(frontend::FloatType::BF16))
      .Default(std::nullopt);
}

/// A checkpoint, a lone configuration or MLIR text, as a graph module.
llvm::Expected<OwningOpRef<ModuleOp>>
readGraph(MLIRContext &context, CompileSummary &summary, std::string &imported,
          std::vector<std::string> &entries) {
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
    imported = "graph module";
    return module;
  }
  frontend::ImportOptions options;
  options.chunk = chunk;
  options.split = split;
  options.modelFolders.assign(modelFolders.begin(), modelFolders.end());
  options.dtype = *parseDtype(dtype);
  options.ignoreUnused = ignoreUnused;
  llvm::Expected<frontend::ImportedModel> model =
      frontend::importModel(source, options);
  if (!model)
    return model.takeError();
  warn(model->warnings);
  llvm::append_range(summary.notes, model->notes);
  entries = model->entries();
  llvm::raw_string_ostream out(imported);
  out << model->spec.architecture << ", " << model->spec.layers.size()
      << " layers, " << model->spec.parameters() << " parameters, "
      << model->spec.weights.size() << " weights";
  if (model->report)
    out << " from " << model->report->used << " tensors";
  out << ", " << frontend::floatTypeName(model->graph.dtype);
  return frontend::buildGraph(context, model->spec, model->graph);
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

/// Hash of the text the compilation started from.
std::string inputHash(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out);
  return llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true);
}

void printSummary(const CompileSummary &summary, const std::string &imported,
                  const std::string &output, const hmlt::ContainerT &container,
                  uint64_t bytes, double seconds) {
  llvm::raw_ostream &out = llvm::outs();
  out << "imported   " << imported << "\n";
  out << "fused      " << summary.graphOps << " ops into " << summary.launches
      << " launches of " << summary.kernels << " kernels (" << summary.variants
      << " variants)\n";
  int64_t slots = 0, pages = 0;
  for (const auto &cache : container.caches)
    switch (cache->per) {
    case hmlt::CachePer::slot:
      slots += cache->bytes;
      break;
    case hmlt::CachePer::page:
      pages += cache->bytes;
      break;
    }
  int64_t arena = 0, buffers = 0;
  for (const auto &function : container.functions) {
    std::vector<Lifetime> lives;
    lives.reserve(function->buffers.size());
    for (const auto &buffer : function->buffers) {
      const hmlt::Expr &e = *buffer->bytes;
      int64_t each = e.symbol() == hmlt::Symbol::tokens ? e.mul() / e.div() : 0;
      buffers += each;
      lives.push_back({each, buffer->first, buffer->last});
    }
    std::vector<Lifetime *> all;
    all.reserve(lives.size());
    for (Lifetime &life : lives)
      all.push_back(&life);
    arena += placeLifetimes(all);
  }
  out << "memory     " << arena << " bytes of arena a token of a step ("
      << buffers << " without sharing), " << slots
      << " bytes of state a sequence, " << pages / kPageTokens
      << " bytes of keys and values a token\n";
  for (const std::string &note : summary.notes)
    out << "note       " << note
        << (StringRef(note).ends_with("\n") ? "" : "\n");
  out << "wrote      " << output << ", " << bytes << " bytes, in "
      << llvm::format("%.2f", seconds) << " s\n";
}

/// What `--time-passes` says of kernels, after MLIR's tables of passes.
void printTimes(const CompileSummary &summary) {
  llvm::raw_ostream &out = llvm::errs();
  auto row = [&](double seconds, const char *what) {
    out << llvm::format("%9.3f s  ", seconds) << what << "\n";
  };
  out << "kernels, all threads together:\n";
  row(summary.times.lower, "tiles to LLVM");
  row(summary.times.optimize, "LLVM's passes");
  row(summary.times.generate, "LLVM's code generation");
  out << "kernel cache: " << summary.cacheHits << " found, "
      << summary.cacheMisses << " compiled and kept\n";
}

/// lld, which links kernels, resets every option; these are read after it.
struct Saved {
  std::string source = ::source, output = ::output, dtype = ::dtype;
  int64_t split = ::split;
  bool quiet = ::quiet, timePasses = ::timePasses;
};

/// What the command line asks for that cannot be, as a sentence; else empty.
std::string mistake() {
  if (!parseDtype(dtype))
    return "--dtype: expected 'as-stored', 'f32' or 'bf16', got '" + dtype +
           "'";
  if (isMlir(source) && *parseDtype(dtype))
    return "--dtype " + dtype +
           ": a graph has its dtypes; expected as-stored with a .mlir";
  if (!remarks.empty() && sameOutput(remarks, output))
    return "-o and --remarks: expected two files, got '" + output + "' and '" +
           remarks + "'";
  for (const std::string *file : {&output.getValue(), &remarks.getValue()})
    if (sameOutput(*file, source))
      return "expected to write another file than the source, '" + source + "'";
  if (chunk < 1 || chunk > 1024)
    return "--lightning-chunk: expected 1 to 1024 tokens, got " +
           std::to_string(chunk);
  if (split.getNumOccurrences() &&
      (split < 2 || split > 1024 || !llvm::isPowerOf2_64(split)))
    return "--split: expected a power of two from 2 to 1024, got " +
           std::to_string(split);
  if (isMlir(source) && split.getNumOccurrences())
    return "--split: a .mlir says the order of its sums itself, in "
           "#tile.numerics; the option is for checkpoints";
  if (compileTo.empty())
    return output.empty() ? "compile: expected -o FILE.hmlt, or --compile-to "
                            "to print a stage"
                          : "";
  if (!parseStage(compileTo))
    return "--compile-to: expected graph, fused, tile, llvm, ptx or program, "
           "got '" +
           compileTo + "'";
  return output.empty() ? ""
                        : "--compile-to prints a stage and writes no "
                          "container: leave out -o, or use --dump-dir to have "
                          "both";
}

CompileOptions readOptions() {
  CompileOptions options;
  options.chunk = chunk;
  options.chunkGiven = chunk.getNumOccurrences() != 0;
  options.targetFolders.assign(targetFolders.begin(), targetFolders.end());
  options.scheduleFile = schedules;
  options.dumpFolder = dumpFolder;
  options.timePasses = timePasses;
  options.cacheFolder = cacheFolder;
  if (const char *folder = getenv("HAMLET_CACHE");
      folder && !cacheFolder.getNumOccurrences())
    options.cacheFolder = folder;
  if (!targets.empty())
    options.targets.assign(targets.begin(), targets.end());
  if (!compileTo.empty())
    options.printStage = parseStage(compileTo);
  return options;
}

/// All that is written but for dumps, opened before any work is done.
struct Outputs {
  AtomicFile container, remarks;

  Status open() {
    if (!::output.empty())
      HAMLET_TRY(container.open(::output).in("-o"));
    if (!::remarks.empty())
      HAMLET_TRY(remarks.open(::remarks).in("--remarks"));
    return {};
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

DictionaryAttr provenanceOf(Builder b, const CompileOptions &options,
                            const Saved &given, const CompileSummary &summary,
                            const std::string &hash,
                            ArrayRef<std::string> entries) {
  std::string flags = "--target " + llvm::join(options.targets, ",");
  if (!isMlir(given.source))
    flags += " --dtype " + given.dtype;
  if (given.split)
    flags += " --split " + std::to_string(given.split);
  if (summary.chunk)
    flags += " --lightning-chunk " + std::to_string(*summary.chunk);
  auto entry = [&](StringRef name, StringRef text) {
    return b.getNamedAttr(name, b.getStringAttr(text));
  };
  return b.getDictionaryAttr(
      {entry("compiler", "hamlet 0.1.0, LLVM " LLVM_VERSION_STRING),
       entry("flags", flags), entry("input_hash", hash),
       b.getNamedAttr("entries", b.getStrArrayAttr(SmallVector<StringRef>(
                                     entries.begin(), entries.end())))});
}

/// The text of a program (`hamlet inspect --program`), perhaps changed by
/// passes.
FailureOr<OwningOpRef<ModuleOp>> assemble(OwningOpRef<ModuleOp> program) {
  for (const cl::Option *option : std::initializer_list<const cl::Option *>{
           std::addressof(targets), &compileTo, &chunk, &split, &schedules})
    if (option->getNumOccurrences())
      return program->emitError()
             << "--" << option->ArgStr
             << " is for graphs; a program is compiled already";
  PassManager passes(program->getContext());
  passes.addPass(codegen::createProgramLifetimesPass());
  if (failed(passes.run(*program)))
    return mlir::failure();
  return program;
}

int compile() {
  if (std::string text = mistake(); !text.empty())
    return misuse(text);
  const Saved given;
  const CompileOptions options = readOptions();
  llvm::Expected<schedule::Targets> known =
      schedule::Targets::load(options.targetFolders);
  if (!known)
    return fail(llvm::toString(known.takeError()));
  for (const std::string &target : options.targets)
    if (target != "cpu" && !known->findCpu(target) && !known->findGpu(target))
      return misuse("--target: expected cpu, " +
                    llvm::join(known->cpuNames(), ", ") + ", " +
                    llvm::join(known->gpuNames(), ", ") + ", got '" + target +
                    "'");
  Outputs outputs;
  if (Status status = outputs.open(); status.failed())
    return fail(status.message());
  auto start = std::chrono::steady_clock::now();

  DialectRegistry registry;
  registerDialects(registry);
  codegen::registerLaunchModels(registry);
  codegen::registerWindowModels(registry);
  registry.insert<arith::ArithDialect, func::FuncDialect, math::MathDialect,
                  scf::SCFDialect, tensor::TensorDialect>();
  std::string remarksText; // outlives the context, which writes it
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context, llvm::errs());
  context.getDiagEngine().registerHandler(tellWithoutPlace);
  // Messages have the place; the op may be the whole module.
  context.printOpOnDiagnostic(false);
  if (outputs.remarks.isOpen()) {
    const std::string any = ".*";
    remark::RemarkCategories all{any, any, any, any, any};
    if (failed(remark::enableOptimizationRemarks(
            context, std::make_unique<RemarkText>(remarksText),
            std::make_unique<remark::RemarkEmittingPolicyAll>(), all)))
      return fail("internal: remarks are on already");
  }

  CompileSummary summary;
  std::string imported;
  std::vector<std::string> entries;
  llvm::Expected<OwningOpRef<ModuleOp>> graph =
      readGraph(context, summary, imported, entries);
  if (!graph)
    return fail(llvm::toString(graph.takeError()));
  std::string hash = inputHash(**graph);
  bool isProgram = !(*graph)->getOps<program::FuncOp>().empty();
  FailureOr<OwningOpRef<ModuleOp>> program = mlir::failure();
  if (isProgram)
    program = assemble(std::move(*graph));
  else if (succeeded(checkGraph(**graph)))
    program = compileGraph(**graph, options, llvm::outs(), summary);
  if (failed(program))
    return fail("'" + given.source + "' was not compiled; see above");
  std::unique_ptr<hmlt::ContainerT> container;
  std::vector<uint8_t> bytes;
  if (*program) {
    // The text of a program says where it comes from.
    if (!isProgram)
      (**program)->setAttr(codegen::kProvenanceAttr,
                           provenanceOf(Builder(&context), options, given,
                                        summary, hash, entries));
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
  if (Status status = outputs.write(remarksText, bytes); status.failed())
    return fail(status.message());
  if (!container)
    return kDone;
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  if (given.timePasses)
    printTimes(summary);
  if (!given.quiet && isProgram)
    llvm::outs() << "wrote      " << given.output << ", " << bytes.size()
                 << " bytes, in " << llvm::format("%.2f", seconds.count())
                 << " s\n";
  else if (!given.quiet)
    printSummary(summary, imported, given.output, *container, bytes.size(),
                 seconds.count());
  return kDone;
}

/// Prints the program of a container.
int disassemble() {
  Result<std::unique_ptr<hmlt::ContainerT>> file =
      readContainer(programSource.getValue());
  if (file.failed())
    return fail(file.message());
  MLIRContext context;
  OwningOpRef<ModuleOp> program = codegen::deserializeProgram(context, **file);
  program->print(llvm::outs(),
                 OpPrintingFlags().printLargeElementsAttrWithHex(100));
  llvm::outs() << "\n";
  return kDone;
}

int plan() {
  if (tensorParallel < 1)
    return misuse("--tp: expected at least 1 rank, got " +
                  llvm::Twine(tensorParallel));
  frontend::ImportOptions options;
  options.modelFolders.assign(modelFolders.begin(), modelFolders.end());
  options.ignoreUnused = true; // Told of, but not what a plan is about.
  llvm::Expected<frontend::ImportedModel> model =
      frontend::importModel(planSource, options);
  if (!model)
    return fail(llvm::toString(model.takeError()));
  warn(model->warnings);
  frontend::PlanOptions planOptions;
  planOptions.tensorParallel = tensorParallel;
  planOptions.dtype = model->graph.dtype;
  llvm::Expected<frontend::Plan> plan =
      frontend::makePlan(model->spec, planOptions);
  if (!plan)
    return fail(llvm::toString(plan.takeError()));
  if (planJsonFlag)
    llvm::outs() << llvm::formatv("{0:2}", frontend::planJson(*plan)) << "\n";
  else
    llvm::outs() << frontend::planText(*plan);
  return kDone;
}

int start(int argc, char **argv) {
  std::string complaint;
  llvm::raw_string_ostream errors(complaint);
  if (!cl::ParseCommandLineOptions(argc, argv, "Hamlet's compiler\n",
                                   &errors)) {
    llvm::errs() << complaint;
    return kWrongUsage;
  }
  if (!compileCommand && !planCommand && !programCommand)
    return misuse("expected 'compile' or 'plan'");
  int status = compileCommand   ? compile()
               : programCommand ? disassemble()
                                : plan();
  llvm::outs().flush();
  if (std::error_code error = llvm::outs().error()) {
    // LLVM would end the process for it.
    llvm::outs().clear_error();
    if (status == kDone)
      return fail("cannot write to standard output: " + error.message());
  }
  return status;
}

} // namespace

int main(int argc, char **argv) {
  AtomicFile::handleSignals();
  endWhenMemoryRunsOut();
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { endOutOfMemory(); });
  llvm::install_fatal_error_handler(
      [](void *, const char *reason, bool) { endAtOnce(reason); });
  try {
    return start(argc, argv);
  } catch (const std::exception &error) {
    return fail(error.what());
  }
}
