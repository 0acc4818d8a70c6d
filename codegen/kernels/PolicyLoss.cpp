//===- PolicyLoss.cpp - the losses of a policy ----------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokens side by side, 128 at a time. A loss that sums over sequences has an
// instance for each: one pass for the sums, one for the tokens. Value and
// derivative of each term are worked out together; tokens that do not count
// are selected away at the end, whatever they made.

#include "codegen/kernels/Policy.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;
using policy::Behave;
using policy::Kl;
using policy::Ratio;
using policy::Surrogate;
using Bound = std::optional<llvm::APFloat>;
using Cmp = arith::CmpFPredicate;

namespace {

/// A value and its derivative by the token's logprob.
struct Term {
  Value value, slope;
};

SmallVector<KernelArgument> argumentsOf(policy::LossOp op) {
  SmallVector<KernelArgument> arguments;
  auto add = [&](Value v, StringRef name) {
    Type element = cast<RankedTensorType>(v.getType()).getElementType();
    arguments.push_back({name.str(), TileBuilder::ptr(element)});
  };
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    add(op->getOperand(i), op.operandName(i));
  add(op.getLoss(), "loss");
  add(op.getG(), "g");
  add(op.getC(), "c");
  if (op.getCounters())
    add(op.getCounters(), "counters");
  arguments.push_back({"tokens", IndexType::get(op.getContext())});
  return arguments;
}

class LossBuilder {
public:
  LossBuilder(const KernelSite &site, policy::LossOp op)
      : op(op), t(site, argumentsOf(op)), begin(t.index(0)),
        count(t.arg("tokens")), f32(TileBuilder::tile({kLossTokens}, t.f32())),
        zero(t.splat(0.0, f32)), one(t.splat(1.0, f32)) {}

  func::FuncOp build() {
    if (op.getStarts())
      bySequence();
    else
      block(t.mul(t.programId(0), kLossTokens));
    return t.finish();
  }

private:
  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  Value viewOf(StringRef name) {
    return t.view(t.arg(name), begin, {-1}, {1}, {count});
  }
  Value load(StringRef name, Value from) {
    return t.load(viewOf(name), {from}, {kLossTokens});
  }
  Value counts(Value from) {
    Value weight = load("weight", from);
    if (!op.getMask())
      return compare(Cmp::UNE, weight, zero);
    auto i32 = TileBuilder::tile({kLossTokens}, t.i32());
    return t.compareI(arith::CmpIPredicate::ne, load("mask", from),
                      t.splat(0.0, i32));
  }

  //===--------------------------------------------------------------------===//
  // Small arithmetic
  //===--------------------------------------------------------------------===//

  Value constant(double value) { return t.splat(value, f32); }
  Value constant(const llvm::APFloat &value) {
    return constant(static_cast<double>(value.convertToFloat()));
  }
  Value compare(Cmp predicate, Value x, Value y) {
    return arith::CmpFOp::create(t.builder(), t.loc(), predicate, x, y);
  }
  Value above(Value x, const llvm::APFloat &bound) {
    return compare(Cmp::OGT, x, constant(bound));
  }
  Value below(Value x, const llvm::APFloat &bound) {
    return compare(Cmp::OLT, x, constant(bound));
  }
  Value either(Value x, Value y) { return !x ? y : !y ? x : t.either(x, y); }
  Value ifAny(Value condition, Value x, Value y) {
    return condition ? t.select(condition, x, y) : y;
  }
  Value flag(Value condition) { return ifAny(condition, one, zero); }

  /// A value brought into bounds, and where it was outside of them.
  struct Bounded {
    Value value, low, high;
  };
  Bounded bounded(Value x, const Bound &low, const Bound &high) {
    Bounded made{x, Value(), Value()};
    if (low) {
      made.low = below(x, *low);
      made.value = t.select(made.low, constant(*low), made.value);
    }
    if (high) {
      made.high = above(x, *high);
      made.value = t.select(made.high, constant(*high), made.value);
    }
    return made;
  }

