//===- RegionRules.cpp - for which regions there is a kernel --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An op with kernels of its own stands alone, with views. Another region is
// asked, from its results down to its inputs, for the windows that its kernel
// works on: ops say what they can have.

#include "dialects/Graph/RegionRules.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::graph;

LogicalResult Refusal::emit() const {
  InFlightDiagnostic diag = op->emitOpError(reason);
  if (other)
    diag.attachNote(other->getLoc()) << note;
  return diag;
}

GraphOpInterface graph::tiledProduct(ArrayRef<Operation *> ops) {
  for (Operation *op : ops)
    if (auto graphOp = dyn_cast<GraphOpInterface>(op))
      if (graphOp.getFusion().role == Role::product)
        return graphOp;
  return {};
}

SmallVector<Window> graph::storedWindows(Value yielded, int64_t columns) {
  int64_t width = rowWidthOf(yielded);
  if (columns == width)
    return {{Window::Base::tile, 0, width}};
  int64_t heads = headsOf(yielded);
  if (columns > 0 || heads == 0)
    return {{Window::Base::row, 0, width}};
  int64_t head = width / heads, from = 0;
  SmallVector<int64_t> pieces = piecesOf(yielded);
  if (pieces.empty())
    pieces = {head};
  SmallVector<Window> windows;
  for (int64_t piece : pieces) {
    windows.push_back({Window::Base::head, from, piece, head});
    from += piece;
  }
  return windows;
}

namespace {

class Asker : public WindowSink {
public:
  explicit Asker(ArrayRef<Operation *> ops) : ops(ops.begin(), ops.end()) {}

  std::optional<Refusal> run(ArrayRef<Operation *> order,
                             ArrayRef<Value> yields) {
    std::optional<Refusal> refusal = anchors(order);
    for (Operation *op : order)
      if (!refusal)
        refusal = numerics(op);
    if (refusal)
      return refusal;
    for (Operation *op : order)
      if (op->hasTrait<OpTrait::IsTerminator>() || isView(op))
        continue;
      else if (cast<GraphOpInterface>(op).getFusion().ownKernels)
        return alone(cast<GraphOpInterface>(op), order, yields);
    return byWindows(order, yields);
  }

  void window(Value operand, const Window &window) override {
    auto op = operand.getDefiningOp<GraphOpInterface>();
    if (!op || !inside(op) || answer)
      return;
    for (const Window &known : asked[operand])
      if (known == window)
        return;
    asked[operand].push_back(window);
    Operation *before = std::exchange(at, op.getOperation());
    if (op.getFusion().writesResults)
      refuse("writes whole results and is read inside its own region; it "
             "needs a region of its own");
    else
      op.ask(cast<OpResult>(operand).getResultNumber(), window, *this);
    at = before;
  }

  void memory(Value operand, StringRef name) override {
    Operation *def = underViews(operand).getDefiningOp();
    if (def && ops.contains(def) && !answer)
      answer = Refusal{at,
                       ("reads '" + name +
                        "' from memory and gets it from inside its own region; "
                        "it needs a region of its own")
                           .str(),
                       def, "'" + name.str() + "' is made here"};
  }

  void refuse(const Twine &reason) override {
    if (!answer)
      answer = Refusal{at, reason.str()};
  }

private:
  bool inside(Operation *op) const { return isView(op) || ops.contains(op); }

  static std::optional<Refusal> anchors(ArrayRef<Operation *> order) {
    Operation *first = nullptr;
    for (Operation *op : order) {
      auto graphOp = dyn_cast<GraphOpInterface>(op);
      if (!graphOp || !graphOp.isAnchor())
        continue;
      if (first)
        return Refusal{op,
                       "is the second op of its region that needs a kernel of "
                       "its own; a region has at most one product, attention "
                       "or routing",
                       first, "the first is here"};
      first = op;
    }
    return std::nullopt;
  }

