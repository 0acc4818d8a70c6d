//===- Checks.cpp - what a call must bring --------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels index memory by what arrays of i32 hold and by how many rows arrays
// have. What types leave open of both is written down here, and the runtime
// looks at it before a function runs.

#include "codegen/program/FunctionBuilder.h"

#include "dialects/Attention/AttentionOps.h"
#include "dialects/Lightning/LightningOps.h"
#include "dialects/MoE/MoEOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

Value hamlet::codegen::domainOf(Value v) {
  Operation *def = v.getDefiningOp();
  if (!def)
    return v;
  if (auto select = dyn_cast<nn::SelectRowsOp>(def))
    return select.getRows();
  if (auto combine = dyn_cast<moe::CombineOp>(def))
    return combine.getPlace();
  return domainOf(def->getOperand(0));
}

namespace {

bool same(const hmlt::Expr &x, const hmlt::Expr &y) {
  return x.symbol() == y.symbol() && x.by_rows() == y.by_rows() &&
         x.index() == y.index() && x.mul() == y.mul() && x.div() == y.div() &&
         x.add() == y.add();
}

int64_t extentOf(Value v, int64_t dim) {
  return cast<RankedTensorType>(v.getType()).getDimSize(dim);
}

class Checker {
public:
  Checker(const FunctionBuilder &f, hmlt::FunctionT &function,
          nn::FusedOp fused)
      : f(f), function(function), fused(fused) {}

  LogicalResult run() {
    for (Operation &op : fused.getBody().front()) {
      at = &op;
      TypeSwitch<Operation *>(&op)
          .Case([&](lightning::AttentionOp a) { attention(a); })
          .Case([&](attention::SoftmaxOp s) { attention(s); })
          .Case([&](nn::MulOp mul) { rows(mul.getY(), "y", mul.getX()); })
          .Case([&](nn::ResidualOp r) { rows(r.getR(), "r", r.getY()); })
          .Case([&](nn::MixOp mix) {
            rows(mix.getShared(), "shared", mix.getMoe());
            rows(mix.getGate(), "gate", mix.getMoe());
          })
          .Case([&](nn::RotaryOp r) {
            rows(r.getCos(), "cos", r.getX());
            rows(r.getSin(), "sin", r.getX());
          })
          .Case([&](nn::EmbeddingOp e) {
            below(e.getIds(), "ids", constant(extentOf(e.getTable(), 0)));
          })
          .Case([&](nn::SelectRowsOp s) {
            below(s.getRows(), "rows", rowsOf(s.getX()));
          })
          .Case([&](moe::RouteOp route) {
            if (Value given = route.getGiven()) {
              rows(given, "ids", route.getX());
              below(given, "ids", constant(extentOf(route.getW(), 0)));
            }
          })
          .Case([&](moe::DispatchOp dispatch) {
            below(dispatch.getIds(), "ids",
                  constant(static_cast<int64_t>(dispatch.getExperts())));
          })
          .Case([&](moe::ExpertUpOp up) {
            hmlt::Expr pairs =
                times(rowsOf(up.getX()), static_cast<int64_t>(up.getTopK()));
            equal(up.getOrder(), "order", pairs);
            below(up.getOrder(), "order", pairs);
            offsets(up.getOffsets(), rowsOf(up.getOrder()));
          })
          .Case([&](moe::ExpertDownOp down) {
            offsets(down.getOffsets(), rowsOf(down.getH()));
          })
          .Case([&](moe::CombineOp combine) {
            rows(combine.getGates(), "gates", combine.getPlace());
            below(combine.getPlace(), "place", rowsOf(combine.getY()));
          });
    }
    return success(!bad);
  }

private:
  void attention(lightning::AttentionOp a) {
    rows(a.getK(), "k", a.getQ());
    rows(a.getV(), "v", a.getQ());
    if (a.getDecay() &&
        cast<RankedTensorType>(a.getDecay().getType()).getRank() > 1)
      rows(a.getDecay(), "decay", a.getQ());
    if (a.getBeta())
      rows(a.getBeta(), "beta", a.getQ());
    if (a.getInitial()) {
      hmlt::Expr sequences = rowsOf(a.getStarts());
      sequences.mutate_add(sequences.add() - 1);
      equal(a.getInitial(), "initial", sequences);
    }
    array(hmlt::CheckKind::boundaries, a.getStarts(), "starts",
          rowsOf(a.getQ()));
  }
  void attention(attention::SoftmaxOp s) {
    rows(s.getK(), "k", s.getQ());
    rows(s.getV(), "v", s.getQ());
    array(hmlt::CheckKind::boundaries, s.getStarts(), "starts",
          rowsOf(s.getQ()));
  }