  /// c[0] y^n + ... + c[n].
  Value series(Value y, ArrayRef<double> c) {
    Value sum = constant(c.front());
    for (double next : c.drop_front())
      sum = t.fma(sum, y, constant(next));
    return sum;
  }
  /// e^y - 1 and e^y - 1 - y.
  std::pair<Value, Value> powersLessOne(Value y) {
    Value power = t.exp(y);
    Value isSmall = t.both(compare(Cmp::OLT, y, constant(0.5)),
                           compare(Cmp::OGT, y, constant(-0.5)));
    // e^y = 1 + y + y^2 s, and what is left out of s below 1e-9 of it.
    Value s = series(y, {1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
                         1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5});
    Value square = t.mulF(t.mulF(y, y), s);
    Value wide = t.subF(power, one);
    return {t.select(isSmall, t.addF(y, square), wide),
            t.select(isSmall, square, t.subF(wide, y))};
  }

  //===--------------------------------------------------------------------===//
  // Sequences
  //===--------------------------------------------------------------------===//

  void bySequence() {
    Value sequence = t.programId(0), starts = t.arg("starts");
    begin = t.loadIndex(starts, sequence);
    count = t.sub(t.loadIndex(starts, t.add(sequence, 1)), begin);
    Value none = arith::ConstantOp::create(t.builder(), t.loc(),
                                           t.builder().getF32FloatAttr(0.0F));
    auto total = [&](Value x) -> Value {
      return tile::ExtractOp::create(t.builder(), t.loc(), t.f32(),
                                     t.reduce(tile::Reduction::sum, x, 0),
                                     ValueRange{});
    };
    SmallVector<Value> sums = t.forLoop(
        t.index(0), count, kLossTokens, {none, none, none},
        [&](Value from, ValueRange carried) {
          Value here = counts(from);
          SmallVector<Value> parts{here, t.select(here, logRatio(from), zero)};
          parts[0] = flag(here);
          parts.push_back(
              op.getRollout() ? t.select(here, logBehave(from), zero) : zero);
          SmallVector<Value> next;
          for (auto [sum, part] : llvm::zip_equal(carried, parts))
            next.push_back(t.addF(sum, total(part)));
          return next;
        });
    auto spread = [&](Value scalar) { return t.splat(scalar, {kLossTokens}); };
    Value tokens = t.maxF(spread(sums[0]), one);
    meanRatio = t.divF(spread(sums[1]), tokens);
    sumBehave = spread(sums[2]);
    meanBehave = t.divF(sumBehave, tokens);
    t.forLoop(t.index(0), count, kLossTokens, {}, [&](Value from, ValueRange) {
      block(from);
      return SmallVector<Value>{};
    });
  }

  Value logRatio(Value from) {
    return t.subF(load("logprob", from), load("old", from));
  }
  Value logBehave(Value from) {
    return t.subF(load("old", from), load("rollout", from));
  }

  //===--------------------------------------------------------------------===//
  // Terms
  //===--------------------------------------------------------------------===//

  /// The ratio, and whether a bound of its logarithm holds it.
  void takeRatio(Value from) {
    ratio = one;
    held = Value();
    if (op.getRatio() == Ratio::none)
      return;
    Bounded x =
        bounded(op.getRatio() == Ratio::sequence ? meanRatio : logRatio(from),
                op.getLogLow(), op.getLogHigh());
    held = either(x.low, x.high);
    logOfRatio = x.value;
    std::tie(lessOne, lessLog) = powersLessOne(x.value);
    ratio = t.exp(x.value);
  }

