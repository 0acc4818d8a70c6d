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
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

namespace {
/// KiB of shared memory that one block may have.
struct Gpu {
  StringRef arch;
  int64_t sharedKib;
};
} // namespace
static constexpr Gpu kGpus[] = {
    {"sm_80", 163},  {"sm_86", 99},    {"sm_87", 163},
    {"sm_89", 99},   {"sm_90", 227},   {"sm_90a", 227},
    {"sm_100", 227}, {"sm_100a", 227}, {"sm_120", 99}};

/// Bytes of shared memory that one block may have on `arch`; none, with an
/// error, for one that is not known.
static std::optional<int64_t> sharedLimit(MLIRContext *context,
                                          StringRef arch) {
  const Gpu *gpu = llvm::find_if(
      kGpus, [&](const Gpu &known) { return known.arch == arch; });
  if (gpu != std::end(kGpus))
    return gpu->sharedKib * 1024;
  InFlightDiagnostic error = emitError(UnknownLoc::get(context));
  error << "expected one of the GPUs ";
  llvm::interleaveComma(kGpus, error,
                        [&](const Gpu &known) { error << known.arch; });
  error << ", got '" << arch << "'";
  return std::nullopt;
}

LogicalResult hamlet::ptx::lowerKernels(ModuleOp module, StringRef arch,
                                        std::vector<PtxKernel> &infos) {
  std::optional<int64_t> limit = sharedLimit(module.getContext(), arch);
  if (!limit)
    return failure();
  SmallVector<func::FuncOp> kernels;
  for (auto func : module.getOps<func::FuncOp>())
    if (func->hasAttr(tile::kKernelAttr))
      kernels.push_back(func);
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
    Plan plan = Plan::make(kernel, *limit);
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

static std::unique_ptr<llvm::TargetMachine> targetFor(StringRef arch) {
  initializeBackEnds();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, arch, "", llvm::TargetOptions(), std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
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
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
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
PtxCompiler::compile(StringRef text, StringRef arch, PtxKernel &info,
                     function_ref<void(Diagnostic &)> report) {
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
    if (!module || failed(lowerKernels(*module, arch, infos)) ||
        failed(lowerToLlvm(*module)))
      return failure();
    if (infos.size() != 1)
      return module->emitError("expected one kernel, got ") << infos.size();
    info = infos.front();
    ir = translateModuleToLLVMIR(*module, llvmContext);
  }
  if (!ir)
    return module->emitError("kernels could not be translated to LLVM IR");
  std::unique_ptr<llvm::TargetMachine> machine = targetFor(arch);
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
  llvm::SmallString<0> ptx;
  llvm::raw_svector_ostream stream(ptx);
  llvm::legacy::PassManager emit;
  if (machine->addPassesToEmitFile(emit, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return module->emitError("NVPTX cannot write assembly");
  emit.run(*ir);
  return std::string(ptx);
}

std::string hamlet::ptx::joinPtx(ArrayRef<StringRef> modules) {
  // What stands before the first function is each module's own, except for the
  // target and the shared memory that all kernels name alike.
  constexpr StringRef kAddresses = ".address_size 64\n",
                      kShared =
                          ".extern .shared .align 16 .b8 hamlet_shared[];\n";
  std::string text;
  bool shared = false;
  for (StringRef module : modules) {
    size_t end = module.find(kAddresses);
    assert(end != StringRef::npos && "LLVM writes the size of addresses");
    end += kAddresses.size();
    if (text.empty())
      text = module.take_front(end).str();
    module = module.drop_front(end);
    size_t declared = module.find(kShared);
    if (declared != StringRef::npos && shared) {
      text += module.take_front(declared);
      module = module.drop_front(declared + kShared.size());
    }
    shared |= declared != StringRef::npos;
    text += module;
  }
  return text;
}

FailureOr<std::string> hamlet::ptx::emitPtx(ModuleOp kernels, StringRef arch,
                                            std::vector<PtxKernel> &infos) {
  if (!sharedLimit(kernels.getContext(), arch))
    return failure();
  PtxCompiler compiler;
  std::vector<std::string> texts;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(tile::kKernelAttr))
      continue;
    FailureOr<std::string> text =
        compiler.compile(tile::kernelText(kernel, /*locations=*/true), arch,
                         infos.emplace_back(), [&](Diagnostic &diagnostic) {
                           forward(diagnostic, kernels.getContext());
                         });
    if (failed(text))
      return failure();
    texts.push_back(std::move(*text));
  }
  return joinPtx(SmallVector<StringRef>(texts.begin(), texts.end()));
}

namespace {
template <typename Derived>
struct ChipPass : PassWrapper<Derived, OperationPass<ModuleOp>> {
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, cf::ControlFlowDialect, LLVM::LLVMDialect,
                math::MathDialect, NVVM::NVVMDialect, scf::SCFDialect>();
    registerBuiltinDialectTranslation(registry);
    registerLLVMDialectTranslation(registry);
    registerNVVMDialectTranslation(registry);
  }
  typename Pass::Option<std::string> chip{*this, "chip",
                                          llvm::cl::desc("GPU, such as sm_80"),
                                          llvm::cl::init("sm_80")};

private:
  friend Derived;
  ChipPass() = default;
  ChipPass(const ChipPass &other)
      : PassWrapper<Derived, OperationPass<ModuleOp>>(other) {}
};

struct TileToNvvmPass : ChipPass<TileToNvvmPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TileToNvvmPass)
  StringRef getArgument() const override { return "tile-to-nvvm"; }
  StringRef getDescription() const override {
    return "lower tile kernels to threads of the llvm and nvvm dialects";
  }
  void runOnOperation() override {
    std::vector<PtxKernel> infos;
    if (failed(lowerKernels(getOperation(), chip.getValue(), infos)) ||
        failed(lowerToLlvm(getOperation())))
      signalPassFailure();
  }
};

struct TileToPtxPass : ChipPass<TileToPtxPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TileToPtxPass)
  StringRef getArgument() const override { return "tile-to-ptx"; }
  StringRef getDescription() const override {
    return "print the PTX of tile kernels, with each launch as a comment";
  }
  void runOnOperation() override {
    std::vector<PtxKernel> infos;
    FailureOr<std::string> ptx =
        emitPtx(getOperation(), chip.getValue(), infos);
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

void hamlet::ptx::registerPtxPasses() {
  PassRegistration<TileToNvvmPass>();
  PassRegistration<TileToPtxPass>();
}