  /// `offsets` end at `pairs`, whether a dispatch made them or a caller gives
  /// them.
  void offsets(Value v, const hmlt::Expr &pairs) {
    Value source = outside(v);
    auto made = source.getDefiningOp<nn::FusedOp>();
    if (!made)
      return array(hmlt::CheckKind::boundaries, v, "offsets", pairs);
    for (Operation &op : made.getBody().front())
      if (auto dispatch = dyn_cast<moe::DispatchOp>(op)) {
        Value ids = made.getInputs()[cast<BlockArgument>(dispatch.getIds())
                                         .getArgNumber()];
        equal(v, "the last of offsets", pairs,
              times(f.rowsOf(ids), extentOf(ids, 1)));
      }
  }

  /// The value outside the region that `v`'s rows are those of.
  Value outside(Value v) {
    return fused.getInputs()[cast<BlockArgument>(domainOf(v)).getArgNumber()];
  }
  hmlt::Expr rowsOf(Value v) { return f.rowsOf(outside(v)); }

  void rows(Value v, StringRef name, Value like) {
    equal(v, name, rowsOf(like));
  }
  void equal(Value v, StringRef name, const hmlt::Expr &limit) {
    equal(v, ("rows of " + name).str(), limit, rowsOf(v));
  }
  void below(Value v, StringRef name, const hmlt::Expr &limit) {
    array(hmlt::CheckKind::below, v, name, limit);
  }

  void equal(Value v, StringRef name, const hmlt::Expr &limit,
             const hmlt::Expr &value) {
    if (same(value, limit))
      return;
    if (value.symbol() == hmlt::Symbol::one &&
        limit.symbol() == hmlt::Symbol::one) {
      at->emitOpError("expected ")
          << limit.mul() + limit.add() << " for the " << name << ", got "
          << value.mul() + value.add();
      bad = true;
      return;
    }
    hmlt::CheckT check;
    check.kind = hmlt::CheckKind::equal;
    check.what = whose(v, name);
    check.value = std::make_unique<hmlt::Expr>(value);
    check.limit = std::make_unique<hmlt::Expr>(limit);
    add(std::move(check));
  }

  /// What an op computes holds what it should; what is given is looked at.
  void array(hmlt::CheckKind kind, Value v, StringRef name,
             const hmlt::Expr &limit) {
    if (!isa<BlockArgument>(v))
      return;
    std::optional<Place> place = f.given(outside(v));
    if (!place)
      return;
    hmlt::CheckT check;
    check.kind = kind;
    check.what = whose(v, name);
    check.array = place->kind;
    check.index = place->index;
    check.limit = std::make_unique<hmlt::Expr>(limit);
    add(std::move(check));
  }

  std::string whose(Value v, StringRef name) {
    std::string text = (name + " of " + at->getName().getStringRef()).str();
    if (isa<BlockArgument>(v))
      if (auto arg = dyn_cast<BlockArgument>(outside(v)))
        text =
            "operand " + std::to_string(arg.getArgNumber()) + " (" + text + ")";
    return text;
  }

  void add(hmlt::CheckT check) {
    for (const auto &known : function.checks)
      if (known->kind == check.kind && known->array == check.array &&
          known->index == check.index && same(*known->limit, *check.limit) &&
          (!check.value || same(*known->value, *check.value)))
        return;
    function.checks.push_back(std::make_unique<hmlt::CheckT>(std::move(check)));
  }

  const FunctionBuilder &f;
  hmlt::FunctionT &function;
  nn::FusedOp fused;
  Operation *at = nullptr;
  bool bad = false;
};

} // namespace

LogicalResult FunctionBuilder::addChecks() {
  WalkResult walked = func.walk([&](nn::FusedOp fused) {
    return succeeded(Checker(*this, *out, fused).run())
               ? WalkResult::advance()
               : WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}
