//===- Checks.cpp - what a call must bring -------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels index memory by what arrays of i32 hold and by how many rows arrays
// have. What types leave open of both the ops say; here it is worked out
// against what is known, and the rest is written down for the runtime, which
// looks at it before a function runs.

#include "codegen/program/ProgramBuilder.h"

#include "dialects/Graph/GraphOpInterface.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

class Checker : public graph::CheckSink {
public:
  Checker(ProgramBuilder &f, nn::FusedOp fused) : f(f), fused(fused) {}

  LogicalResult run() {
    for (Operation &op : fused.getBody().front())
      if (auto graphOp = dyn_cast<graph::GraphOpInterface>(&op)) {
        at = &op;
        graphOp.addChecks(*this);
      }
    return success(!bad);
  }

  void rows(Value value, StringRef name, const graph::Extent &rows) override {
    equal(value, ("rows of " + name).str(), extentOf(rows),
          f.rowsOf(outside(value)));
  }

  void below(Value value, StringRef name, const graph::Extent &limit) override {
    array(program::CheckKind::below, value, name, extentOf(limit));
  }

  void boundaries(Value value, StringRef name,
                  const graph::Extent &end) override {
    auto made = outside(value).getDefiningOp<nn::FusedOp>();
    if (!made)
      return array(program::CheckKind::boundaries, value, name, extentOf(end));
    if (std::optional<Extent> last = lastBoundary(made, outside(value)))
      equal(value, ("the last of " + name).str(), extentOf(end), *last);
  }

private:
  /// The value outside the region that `v`'s rows are those of.
  Value outside(Value v) {
    auto arg = cast<BlockArgument>(graph::rowSourceOf(v));
    return fused.getInputs()[arg.getArgNumber()];
  }

  Extent extentOf(const graph::Extent &extent) {
    if (!extent.rowsOf)
      return constant(extent.add);
    return plus(times(f.rowsOf(outside(extent.rowsOf)), extent.factor),
                extent.add);
  }

  /// What the boundaries that region `made` gives as `result` end with.
  std::optional<Extent> lastBoundary(nn::FusedOp made, Value result) {
    unsigned number = cast<OpResult>(result).getResultNumber();
    Value inside = made.getBody().front().getTerminator()->getOperand(number);
    auto op = inside.getDefiningOp<graph::GraphOpInterface>();
    if (!op)
      return std::nullopt;
    std::optional<graph::Extent> last =
        op.getLastBoundary(cast<OpResult>(inside).getResultNumber());
    if (!last)
      return std::nullopt;
    Checker theirs(f, made);
    return theirs.extentOf(*last);
  }

  void equal(Value v, StringRef name, const Extent &limit,
             const Extent &value) {
    if (value == limit)
      return;
    if (value.isStatic() && limit.isStatic()) {
      if (value.value() == limit.value())
        return;
      at->emitOpError("expected ")
          << limit.value() << " for the " << name << ", got " << value.value();
      bad = true;
      return;
    }
    f.check(program::CheckKind::equal, whose(v, name), value, Value(), limit);
  }

  /// What an op computes holds what it should; what is given is looked at.
  void array(program::CheckKind kind, Value v, StringRef name,
             const Extent &limit) {
    if (!isa<BlockArgument>(v))
      return;
    if (Value place = f.given(outside(v)))
      f.check(kind, whose(v, name), std::nullopt, place, limit);
  }

  std::string whose(Value v, StringRef name) {
    std::string text = (name + " of " + at->getName().getStringRef()).str();
    if (isa<BlockArgument>(v))
      if (auto arg = dyn_cast<BlockArgument>(outside(v)))
        text =
            "operand " + std::to_string(arg.getArgNumber()) + " (" + text + ")";
    return text;
  }

  ProgramBuilder &f;
  nn::FusedOp fused;
  Operation *at = nullptr;
  bool bad = false;
};

} // namespace

LogicalResult ProgramBuilder::addChecks() {
  WalkResult walked = func.walk([&](nn::FusedOp fused) {
    return succeeded(Checker(*this, fused).run()) ? WalkResult::advance()
                                                  : WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}
