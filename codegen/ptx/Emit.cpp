//===- Emit.cpp - tile kernels as PTX -------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Order: functions written out as arithmetic; duplicates removed; each kernel
// planned and written as threads (Plan, Kernel); then upstream's way through
// cf, llvm and nvvm to LLVM IR, LLVM's -O2, and its NVPTX back end.
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Emit.h"

#include "codegen/ptx/Kernel.h"
#include "codegen/ptx/Locations.h"
#include "codegen/tile/AssignLayout.h"
#include "codegen/tile/ExpandMath.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

static const llvm::Triple kTriple("nvptx64-nvidia-cuda");

/// LLVM's NVPTX back end; null if it has none.
static const llvm::Target *backEnd() {
  initializeBackEnds();
  std::string error;
  return llvm::TargetRegistry::lookupTarget(kTriple, error);
}

/// `features` as LLVM spells them; null without a back end.
static std::unique_ptr<llvm::TargetMachine> machineFor(StringRef architecture,
                                                       StringRef features) {
  const llvm::Target *target = backEnd();
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      kTriple, architecture, features, llvm::TargetOptions(), std::nullopt,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// The PTX of a module for a machine; none where it cannot write text.
static std::optional<std::string> assemblyOf(llvm::Module &ir,
                                             llvm::TargetMachine &machine) {
  llvm::SmallString<0> ptx;
  llvm::raw_svector_ostream stream(ptx);
  llvm::legacy::PassManager emit;
  if (machine.addPassesToEmitFile(emit, stream, nullptr,
                                  llvm::CodeGenFileType::AssemblyFile))
    return std::nullopt;
  emit.run(ir);
  return std::string(ptx);
}

/// The least version of PTX that an architecture has: what LLVM writes where no
/// version is asked for. Its own table is not to be had.
static int leastPtxVersion(StringRef architecture) {
  std::unique_ptr<llvm::TargetMachine> machine = machineFor(architecture, "");
  llvm::LLVMContext context;
  llvm::Module empty("empty", context);
  empty.setTargetTriple(machine->getTargetTriple());
  empty.setDataLayout(machine->createDataLayout());
  std::string ptx = assemblyOf(empty, *machine).value_or("");
  StringRef version = StringRef(ptx).split(".version ").second;
  int major = 0, minor = 0;
  version.consumeInteger(10, major);
  version.consume_front(".");
  version.consumeInteger(10, minor);
  return 10 * major + minor;
}

llvm::Error hamlet::ptx::checkGpu(const schedule::GpuTarget &gpu) {
  auto fail = [&](const Twine &message) {
    return llvm::createStringError("target '" + gpu.name + "': " + message);
  };
  const llvm::Target *target = backEnd();
  if (!target)
    return fail("this LLVM was built without its NVPTX back end");
  // LLVM ignores what it does not know, with a warning, and aborts on a version
  // that is too low.
  std::unique_ptr<llvm::MCSubtargetInfo> known(
      target->createMCSubtargetInfo(kTriple, "", ""));
  if (!known->isCPUStringValid(gpu.architecture))
    return fail("architecture: LLVM " LLVM_VERSION_STRING " has no '" +
                gpu.architecture + "'");
  int least = leastPtxVersion(gpu.architecture), most = 0;
  bool there = false;
  for (const llvm::SubtargetFeatureKV &feature :
       known->getAllProcessorFeatures()) {
    StringRef key = feature.Key;
    int version = 0;
    if (!key.consume_front("ptx") || key.getAsInteger(10, version))
      continue;
    most = std::max(most, version);
    there |= version == gpu.ptxVersion;
  }
  auto spelled = [](int version) {
    return std::to_string(version / 10) + "." + std::to_string(version % 10);
  };
  if (!there || gpu.ptxVersion < least)
    return fail("ptx_version: LLVM " LLVM_VERSION_STRING " writes code for " +
                gpu.architecture + " in versions " + spelled(least) + " to " +
                spelled(most) + ", got " + spelled(gpu.ptxVersion));
  if (gpu.threadsPerBlock < kThreads)
    return fail("threads_per_block: kernels have " + Twine(kThreads) +
                " threads, got " + Twine(gpu.threadsPerBlock));
  return llvm::Error::success();
}

LogicalResult hamlet::ptx::lowerKernels(ModuleOp module,
                                        const schedule::GpuTarget &gpu,
                                        std::vector<PtxKernel> &infos) {
  SmallVector<func::FuncOp> kernels;
  for (auto func : module.getOps<func::FuncOp>())
    if (func->hasAttr(tile::kKernelAttr))
      kernels.push_back(func);
  if (failed(tile::assignLayouts(module)))
    return failure();
  tile::expandMath(module);
  PassManager clean(module.getContext());
  clean.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  clean.addNestedPass<func::FuncOp>(createCSEPass());
  if (failed(clean.run(module)))
    return failure();

  OpBuilder builder(module.getBodyRegion());
  auto bytes = LLVM::LLVMArrayType::get(builder.getI8Type(), 0);
  auto shared = LLVM::GlobalOp::create(
      builder, module.getLoc(), bytes, /*isConstant=*/false,
      LLVM::Linkage::External, "hamlet_shared", Attribute(), /*alignment=*/16,
      /*addrSpace=*/3);
  for (func::FuncOp kernel : kernels) {
    if (kernel.isExternal() || !kernel.getBody().hasOneBlock())
      return kernel.emitOpError("expected a kernel with a body of one block");
    Plan plan = Plan::make(kernel, gpu.sharedBytesPerBlock);
    builder.setInsertionPoint(kernel);
    if (failed(KernelEmitter(kernel, plan, shared, builder).emit()))
      return failure();
    infos.push_back({kernel.getSymName().str(), plan.sharedBytes(), kThreads,
                     plan.scratchBytes()});
  }
  for (func::FuncOp kernel : kernels)
    kernel.erase();
  RewritePatternSet patterns(module.getContext());
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  return applyPatternsGreedily(module, std::move(patterns));
}

/// From scf, arith and math to the llvm and nvvm dialects.
static LogicalResult lowerToLlvm(ModuleOp module) {
  PassManager pm(module.getContext());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertNVVMToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

/// Reports a diagnostic of another context at its place, in `context`.
static void forward(Diagnostic &from, MLIRContext *context) {
  Location location = UnknownLoc::get(context);
  if (auto file = from.getLocation()->findInstanceOf<FileLineColLoc>())
    location = FileLineColLoc::get(context, file.getFilename().strref(),
                                   file.getLine(), file.getColumn());
  context->getDiagEngine().emit(location, from.getSeverity()) << from.str();
}

static void optimize(llvm::Module &code, llvm::TargetMachine &machine,
                     EmitTimes &times) {
  Stopwatch watch(times.optimize);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder passes(&machine);
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(graphs);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, graphs, modules);
  // ptxas optimises after us. What O2 does beside O1 keeps more values alive:
  // of lightning prefill in bf16, more than an sm_80 has registers for.
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1)
      .run(code, modules);
}

