//===- Emit.cpp - passes, objects, linking --------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Emit.h"

#include "codegen/cpu/KernelEmitter.h"
#include "codegen/tile/AssignLayout.h"
#include "codegen/tile/ExpandMath.h"

#include "lld/Common/Driver.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <system_error>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;

static constexpr llvm::StringLiteral kScratchAttr = "hamlet.scratch";

StringRef hamlet::cpu::stringify(Level level) {
  switch (level) {
  case Level::v3:
    return "v3";
  case Level::v4:
    return "v4";
  case Level::v4bf16:
    return "v4bf16";
  }
  llvm_unreachable("there are three levels");
}

StringRef hamlet::cpu::targetName(Level level) {
  switch (level) {
  case Level::v3:
    return "x86-64-v3";
  case Level::v4:
    return "x86-64-v4";
  case Level::v4bf16:
    return "x86-64-v4-bf16";
  }
  llvm_unreachable("there are three levels");
}

std::optional<Level> hamlet::cpu::parseLevel(StringRef text) {
  for (Level level : kLevels)
    if (text == stringify(level))
      return level;
  return std::nullopt;
}

std::optional<Level> hamlet::cpu::parseTargetName(StringRef text) {
  for (Level level : kLevels)
    if (text == targetName(level))
      return level;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

namespace hamlet::cpu {
#define GEN_PASS_DEF_TILETOCPUPASS
#include "codegen/cpu/Passes.h.inc"
} // namespace hamlet::cpu

namespace {

struct TileToCpu : hamlet::cpu::impl::TileToCpuPassBase<TileToCpu> {
  using TileToCpuPassBase::TileToCpuPassBase;

  void runOnOperation() final {
    std::optional<Level> which = parseLevel(level.getValue());
    if (!which) {
      emitError(UnknownLoc::get(&getContext()))
          << getArgument() << ": expected the level v3, v4 or v4bf16, got '"
          << level.getValue() << "'";
      return signalPassFailure();
    }
    if (failed(tile::assignLayouts(getOperation())))
      return signalPassFailure();
    tile::expandMath(getOperation());
    RewritePatternSet divisions(&getContext());
    arith::populateCeilFloorDivExpandOpsPatterns(divisions);
    if (failed(applyPatternsGreedily(getOperation(), std::move(divisions))))
      return signalPassFailure();
    SmallVector<func::FuncOp> kernels;
    for (auto kernel : getOperation().getOps<func::FuncOp>())
      if (kernel->hasAttr(tile::kKernelAttr))
        kernels.push_back(kernel);
    for (func::FuncOp kernel : kernels) {
      FailureOr<int64_t> bytes = KernelEmitter(kernel, *which).run();
      if (failed(bytes))
        return signalPassFailure();
      auto lowered = cast<func::FuncOp>(kernel->getNextNode());
      kernel.erase();
      lowered->setAttr(kScratchAttr,
                       OpBuilder(&getContext()).getI64IntegerAttr(*bytes));
    }
  }
};

} // namespace

static void addConversions(OpPassManager &passes) {
  passes.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  passes.addPass(createConvertVectorToLLVMPass(vectors));
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

void hamlet::cpu::buildTileToCpuPipeline(OpPassManager &passes, Level level) {
  passes.addPass(createTileToCpuPass({stringify(level).str()}));
  addConversions(passes);
}

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<std::string> level{*this, "level", llvm::cl::desc("v3, v4 or v4bf16"),
                            llvm::cl::init("v3")};
};
} // namespace

void hamlet::cpu::registerCpuPasses() {
  registerTileToCpuPass();
  PassPipelineRegistration<PipelineOptions>(
      "tile-to-cpu-llvm", "lower tile kernels to the LLVM dialect",
      [](OpPassManager &passes, const PipelineOptions &options) {
        passes.addPass(createTileToCpuPass({options.level.getValue()}));
        addConversions(passes);
      });
}

//===----------------------------------------------------------------------===//
// Objects
//===----------------------------------------------------------------------===//

static std::unique_ptr<llvm::TargetMachine> makeTarget(Level level,
                                                       std::string &error) {
  initializeBackEnds();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, level == Level::v3 ? "x86-64-v3" : "x86-64-v4",
      level == Level::v4bf16 ? "+avx512bf16" : "", options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Default));
}

/// A kernel is one function of loops over vectors, already free of common
/// subexpressions: what -O2 adds to this costs as much again as all the rest
/// and makes no kernel faster.
static constexpr llvm::StringLiteral kPipeline =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
    "simplifycfg,loop-mssa(loop-rotate,licm),gvn,dse,"
    "instcombine<no-verify-fixpoint>,simplifycfg)";

static void optimize(llvm::Module &code, llvm::TargetMachine &machine,
                     EmitTimes &times) {
  Stopwatch watch(times.optimize);
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopInterleaving = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  // No loop may become a call of memset or the like.
  llvm::TargetLibraryInfoImpl none(machine.getTargetTriple());
  none.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(none); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager pipeline;
  llvm::cantFail(builder.parsePassPipeline(pipeline, kPipeline));
  pipeline.run(code, modules);
}