  Term policyTerm(Value logprob) {
    Value direct = t.negF(advantage);
    if (op.getRatio() == Ratio::none)
      return {t.mulF(direct, logprob), direct};
    positive = compare(Cmp::OGT, advantage, zero);
    negative = compare(Cmp::OLT, advantage, zero);
    if (op.getSurrogate() == Surrogate::soft)
      return softTerm(direct);
    Bound low = op.getClipLow(), high = op.getClipHigh();
    Value clipHigh = high ? t.both(positive, above(ratio, *high)) : Value(),
          clipLow = low ? t.both(negative, below(ratio, *low)) : Value();
    if (op.getSurrogate() == Surrogate::detached) {
      Bounded s = bounded(ratio, op.getIsLow(), op.getIsHigh());
      isHigh = s.high;
      isLow = s.low;
      leftOut = either(clipHigh, clipLow);
      Value slope = t.mulF(s.value, direct);
      slope = ifAny(leftOut, zero, slope);
      return {ifAny(leftOut, zero, t.mulF(slope, logprob)), slope};
    }
    isHigh = clipHigh;
    isLow = clipLow;
    if (Bound dual = op.getDual())
      isDual = t.both(negative, above(ratio, *dual));
    Value bound = ratio;
    if (isHigh)
      bound = t.select(isHigh, constant(*high), bound);
    if (isLow)
      bound = t.select(isLow, constant(*low), bound);
    if (isDual)
      bound = t.select(isDual, constant(*op.getDual()), bound);
    Value flat = either(either(isHigh, isLow), either(isDual, held));
    Value value = t.mulF(bound, direct);
    return {value, ifAny(flat, zero, value)};
  }

  Term softTerm(Value direct) {
    Value hardness = t.select(positive, constant(*op.getSoftPositive()),
                              constant(*op.getSoftNegative()));
    // 1 - y, which has no digits left near 0, is y of the opposite.
    Value far = t.mulF(hardness, lessOne);
    Value y = t.sigmoid(far), rest = t.sigmoid(t.negF(far));
    Value four = constant(4.0);
    Value value = t.mulF(t.divF(t.mulF(four, y), hardness), direct);
    Value slope = t.mulF(t.mulF(t.mulF(four, y), rest), t.mulF(ratio, direct));
    return {value, ifAny(held, zero, slope)};
  }

  /// The factor for what sampled the token; null: none.
  Value behaveFactor(Value from) {
    Behave kind = op.getBehave();
    if (kind == Behave::none)
      return {};
    bool product = kind == Behave::seq_tis || kind == Behave::mis;
    Value factor = t.exp(product ? sumBehave : logBehave(from));
    Value judged = kind == Behave::seqmask ? t.exp(meanBehave) : factor;
    Bounded in = bounded(judged, op.getBehaveLow(), op.getBehaveHigh());
    if (kind == Behave::tis || kind == Behave::seq_tis)
      return in.value;
    leftOut = either(leftOut, either(in.low, in.high));
    return factor;
  }

  Term klTerm(Value from, Value logprob) {
    Value y = t.subF(load("ref", from), logprob), held;
    Kl kind = op.getKl();
    Term k;
    if (kind == Kl::k3 || kind == Kl::k3_k2) {
      Bound most = op.getKlClamp(), least;
      if (most)
        least = -*most;
      Bounded in = bounded(y, least, most);
      auto [first, second] = powersLessOne(in.value);
      k = {second, kind == Kl::k3 ? t.negF(first) : t.negF(y)};
      if (kind == Kl::k3)
        held = either(in.low, in.high);
    } else if (kind == Kl::k2) {
      k = {t.scale(t.mulF(y, y), 0.5), t.negF(y)};
    } else if (kind == Kl::k1) {
      k = {t.negF(y), one};
    } else {
      Value isAbove = compare(Cmp::OGT, y, zero),
            isBelow = compare(Cmp::OLT, y, zero);
      Value minus = constant(-1.0);
      k = {t.select(isBelow, t.negF(y), y),
           t.select(isAbove, minus, t.select(isBelow, one, zero))};
    }
    k.slope = ifAny(held, zero, k.slope);
    if (op.getKlByRatio()) {
      Value own = ifAny(this->held, zero, k.value);
      k = {t.mulF(ratio, k.value), t.mulF(ratio, t.addF(k.slope, own))};
    }
    if (Bound limit = op.getKlLimit()) {
      Bounded in = bounded(k.value, std::nullopt, limit);
      k.value = in.value;
      if (kind != Kl::k3_k2)
        k.slope = t.select(in.high, zero, k.slope);
    }
    return k;
  }

