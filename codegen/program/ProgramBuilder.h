//===- ProgramBuilder.h - one function of a program -----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_PROGRAMBUILDER_H
#define HAMLET_CODEGEN_PROGRAM_PROGRAMBUILDER_H

#include "codegen/program/KernelTable.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace hamlet::codegen {

/// Writes one `program.func`: values of the graph get memory, regions launch
/// kernels. What functions share (weights, constants, caches) is declared in
/// the module once.
class ProgramBuilder {
public:
  using Value = mlir::Value;

  ProgramBuilder(mlir::func::FuncOp func, mlir::ModuleOp program,
                 KernelTable &kernels);

  /// A model's step, told by `hamlet.input` attributes; else a plain call.
  mlir::LogicalResult bindArguments();
  mlir::LogicalResult bindResults(mlir::func::ReturnOp returned);
  mlir::LogicalResult addConstant(mlir::arith::ConstantOp op);
  /// Launches that follow are of this region.
  void beginRegion(nn::FusedOp op);
  mlir::LogicalResult finish(mlir::func::ReturnOp returned);

  mlir::MLIRContext *context() { return b.getContext(); }
  mlir::Type i32() { return b.getI32Type(); }
  mlir::Type f32() { return b.getF32Type(); }
  KernelTable &table() { return kernels; }

  /// Rows (extent of dimension 0) of a value of the graph.
  Extent rowsOf(Value v) const;
  /// The memory of an operand or a constant, which the function does not
  /// compute; null for others.
  Value given(Value v) const;
  /// The memory of `v` as a kernel takes it; null if it has none. A weight is
  /// packed by the loader, another matrix by a launch.
  mlir::FailureOr<Value> memoryOf(Value v,
                                  tile::Layout packed = tile::Layout::strided);
  /// New memory for a value of `rows` rows: a buffer, or the function's result.
  /// A null value: a buffer that nothing reads.
  Value define(Value v, const Extent &rows);
  Value temporary(llvm::StringRef name, mlir::Type element,
                  const Extent &elements, bool zeroed);
  Value stepInput(program::StepInput input);
  /// The updated cache, or state, is the one that the op took.
  void alias(Value updated, Value taken);
  struct Pool {
    const char *name;
    int64_t bytes; ///< of a slot or page; 0: there is no such pool
  };
  std::vector<Value> cachePools(Value cache, llvm::StringRef kind,
                                program::CachePer per,
                                llvm::ArrayRef<Pool> pools);
  /// An extent that is worked out from others.
  Extent sum(llvm::StringRef name, llvm::ArrayRef<Extent> terms);
  Extent product(llvm::StringRef name, const Extent &x, const Extent &y);

  /// The memory of each parameter that is no size, by name. Null ones are left
  /// out: optional parameters that the kernel does not have.
  using Arguments = std::vector<std::pair<std::string, Value>>;
  /// `counts`: the kernel's sizes, in their order.
  void launch(program::KernelOp kernel, llvm::ArrayRef<Extent> counts,
              const Arguments &arguments);
  void check(program::CheckKind kind, llvm::StringRef what,
             std::optional<Extent> value, Value array, const Extent &limit);

private:
  mlir::LogicalResult addChecks();
  mlir::FailureOr<Value> packed(Value v, tile::Layout packed);
  mlir::FailureOr<Value> weight(nn::WeightOp op);
  Value state(nn::StateOp op);
  Value underAliases(Value v) const;
  Value get(program::Declared kind, llvm::StringRef name, mlir::Type element);
  Extent derived(llvm::StringRef name, llvm::ArrayRef<Extent> terms,
                 bool product);
  /// Where module-level declarations go.
  mlir::OpBuilder declarations();

  mlir::func::FuncOp func;
  mlir::ModuleOp module;
  KernelTable &kernels;
  mlir::OpBuilder b; ///< at the end of the program's function
  mlir::Location loc;
  program::FuncOp out;
  bool step = false;
  int64_t layer = -1;
  int64_t extents = 0; ///< the function's and the derived ones
  int64_t buffers = 0;
  llvm::DenseMap<Value, Value> memory;
  llvm::DenseMap<Value, Extent> rows;
  llvm::DenseMap<Value, int64_t> results;
  std::vector<program::ResultOp> resultOps;
  llvm::DenseMap<Value, std::vector<Value>> pools;
  llvm::DenseMap<Value, Value> aliases;
  std::map<std::pair<int, std::string>, Value> gotten;
  std::map<program::StepInput, Value> inputs;
  std::map<std::pair<void *, tile::Layout>, Value> packedPlaces;
};

int64_t bytesOf(mlir::Type element);

} // namespace hamlet::codegen

#endif