namespace {
/// Leaves loop strength reduction out of the back end: a seventh of its time,
/// and addresses are already what the kernels' emitter made of them.
struct WithoutStrengthReduction : llvm::OptPassGate {
  bool isEnabled() const override { return true; }
  bool shouldRunPass(StringRef pass, StringRef) const override {
    return pass != "Loop Strength Reduction";
  }
};
} // namespace

/// The object file, or assembly, of `module`, whose functions are in the LLVM
/// dialect.
static FailureOr<std::vector<char>> emitCode(ModuleOp module, Level level,
                                             llvm::CodeGenFileType type,
                                             EmitTimes &times) {
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = makeTarget(level, error);
  if (!machine)
    return module.emitError("LLVM has no x86 target: ") << error;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code;
  {
    Stopwatch watch(times.lower);
    code = translateModuleToLLVMIR(module, context, "kernels");
  }
  if (!code)
    return module.emitError("could not be translated to LLVM IR");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *code) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine->getTargetCPU());
    function.addFnAttr("target-features", machine->getTargetFeatureString());
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (level != Level::v3) {
      function.addFnAttr("prefer-vector-width", "512");
      function.addFnAttr("min-legal-vector-width", "512");
    }
  }

  optimize(*code, *machine, times);
  Stopwatch watch(times.generate);
  WithoutStrengthReduction gate;
  context.setOptPassGate(gate);
  SmallVector<char> object;
  llvm::raw_svector_ostream out(object);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, out, nullptr, type))
    return module.emitError("LLVM's x86 target cannot write this kind of file");
  passes.run(*code);
  return std::vector<char>(object.begin(), object.end());
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

namespace {
/// A file in memory that other code can name by a path.
class MemoryFile {
public:
  MemoryFile()
      : fd(memfd_create("hamlet", MFD_CLOEXEC)), why(fd < 0 ? errno : 0) {}
  ~MemoryFile() {
    if (fd >= 0)
      close(fd);
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd); }
  bool write(ArrayRef<char> bytes) {
    while (!why && !bytes.empty()) {
      ssize_t done = ::write(fd, bytes.data(), bytes.size());
      if (done <= 0)
        why = errno;
      else
        bytes = bytes.drop_front(done);
    }
    return !why;
  }
  /// Why it could not be made or written.
  int error() const { return why; }

private:
  int fd, why;
};

/// A pipe's end that other code can write to by a path; what comes is
/// collected. lld writes to a regular file by making another one beside it.
class Collector {
public:
  Collector() {
    if (pipe2(ends, O_CLOEXEC)) {
      why = errno;
      return;
    }
    try {
      reader = std::thread([this] { read(); });
    } catch (const std::system_error &failed) {
      why = failed.code().value();
      close(ends[0]);
      close(ends[1]);
    }
  }
  ~Collector() { finish(); }
  /// Why nothing can be written or read, 0 as long as it can.
  int error() const { return why; }
  std::string path() const {
    return "/proc/self/fd/" + std::to_string(ends[1]);
  }
  /// Waits for the end of what was written. None if it could not be read.
  std::optional<std::vector<char>> finish() {
    if (reader.joinable()) {
      close(ends[1]); // the last one: the reader comes to the end
      reader.join();
      close(ends[0]);
    }
    return why ? std::nullopt : std::optional(std::move(bytes));
  }

private:
  void read() {
    constexpr size_t kBlock = 1 << 16;
    for (;;) {
      size_t size = bytes.size();
      bytes.resize(size + kBlock);
      ssize_t done = ::read(ends[0], bytes.data() + size, kBlock);
      bytes.resize(size + static_cast<size_t>(std::max<ssize_t>(done, 0)));
      if (done < 0 && errno == EINTR)
        continue;
      why = done < 0 ? errno : 0;
      if (done <= 0)
        return;
    }
  }

  int ends[2] = {-1, -1};
  int why = 0;
  std::vector<char> bytes;
  std::thread reader;
};
} // namespace