  //===--------------------------------------------------------------------===//
  // Tokens
  //===--------------------------------------------------------------------===//

  /// Tokens `from`.. of those of the instance.
  void block(Value from) {
    isHigh = isLow = isDual = leftOut = Value();
    Value here = counts(from), logprob = load("logprob", from),
          weight = load("weight", from);
    advantage = op.getAdvantage() ? load("advantage", from) : one;
    takeRatio(from);
    Term loss = policyTerm(logprob);
    Value factor = behaveFactor(from);
    if (Bound most = op.getOffPolicy()) {
      Value isFar = above(t.negF(meanRatio), *most);
      leftOut =
          either(leftOut, t.both(isFar, compare(Cmp::OLT, advantage, zero)));
    }
    if (factor)
      loss = {t.mulF(factor, loss.value), t.mulF(factor, loss.slope)};
    loss = {ifAny(leftOut, zero, loss.value), ifAny(leftOut, zero, loss.slope)};
    Value isDead = t.both(compare(Cmp::OEQ, loss.slope, zero),
                          compare(Cmp::UNE, advantage, zero));
    if (op.getKl() != Kl::none) {
      Term k = klTerm(from, logprob);
      Value beta = constant(op.getBeta());
      loss = {t.fma(beta, k.value, loss.value),
              t.fma(beta, k.slope, loss.slope)};
    }
    Value byEntropy = zero;
    if (op.getEntropy()) {
      byEntropy = constant(-op.getKappa());
      loss.value = t.fma(byEntropy, load("entropy", from), loss.value);
    }
    auto put = [&](StringRef name, Value x) {
      t.store(t.select(here, x, zero), viewOf(name), {from});
    };
    put("loss", t.mulF(weight, loss.value));
    put("g", t.mulF(weight, loss.slope));
    put("c", t.mulF(weight, byEntropy));
    if (!op.getCounters())
      return;
    SmallVector<Value> counters(3, zero);
    counters[0] = ratio;
    if (op.getRatio() != Ratio::none) {
      counters[1] = t.negF(logOfRatio);
      counters[2] = lessLog;
    }
    for (Value condition : {isHigh, isLow, isDual, leftOut, isDead})
      counters.push_back(flag(condition));
    Value out = t.view(t.arg("counters"), t.mul(begin, policy::kLossCounters),
                       {-1, policy::kLossCounters}, {policy::kLossCounters, 1},
                       {count});
    for (auto [i, x] : llvm::enumerate(counters))
      t.store(t.alongColumns(t.select(here, x, zero), 1), out,
              {from, t.index(static_cast<int64_t>(i))});
  }

  policy::LossOp op;
  TileBuilder t;
  Value begin, count; ///< the instance's tokens, for a sequence
  RankedTensorType f32;
  Value zero, one;
  Value meanRatio, sumBehave, meanBehave; ///< of the sequence
  // Of the block.
  Value advantage, positive, negative;
  Value ratio, logOfRatio, lessOne, lessLog; ///< r, log r, r - 1, r - 1 - log r
  Value held;                                ///< by a bound of log r
  Value isHigh, isLow, isDual, leftOut;      ///< null: nowhere
};

} // namespace

func::FuncOp hamlet::codegen::lossKernel(const KernelSite &site,
                                         policy::LossOp op) {
  return LossBuilder(site, op).build();
}