/// A context with what kernels are made of and lowered to, and nothing else.
PtxCompiler::PtxCompiler()
    : context(std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED)) {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  context->appendDialectRegistry(registry);
  context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect,
                       func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                       NVVM::NVVMDialect, scf::SCFDialect,
                       tensor::TensorDialect, tile::TileDialect>();
}

PtxCompiler::~PtxCompiler() = default;

FailureOr<std::string>
PtxCompiler::compile(StringRef text, const schedule::GpuTarget &gpu,
                     PtxKernel &info, function_ref<void(Diagnostic &)> report) {
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
    report(diagnostic);
    return success();
  });
  OwningOpRef<ModuleOp> module;
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> ir;
  {
    Stopwatch watch(times.lower);
    std::vector<PtxKernel> infos;
    module = parseSourceString<ModuleOp>(text, context.get());
    if (!module || failed(lowerKernels(*module, gpu, infos)) ||
        failed(lowerToLlvm(*module)))
      return failure();
    if (infos.size() != 1)
      return module->emitError("expected one kernel, got ") << infos.size();
    info = infos.front();
    addDebugScopes(*module);
    ir = translateModuleToLLVMIR(*module, llvmContext);
  }
  if (!ir)
    return module->emitError("kernels could not be translated to LLVM IR");
  std::unique_ptr<llvm::TargetMachine> machine =
      machineFor(gpu.architecture, "+ptx" + std::to_string(gpu.ptxVersion));
  if (!machine)
    return module->emitError("this LLVM was built without its NVPTX back end");
  ir->setTargetTriple(machine->getTargetTriple());
  ir->setDataLayout(machine->createDataLayout());
  optimize(*ir, *machine, times);
  for (llvm::Function &f : *ir)
    if (f.isDeclaration() && !f.isIntrinsic() && !f.use_empty())
      return module->emitError("a kernel calls '")
             << f.getName() << "', which nothing defines";
  Stopwatch watch(times.generate);
  std::optional<std::string> ptx = assemblyOf(*ir, *machine);
  if (!ptx)
    return module->emitError("NVPTX cannot write assembly");
  return std::move(*ptx);
}