static FailureOr<std::vector<char>>
linkShared(ModuleOp at, ArrayRef<const std::vector<char> *> objects) {
  std::vector<std::string> arguments{
      "ld.lld", "-shared", "--no-undefined", "--threads=1", "--build-id=none",
      "-s",     "-z",      "noexecstack"};
  // One archive of all, whatever their number: a process may have few files.
  std::vector<llvm::NewArchiveMember> members;
  for (const std::vector<char> *object : objects)
    members.emplace_back(llvm::MemoryBufferRef(
        StringRef(object->data(), object->size()), "kernel.o"));
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> archive =
      llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NoSymtab,
                                 llvm::object::Archive::K_GNU,
                                 /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return at.emitError("kernels could not be put together: ")
           << llvm::toString(archive.takeError());
  MemoryFile input;
  if (!input.write({(*archive)->getBufferStart(), (*archive)->getBufferSize()}))
    return at.emitError("could not write the kernels to a file in memory: ")
           << strerror(input.error());
  arguments.insert(arguments.end(), {"--whole-archive", input.path()});
  Collector output;
  if (output.error())
    return at.emitError("could not make a pipe from the linker: ")
           << strerror(output.error());
  arguments.push_back("-o");
  arguments.push_back(output.path());
  std::vector<const char *> pointers;
  pointers.reserve(arguments.size());
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream log(messages);
  lld::Result result =
      lld::lldMain(pointers, log, log, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return at.emitError("kernels could not be linked: ")
           << StringRef(messages).rtrim();
  std::optional<std::vector<char>> image = output.finish();
  if (!image)
    return at.emitError("could not read the linked kernels: ")
           << strerror(output.error());
  return std::move(*image);
}

/// Kernels refer to nothing but themselves; lld checked it, and this does
/// again for symbols that it would bind at run time.
static LogicalResult checkSymbols(ModuleOp at, ArrayRef<char> image) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef({image.data(), image.size()}, "kernels"));
  if (!object)
    return at.emitError("linked kernels cannot be read: ")
           << llvm::toString(object.takeError());
  auto *elf = cast<llvm::object::ELFObjectFileBase>(object->get());
  for (llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    if (!flags || !name) {
      llvm::consumeError(flags.takeError());
      llvm::consumeError(name.takeError());
      return at.emitError("linked kernels have a damaged symbol table");
    }
    if (!name->empty() && (*flags & llvm::object::SymbolRef::SF_Undefined))
      return at.emitError("kernels call '")
             << *name << "', which nothing defines";
  }
  return success();
}

FailureOr<std::vector<char>>
hamlet::cpu::linkKernels(ModuleOp at,
                         ArrayRef<const std::vector<char> *> objects) {
  FailureOr<std::vector<char>> image = linkShared(at, objects);
  if (failed(image) || failed(checkSymbols(at, *image)))
    return failure();
  return image;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

bool hamlet::cpu::usesPairs(func::FuncOp kernel) {
  return kernel
      .walk([](tile::DotOp dot) {
        return dot.getNumerics().getGroup() == 2 ? WalkResult::interrupt()
                                                 : WalkResult::advance();
      })
      .wasInterrupted();
}

CpuCompiler::CpuCompiler()
    : context(std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED)) {
  DialectRegistry registry;
  registry.insert<tile::TileDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context->appendDialectRegistry(registry);
  context->loadDialect<LLVM::LLVMDialect, vector::VectorDialect,
                       scf::SCFDialect, arith::ArithDialect, math::MathDialect,
                       cf::ControlFlowDialect, func::FuncDialect,
                       tensor::TensorDialect, tile::TileDialect>();
}

CpuCompiler::~CpuCompiler() = default;

FailureOr<CpuObject> CpuCompiler::compile(StringRef text, Level level,
                                          std::string &complaints,
                                          bool assembly) {
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
    complaints += diagnostic.str() + "\n";
  });
  CpuObject object;
  OwningOpRef<ModuleOp> module;
  {
    Stopwatch watch(times.lower);
    module = parseSourceString<ModuleOp>(text, ParserConfig(context.get()));
    if (!module)
      return failure();
    PassManager passes(context.get());
    passes.enableVerifier(false);
    buildTileToCpuPipeline(passes, level);
    if (failed(passes.run(*module)))
      return failure();
  }
  for (auto function : module->getOps<LLVM::LLVMFuncOp>())
    if (auto bytes = function->getAttrOfType<IntegerAttr>(kScratchAttr))
      object.scratchBytes = std::max(object.scratchBytes, bytes.getInt());
  FailureOr<std::vector<char>> bytes =
      emitCode(*module, level,
               assembly ? llvm::CodeGenFileType::AssemblyFile
                        : llvm::CodeGenFileType::ObjectFile,
               times);
  if (failed(bytes))
    return failure();
  object.bytes = std::move(*bytes);
  return object;
}

FailureOr<std::vector<char>>
hamlet::cpu::emitSharedObject(ModuleOp kernels, Level level,
                              std::vector<CpuKernel> &infos) {
  infos.clear();
  CpuCompiler compiler;
  std::vector<CpuObject> objects;
  std::string complaints;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(tile::kKernelAttr))
      continue;
    FailureOr<CpuObject> object =
        compiler.compile(tile::kernelText(kernel), level, complaints);
    if (failed(object)) {
      InFlightDiagnostic error =
          kernels.emitError("kernels could not be lowered to x86");
      error.attachNote() << complaints;
      return error;
    }
    infos.push_back({kernel.getName().str(), object->scratchBytes});
    objects.push_back(std::move(*object));
  }
  std::vector<const std::vector<char> *> pointers;
  pointers.reserve(objects.size());
  for (const CpuObject &object : objects)
    pointers.push_back(&object.bytes);
  return linkKernels(kernels, pointers);
}
