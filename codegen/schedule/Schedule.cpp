//===- Schedule.cpp - the cost model of register blocks -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/schedule/Schedule.h"

#include "codegen/schedule/Yaml.h"
#include "codegen/tile/KernelName.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <map>
#include <set>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::schedule;

static int64_t ceilDivide(int64_t x, int64_t y) { return (x + y - 1) / y; }

Product hamlet::schedule::productOf(tile::DotOp dot) {
  auto a = cast<RankedTensorType>(dot.getA().getType());
  auto b = cast<RankedTensorType>(dot.getB().getType());
  bool pairs = dot.getNumerics().getOperands().isBF16();
  int64_t k = a.getDimSize(1);
  return {a.getDimSize(0),
          b.getDimSize(1),
          k,
          pairs,
          !pairs && !b.getElementType().isF32(),
          dot.getNumerics().getSplit() > 1 ? dot.getNumerics().getPart(k) : 0};
}

int64_t hamlet::schedule::allowedDepth(const Product &product, int64_t depth) {
  if (product.part)
    depth = product.part *
            static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(
                std::max<int64_t>(1, depth / product.part))));
  else if (product.pairs)
    depth += depth % 2;
  return std::min(depth, product.k);
}

std::optional<RegisterBlock> hamlet::schedule::blockOf(tile::DotOp dot,
                                                       StringRef target) {
  auto blocks = dot->getAttrOfType<DictionaryAttr>(kBlockAttr);
  if (!blocks)
    return std::nullopt;
  auto block = blocks.getAs<DenseI64ArrayAttr>(target);
  if (!block || block.size() != 3)
    return std::nullopt;
  return RegisterBlock{block[0], block[1], block[2]};
}

int64_t hamlet::schedule::registersOf(const CpuTarget &target,
                                      const Product &product,
                                      const RegisterBlock &block) {
  // Sums, a strip of B for each panel (one row reads it from memory), one of
  // A. Panels that are not f32 pass through one more.
  bool native = product.pairs && target.dotsPerCycle > 0;
  bool unpacks = product.widens || (product.pairs && !native);
  int64_t strips =
      block.rows * block.panels + (block.rows > 1 ? block.panels : 0);
  return strips * target.registersPerStrip() + 1 + (unpacks ? 1 : 0);
}

double hamlet::schedule::predictCycles(const CpuTarget &t,
                                       const Product &product,
                                       const RegisterBlock &block) {
  // Entering and leaving a block: addresses, a branch that is predicted wrong,
  // products that wait for each other, rows that a cache has not foreseen.
  constexpr double kBlockCycles = 300;
  // The same for a part of a split sum, within a block.
  constexpr double kPartCycles = 60;
  // Of so few rows a step has one block: B comes from memory.
  constexpr int64_t kFewRows = 16;
  bool native = product.pairs && t.dotsPerCycle > 0;
  double units = product.pairs ? static_cast<double>(product.k) / 2
                               : static_cast<double>(product.k);
  // One pass of `rows` over panels; the first brings them in.
  auto cyclesOf = [&](int64_t rows, int64_t panels, bool first) {
    double vectors = static_cast<double>(panels * t.registersPerStrip());
    double sums = static_cast<double>(rows) * vectors;
    // Of one step of k (of a pair).
    double arithmetic, loads, chain = static_cast<double>(t.fmaLatency);
    if (native) {
      arithmetic = sums / t.dotsPerCycle;
      loads = vectors + static_cast<double>(rows);
    } else if (product.pairs) {
      arithmetic = (2 * sums + vectors) / static_cast<double>(t.fmaPerCycle);
      loads = vectors + 2 * static_cast<double>(rows);
      chain *= 2;
    } else {
      double widening = product.widens ? vectors : 0;
      arithmetic = (sums + widening) / static_cast<double>(t.fmaPerCycle);
      loads = vectors + static_cast<double>(rows);
    }
    double step = std::max(
        {arithmetic, chain, loads / static_cast<double>(t.loadsPerCycle)});
    // A block of B that is larger than half of a cache comes from the next one
    // for every block of rows; the third level gives a quarter of the second.
    double stepBytes = static_cast<double>(panels * 16 * product.bytes() *
                                           (product.pairs ? 2 : 1));
    double blockBytes = static_cast<double>(panels * 16 * product.bytes()) *
                        static_cast<double>(block.depth);
    double perCycle = static_cast<double>(t.l2BytesPerCycle);
    if (first && product.m <= kFewRows)
      step = std::max(step,
                      stepBytes / static_cast<double>(t.memoryBytesPerCycle));
    else if (blockBytes > static_cast<double>(t.l2Bytes) / 2)
      step = std::max(step, stepBytes * 4 / perCycle);
    else if (blockBytes > static_cast<double>(t.l1Bytes) / 2)
      step = std::max(step, stepBytes / perCycle);
    double visits = static_cast<double>(ceilDivide(product.k, block.depth));
    double sumsInAndOut = 2 * sums / static_cast<double>(t.loadsPerCycle);
    double parts =
        product.part ? static_cast<double>(ceilDivide(product.k, product.part))
                     : 0;
    return units * step + visits * (kBlockCycles + sumsInAndOut) +
           parts * (kPartCycles + sumsInAndOut);
  };
  int64_t panelCount = ceilDivide(product.n, tile::kPanel);
  auto ofColumns = [&](int64_t panels) {
    int64_t whole = product.m / block.rows;
    double cycles =
        cyclesOf(block.rows, panels, true) +
        static_cast<double>(whole - 1) * cyclesOf(block.rows, panels, false);
    if (int64_t rest = product.m % block.rows)
      cycles += cyclesOf(rest, panels, false);
    return cycles;
  };
  int64_t whole = panelCount / block.panels;
  double cycles = static_cast<double>(whole) * ofColumns(block.panels);
  if (int64_t rest = panelCount % block.panels)
    cycles += ofColumns(rest);
  return cycles;
}