  /// What kernels do of `#tile.numerics`, and with which elements.
  static std::optional<Refusal> numerics(Operation *op) {
    auto graphOp = dyn_cast<GraphOpInterface>(op);
    if (!graphOp)
      return std::nullopt;
    auto elementOf = [](Value v) {
      return cast<RankedTensorType>(v.getType()).getElementType();
    };
    for (unsigned i = 0; i < op->getNumOperands(); ++i) {
      if (!graphOp.isPacked(i))
        continue;
      Type element = elementOf(op->getOperand(i));
      if (!element.isF32() && !element.isBF16() && !element.isF16())
        return Refusal{op, "has '" + graphOp.operandName(i) + "' of " +
                               text(element) +
                               " elements; kernels take weights of f32, bf16 "
                               "and f16"};
    }
    tile::NumericsAttr order = graphOp.getNumerics();
    if (!order || graphOp.getFusion().anyNumerics)
      return std::nullopt;
    if (order.getSplit() > 1)
      return Refusal{op, "has " + text(order) +
                             "; its kernels do not sum in parts (split)"};
    if (order.getOperands().isBF16() != elementOf(op->getOperand(0)).isBF16())
      return Refusal{op, "has " + text(order) +
                             "; its kernels multiply bf16 tensors as bf16, "
                             "others as f32"};
    return std::nullopt;
  }

  template <typename T> static std::string text(T value) {
    std::string out;
    llvm::raw_string_ostream(out) << value;
    return out;
  }

  /// An op with kernels of its own: views of inputs go in, results and views
  /// of them come out.
  std::optional<Refusal> alone(GraphOpInterface op, ArrayRef<Operation *> order,
                               ArrayRef<Value> yields) {
    for (Operation *other : order)
      if (other != op && !isView(other) &&
          !other->hasTrait<OpTrait::IsTerminator>())
        return Refusal{other,
                       "stands in the region of an op with kernels of "
                       "its own, which take nothing in",
                       op, "that op is here"};
    at = op;
    llvm::SmallPtrSet<void *, 4> given;
    for (Value value : yields) {
      Value source = underViews(value);
      if (source.getDefiningOp() != op.getOperation())
        return Refusal{op, "stands in a region that gives another value than "
                           "the op's results, which no kernel does"};
      if (!given.insert(source.getAsOpaquePointer()).second)
        return Refusal{op, "has a result that its region gives twice, which "
                           "no kernel does"};
    }
    return std::nullopt;
  }

  std::optional<Refusal> byWindows(ArrayRef<Operation *> order,
                                   ArrayRef<Value> yields) {
    GraphOpInterface product = tiledProduct(order);
    int64_t columns = product ? rowWidthOf(product->getResult(0)) : 0;
    for (Value value : yields) {
      if (answer)
        break;
      auto op = value.getDefiningOp<GraphOpInterface>();
      if (!op || !inside(op))
        continue; // a copy of an operand
      at = op;
      unsigned result = cast<OpResult>(value).getResultNumber();
      if (op.getFusion().writesResults) {
        op.ask(result, {Window::Base::row, 0, rowWidthOf(value)}, *this);
        continue;
      }
      if (int64_t heads = headsOf(value);
          columns == 0 && heads > 0 && rowWidthOf(value) % heads != 0) {
        refuse("has rows of " + Twine(rowWidthOf(value)) + " columns for " +
               Twine(heads) + " heads, which no kernel does");
        break;
      }
      for (const Window &stored : storedWindows(value, columns))
        window(value, stored);
    }
    return answer;
  }

  llvm::SmallPtrSet<Operation *, 8> ops;
  llvm::DenseMap<Value, SmallVector<Window, 2>> asked;
  Operation *at = nullptr;
  std::optional<Refusal> answer;
};

} // namespace

std::optional<Refusal> graph::findRefusal(ArrayRef<Operation *> ops,
                                          ArrayRef<Value> yields) {
  return Asker(ops).run(ops, yields);
}

std::optional<Refusal> graph::findRefusal(Block &body) {
  SmallVector<Operation *> ops;
  for (Operation &op : body)
    ops.push_back(&op);
  return findRefusal(ops,
                     SmallVector<Value>(body.getTerminator()->getOperands()));
}
