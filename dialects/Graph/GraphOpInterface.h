//===- GraphOpInterface.h - what passes ask a graph op --------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_GRAPH_GRAPHOPINTERFACE_H
#define HAMLET_DIALECTS_GRAPH_GRAPHOPINTERFACE_H

#include "dialects/Tile/TileDialect.h"
#include "mlir/IR/OpDefinition.h"

#include <optional>
#include <string>

namespace hamlet::graph {

/// A number of rows, known when a call comes: rows of `rowsOf` * factor + add;
/// without `rowsOf`, add alone.
struct Extent {
  mlir::Value rowsOf;
  int64_t factor = 1;
  int64_t add = 0;

  static Extent constant(int64_t value) { return {{}, 1, value}; }
};

/// Takes down what a call must bring. Values are operands of the op that is
/// asked; `name` is the operand's as the assembly has it.
class CheckSink {
public:
  virtual ~CheckSink() = default;

  /// `value` has as many rows as `rows` says.
  virtual void rows(mlir::Value value, llvm::StringRef name,
                    const Extent &rows) = 0;
  /// Every entry of `value`, i32, is from 0 to below `limit`.
  virtual void below(mlir::Value value, llvm::StringRef name,
                     const Extent &limit) = 0;
  /// `value`, i32, begins with 0, ascends, and ends with `end`. Where an op
  /// makes it, that op's getLastBoundary() must be `end`.
  virtual void boundaries(mlir::Value value, llvm::StringRef name,
                          const Extent &end) = 0;

  /// `value` has the rows of `like`.
  void rowsLike(mlir::Value value, llvm::StringRef name, mlir::Value like) {
    rows(value, name, Extent{like});
  }
};

/// Columns of the rows of a value, heads side by side, that a program instance
/// of a region's kernel has at once.
struct Window {
  enum class Base {
    row,  ///< columns from `offset` on
    tile, ///< a tile of columns, one for each instance; `offset` from it
    head, ///< columns from `offset` on of the instance's head of `head` columns
  };
  Base base = Base::row;
  int64_t offset = 0;
  int64_t width = 0;
  int64_t head = 0;

  bool operator==(const Window &) const = default;
  Window at(int64_t newOffset, int64_t newWidth) const {
    return {base, newOffset, newWidth, head};
  }
};

/// Takes down what a window needs. Values are operands of the op that is asked.
class WindowSink {
public:
  virtual ~WindowSink() = default;
  virtual void window(mlir::Value operand, const Window &window) = 0;
  /// The operand is read where it lies: an input of the region, or a view of
  /// one.
  virtual void memory(mlir::Value operand, llvm::StringRef name) = 0;
  /// The window cannot be had: "is asked for ..., which no kernel does".
  virtual void refuse(const llvm::Twine &reason) = 0;
};

/// What an op is to the ops around it.
enum class Role {
  alone,       ///< a region of its own
  view,        ///< moves no bytes
  product,     ///< tiles of columns, each from whole rows of its first operand
  gather,      ///< rows by index
  sum,         ///< rows gathered and added
  norm,        ///< whole rows, each normalised
  heads,       ///< each head of each row alone
  router,      ///< whole rows, from a norm's
  elementwise, ///< columns alone
};

/// How an op joins its neighbours. The rules themselves are nn-fuse's.
struct Fusion {
  Role role = Role::alone;
  /// The kind of a region that begins with it.
  std::string kind = {};
  /// A product, or an op with kernels of its own.
  bool anchor = false;
  /// Its kernels are not written from the region's ops, one window after
  /// another, but by writers of its own.
  bool ownKernels = false;
  /// Its kernels sum as its numerics say, whatever they say. Others keep one
  /// sum, of bf16 for bf16 tensors.
  bool anyNumerics = false;
  /// It writes its results itself, whole rows: no op of its region reads them.
  bool writesResults = false;
  /// Elementwise ops on its result join its region.
  bool epilogue = false;
  /// The norm of its result, or of its epilogue's, joins its region.
  bool takesNorm = false;
  /// Norms and rotations of heads on the way to it are one region.
  bool prepared = false;
  /// May stand between a norm and the product that reads it, as a gate.
  bool gate = false;
  /// Of a product: a norm before it may have its gate, its choice of rows in
  /// the region as well; `prologueKind` is then the region's kind.
  bool takesGate = false, takesGather = false;
  std::string prologueKind = {};
  /// Why it is kept apart, if more is to be said than that nothing fits.
  std::string reason = {};
};

} // namespace hamlet::graph

namespace hamlet::graph::detail {
/// The same window of every operand for an elementwise op; others are refused.
void ask(mlir::Operation *op, const Window &window, WindowSink &sink);

/// Finds the group that operand `index` is in.
template <typename ConcreteOp>
std::string operandName(ConcreteOp op, unsigned index) {
  for (auto [i, name] : llvm::enumerate(ConcreteOp::getOperandGroupNames())) {
    auto [start, length] =
        op.getODSOperandIndexAndLength(static_cast<unsigned>(i));
    if (index >= start && index < start + length)
      return name.str();
  }
  llvm_unreachable("an operand is in a group");
}
} // namespace hamlet::graph::detail

#include "dialects/Graph/GraphOpInterface.h.inc"

namespace hamlet::graph {

/// GraphOpInterface::getRowSource of the op that makes `value`, through views
/// and ops up to a value that no graph op makes, or whose rows are its own.
mlir::Value rowSourceOf(mlir::Value value);

/// GraphOpInterface::getHeadsOf of the op that makes `value`; 0 if none does.
int64_t headsOf(mlir::Value value);

/// Columns of one row of a tensor [T, ..]: heads lie side by side.
int64_t rowWidthOf(mlir::Value value);

/// GraphOpInterface::getPieces of the op that makes `value`.
llvm::SmallVector<int64_t> piecesOf(mlir::Value value);

/// Whether `op` is a graph op that moves no bytes.
bool isView(mlir::Operation *op);
/// The value under the views of `value`.
mlir::Value underViews(mlir::Value value);

/// The value under the views of `value` and the column of its rows at which
/// `value` begins.
struct ViewSource {
  mlir::Value value;
  int64_t column = 0;
};
ViewSource viewSourceOf(mlir::Value value);

} // namespace hamlet::graph

#endif