RegisterBlock hamlet::schedule::chooseBlock(const CpuTarget &target,
                                            const Product &product) {
  // Each row and each panel is an address; x86 has 16 registers for them and
  // the rest.
  constexpr int64_t kMostAddresses = 10, kMostPanels = 8;
  RegisterBlock best;
  double least = 0;
  int64_t panelCount = ceilDivide(product.n, tile::kPanel);
  std::vector<int64_t> depths{product.k};
  for (int64_t depth : {4096, 2048, 1024, 512, 256, 128})
    if (int64_t allowed = allowedDepth(product, depth); allowed < depths.back())
      depths.push_back(allowed);
  for (int64_t panels = std::min(panelCount, kMostPanels); panels >= 1;
       --panels)
    for (int64_t rows = std::min(product.m, kMostAddresses - panels); rows >= 1;
         --rows)
      for (int64_t depth : depths) {
        RegisterBlock block{rows, panels, depth};
        if (registersOf(target, product, block) > target.vectorRegisters)
          continue;
        double cycles = predictCycles(target, product, block);
        // Of equals, those without a rest: it is code of its own.
        cycles *=
            1 + 1e-3 * ((product.m % rows != 0) + (panelCount % panels != 0));
        if (best.rows == 0 || cycles < least) {
          best = block;
          least = cycles;
        }
      }
  return best;
}

//===----------------------------------------------------------------------===//
// Schedule files
//===----------------------------------------------------------------------===//

template <> struct llvm::yaml::MappingTraits<RegisterBlock> {
  static void mapping(IO &io, RegisterBlock &block) {
    io.mapRequired("rows", block.rows);
    io.mapRequired("panels", block.panels);
    io.mapRequired("depth", block.depth);
  }
  static std::string validate(IO &, RegisterBlock &block) {
    if (block.rows < 1 || block.panels < 1)
      return "block: expected rows and panels of at least 1, got " +
             std::to_string(block.rows) + " and " +
             std::to_string(block.panels);
    if (block.depth < 2 || block.depth % 2)
      return "block: expected an even depth, got " +
             std::to_string(block.depth);
    return "";
  }
};

template <> struct llvm::yaml::MappingTraits<Override> {
  static void mapping(IO &io, Override &entry) {
    io.mapOptional("kernel", entry.kernel);
    io.mapOptional("rows", entry.rows);
    io.mapOptional("target", entry.target);
    io.mapRequired("block", entry.block);
  }
};

LLVM_YAML_IS_SEQUENCE_VECTOR(Override)

llvm::Expected<std::vector<Override>>
hamlet::schedule::readOverrides(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError(
        buffer.getError(),
        path + ": cannot be read: " + buffer.getError().message());
  auto entries = readYaml<std::vector<Override>>((*buffer)->getBuffer(), path);
  if (entries)
    for (auto [i, entry] : llvm::enumerate(*entries))
      entry.place = (path + ", entry " + Twine(i + 1)).str();
  return entries;
}

static bool fits(const Override &entry, const tile::KernelName &kernel,
                 StringRef target) {
  return (entry.kernel.empty() || entry.kernel == kernel.name ||
          entry.kernel == kernel.kind) &&
         (!entry.rows || entry.rows == kernel.rows) &&
         (entry.target.empty() || entry.target == target);
}