FailureOr<std::string> hamlet::ptx::emitPtx(ModuleOp kernels,
                                            const schedule::GpuTarget &gpu,
                                            std::vector<PtxKernel> &infos) {
  if (llvm::Error error = checkGpu(gpu))
    return emitError(UnknownLoc::get(kernels.getContext()))
           << llvm::toString(std::move(error));
  PtxCompiler compiler;
  std::vector<std::string> texts;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(tile::kKernelAttr))
      continue;
    FailureOr<std::string> text =
        compiler.compile(tile::kernelText(kernel, /*locations=*/true), gpu,
                         infos.emplace_back(), [&](Diagnostic &diagnostic) {
                           forward(diagnostic, kernels.getContext());
                         });
    if (failed(text))
      return failure();
    texts.push_back(std::move(*text));
  }
  return joinPtx(SmallVector<StringRef>(texts.begin(), texts.end()));
}

namespace hamlet::ptx {
#define GEN_PASS_DEF_TILETONVVMPASS
#define GEN_PASS_DEF_TILETOPTXPASS
#include "codegen/ptx/Passes.h.inc"
} // namespace hamlet::ptx

namespace {
/// The description of `chip` of a pass; none, with an error, where there is
/// none.
std::optional<schedule::GpuTarget> findGpu(Pass &pass, ModuleOp kernels,
                                           StringRef chip,
                                           ArrayRef<std::string> folders) {
  auto fail = [&](const Twine &message) {
    emitError(UnknownLoc::get(kernels.getContext()))
        << pass.getArgument() << ": " << message;
    return std::nullopt;
  };
  llvm::Expected<schedule::Targets> known = schedule::Targets::load(folders);
  if (!known)
    return fail(llvm::toString(known.takeError()));
  const schedule::GpuTarget *found = known->findGpu(chip);
  if (!found)
    return fail("expected one of the GPUs " +
                llvm::join(known->gpuNames(), ", ") + ", got '" + chip + "'");
  return *found;
}

struct TileToNvvm : hamlet::ptx::impl::TileToNvvmPassBase<TileToNvvm> {
  using TileToNvvmPassBase::TileToNvvmPassBase;
  void runOnOperation() override {
    std::vector<PtxKernel> infos;
    std::optional<schedule::GpuTarget> gpu =
        findGpu(*this, getOperation(), chip,
                std::vector<std::string>(targets.begin(), targets.end()));
    if (!gpu || failed(lowerKernels(getOperation(), *gpu, infos)) ||
        failed(lowerToLlvm(getOperation())))
      signalPassFailure();
  }
};

struct TileToPtx : hamlet::ptx::impl::TileToPtxPassBase<TileToPtx> {
  using TileToPtxPassBase::TileToPtxPassBase;
  void runOnOperation() override {
    std::vector<PtxKernel> infos;
    std::optional<schedule::GpuTarget> gpu =
        findGpu(*this, getOperation(), chip,
                std::vector<std::string>(targets.begin(), targets.end()));
    if (!gpu)
      return signalPassFailure();
    FailureOr<std::string> ptx = emitPtx(getOperation(), *gpu, infos);
    if (failed(ptx))
      return signalPassFailure();
    for (const PtxKernel &info : infos)
      llvm::outs() << "// kernel " << info.symbol << " shared "
                   << info.sharedBytes << " threads " << info.blockThreads
                   << " scratch " << info.scratchBytesPerBlock << "\n";
    llvm::outs() << *ptx;
  }
};
} // namespace