LogicalResult
hamlet::schedule::checkOverrides(ArrayRef<ModuleOp> modules,
                                 ArrayRef<Override> overrides,
                                 const std::set<std::string> &targets) {
  std::vector<tile::KernelName> withProducts;
  // Of each kernel its variants, as a reader of the message wants them.
  std::map<std::string, std::set<int64_t>> all;
  for (ModuleOp kernels : modules)
    for (auto kernel : kernels.getOps<func::FuncOp>())
      if (kernel.walk([](tile::DotOp) { return WalkResult::interrupt(); })
              .wasInterrupted()) {
        withProducts.push_back(tile::getKernelName(kernel));
        std::set<int64_t> &rows = all[withProducts.back().name];
        if (withProducts.back().rows)
          rows.insert(*withProducts.back().rows);
      }
  for (const Override &entry : overrides) {
    if (!entry.target.empty() && !targets.count(entry.target))
      return ModuleOp(modules.front()).emitError()
             << entry.place << ": expected the target to be one of "
             << llvm::join(targets, ", ") << ", got '" << entry.target << "'";
    bool isUsed = llvm::any_of(withProducts, [&](const auto &kernel) {
      return fits(entry, kernel, entry.target);
    });
    if (isUsed)
      continue;
    InFlightDiagnostic error = ModuleOp(modules.front()).emitError();
    error << entry.place << ": fits no product: expected a kernel (or its "
          << "kind, its name without a number) of ";
    llvm::interleaveComma(all, error, [&](const auto &kernel) {
      error << kernel.first;
      if (!kernel.second.empty()) {
        error << " (rows ";
        llvm::interleaveComma(kernel.second, error);
        error << ")";
      }
    });
    error << ", got ";
    if (!entry.kernel.empty())
      error << "'" << entry.kernel << "'";
    if (entry.rows)
      error << (entry.kernel.empty() ? "rows " : " of rows ") << *entry.rows;
    return error;
  }
  return success();
}

FailureOr<std::vector<Record>>
hamlet::schedule::scheduleDots(ModuleOp kernels, const CpuTarget &target,
                               ArrayRef<Override> overrides) {
  std::vector<Record> records;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    tile::KernelName name = tile::getKernelName(kernel);
    std::set<std::array<int64_t, 6>> seen;
    WalkResult walked = kernel.walk([&](tile::DotOp dot) {
      Product product = productOf(dot);
      const Override *given = nullptr;
      for (const Override &entry : overrides)
        if (fits(entry, name, target.name))
          given = &entry;
      RegisterBlock block = given ? given->block : chooseBlock(target, product);
      block.rows = std::min(block.rows, product.m);
      block.panels =
          std::min(block.panels, ceilDivide(product.n, tile::kPanel));
      block.depth = allowedDepth(product, block.depth);
      int64_t registers = registersOf(target, product, block);
      if (registers > target.vectorRegisters) {
        dot.emitOpError("is given a block of ")
            << block.rows << " rows and " << block.panels << " panels by "
            << given->place << "; it takes " << registers << " registers, and "
            << target.name << " has " << target.vectorRegisters;
        return WalkResult::interrupt();
      }
      NamedAttrList blocks(dot->getAttrOfType<DictionaryAttr>(kBlockAttr));
      blocks.set(target.name, DenseI64ArrayAttr::get(
                                  kernels.getContext(),
                                  {block.rows, block.panels, block.depth}));
      dot->setAttr(kBlockAttr, blocks.getDictionary(kernels.getContext()));
      if (seen.insert({product.m, product.n, product.k, product.pairs,
                       product.widens, product.part})
              .second)
        records.push_back({kernel.getName().str(), product, block,
                           predictCycles(target, product, block),
                           given != nullptr});
      return WalkResult::advance();
    });
    if (walked.wasInterrupted())
      return failure();
  }
  return records;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace hamlet::schedule {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "codegen/schedule/Passes.h.inc"
} // namespace hamlet::schedule

namespace {
struct Schedule : hamlet::schedule::impl::SchedulePassBase<Schedule> {
  using SchedulePassBase::SchedulePassBase;
  void runOnOperation() final {
    auto fail = [&](const Twine &message) {
      emitError(UnknownLoc::get(&getContext()))
          << getArgument() << ": " << message;
      signalPassFailure();
    };
    std::vector<std::string> folders(targets.begin(), targets.end());
    llvm::Expected<Targets> known = Targets::load(folders);
    if (!known)
      return fail(llvm::toString(known.takeError()));
    const CpuTarget *which = known->findCpu(target.getValue());
    if (!which)
      return fail("expected one of the targets " +
                  llvm::join(known->cpuNames(), ", ") + ", got '" +
                  target.getValue() + "'");
    std::vector<Override> given;
    if (!schedules.empty()) {
      llvm::Expected<std::vector<Override>> read = readOverrides(schedules);
      if (!read)
        return fail(llvm::toString(read.takeError()));
      given = std::move(*read);
    }
    std::vector<std::string> names = known->cpuNames();
    std::set<std::string> cpus(names.begin(), names.end());
    if (failed(checkOverrides(getOperation(), given, cpus)) ||
        failed(scheduleDots(getOperation(), *which, given)))
      signalPassFailure();
  }
};
} // namespace
