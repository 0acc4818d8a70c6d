//===- PolicyHead.cpp - log-probabilities and their gradient --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row's logits come in blocks of the vocabulary, in the gradient anew: each
// is one product whose sums are nn.lm_head's. The weight's gradient has the
// block's words as rows, so that the products' left operands lie in memory as
// they are needed; a product's sums are the same with the operands exchanged.

#include "codegen/kernels/Policy.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;
using Cmp = arith::CmpIPredicate;

namespace {

/// Below any logit; a difference with it is finite, its exponential 0.
constexpr double kLowest = -1.0e+30;

struct HeadBuilder {
  HeadBuilder(const KernelSite &site, const HeadShape &shape,
              ArrayRef<KernelArgument> arguments)
      : shape(shape), t(site, arguments), tokens(t.arg("tokens")) {}

  RankedTensorType f32(ArrayRef<int64_t> dims) {
    return TileBuilder::tile(dims, t.f32());
  }
  Value zeros(ArrayRef<int64_t> dims) { return t.splat(0.0, f32(dims)); }

  /// [T], and `rows` of it.
  Value list(StringRef name) {
    return t.view(t.arg(name), t.index(0), {-1}, {1}, {tokens});
  }
  Value listed(StringRef name, Value from, int64_t rows) {
    return t.load(list(name), {from}, {rows});
  }
  /// [T, width], row-major.
  Value rowsOf(StringRef name, int64_t width) {
    return t.view(t.arg(name), t.index(0), {-1, width}, {width, 1}, {tokens});
  }
  Value x(Value from, int64_t rows) {
    return t.load(rowsOf("x", shape.hidden), {from, t.index(0)},
                  {rows, shape.hidden});
  }
  /// The weight as it is stored.
  Value words(Value from, int64_t count) {
    Value view = t.view(t.arg("w_rows"), t.index(0),
                        {shape.vocabulary, shape.hidden}, {shape.hidden, 1});
    return t.load(view, {from, t.index(0)}, {count, shape.hidden});
  }
  /// Logits of words `from`..: [rows, kHeadBlock].
  Value logits(Value x, int64_t rows, Value from) {
    Value view = t.matrix(t.arg("w"), {}, {}, shape.hidden, shape.vocabulary,
                          tile::packedFor(t.f32()));
    Value b = t.load(view, {t.index(0), from}, {shape.hidden, kHeadBlock});
    return t.dot(x, b, zeros({rows, kHeadBlock}), shape.numerics);
  }
  /// Numbers of words along `axis`, from `from` on.
  Value wordNumbers(Value from, ArrayRef<int64_t> dims, int64_t axis) {
    return t.addI(t.iota(dims, axis), t.splat(t.toI32(from), dims));
  }
  Value isWord(Value numbers) {
    auto type = cast<RankedTensorType>(numbers.getType());
    return t.compareI(Cmp::slt, numbers,
                      t.splat(static_cast<double>(shape.vocabulary), type));
  }
  /// Whether a row has a target.
  Value isTarget(Value targets) {
    auto type = cast<RankedTensorType>(targets.getType());
    return t.both(t.compareI(Cmp::sge, targets, t.splat(0.0, type)),
                  isWord(targets));
  }
  bool ragged(int64_t block) const { return shape.vocabulary % block != 0; }

  HeadShape shape;
  TileBuilder t;
  Value tokens;
};

/// Online sums over the vocabulary of some rows.
struct Sums {
  Value most, sum, moment, target;

  static Sums none(HeadBuilder &h, int64_t rows) {
    Value zero = h.zeros({rows});
    return {h.t.splat(kLowest, h.f32({rows})), zero, zero, zero};
  }
  static Sums of(ValueRange v) { return {v[0], v[1], v[2], v[3]}; }
  SmallVector<Value> values() const { return {most, sum, moment, target}; }
};

/// `sums`, whose largest becomes `most`, with the sums of what comes after.
Sums join(TileBuilder &t, const Sums &sums, Value most, Value sum, Value moment,
          Value target) {
  Value less = t.subF(sums.most, most), factor = t.exp(less);
  Value moved = t.addF(sums.moment, t.mulF(less, sums.sum));
  return {most, t.fma(sums.sum, factor, sum), t.fma(moved, factor, moment),
          t.addF(sums.target, target)};
}

/// The results of rows `from`.. .
void storeResults(HeadBuilder &h, const Sums &sums, Value targets, Value from,
                  int64_t rows) {
  TileBuilder &t = h.t;
  Value log = t.log(sums.sum);
  Value lse = t.addF(sums.most, log);
  Value entropy = t.subF(log, t.divF(sums.moment, sums.sum));
  Value logprob =
      t.select(h.isTarget(targets), t.subF(sums.target, lse), h.zeros({rows}));
  t.store(logprob, h.list("logprob"), {from});
  t.store(lse, h.list("lse"), {from});
  t.store(entropy, h.list("entropy"), {from});
}

SmallVector<KernelArgument> headArguments(MLIRContext *context,
                                          const HeadShape &shape) {
  Builder b(context);
  Type f32 = TileBuilder::ptr(b.getF32Type());
  SmallVector<KernelArgument> arguments{
      {"x", f32},
      {"w", TileBuilder::ptr(shape.weight)},
      {"targets", TileBuilder::ptr(b.getI32Type())},
      {"temperature", f32}};
  if (shape.parts() == 1)
    for (const char *name : {"logprob", "lse", "entropy"})
      arguments.push_back({name, f32});
  else
    arguments.push_back({"sums", f32});
  if (shape.logits)
    arguments.push_back({"logits", f32});
  arguments.push_back({"tokens", b.getIndexType()});
  return arguments;
}

/// [kHeadSums * parts, T].
Value sumsView(HeadBuilder &h) {
  return h.t.view(h.t.arg("sums"), h.t.index(0),
                  {kHeadSums * h.shape.parts(), -1}, {-1, 1}, {h.tokens},
                  {h.tokens});
}

} // namespace

func::FuncOp hamlet::codegen::headKernel(const KernelSite &site,
                                         const HeadShape &shape, int64_t rows) {
  HeadBuilder h(site, shape, headArguments(site.location.getContext(), shape));
  TileBuilder &t = h.t;
  Value from = t.mul(t.programId(0), rows), part = t.programId(1);
  auto block = [&](Value word, const Sums &sums, Value x, Value targets,
                   Value temperature, int64_t r) {
    SmallVector<int64_t> dims{r, kHeadBlock};
    Value raw = h.logits(x, r, word);
    if (shape.logits)
      t.store(raw, h.rowsOf("logits", shape.vocabulary), {from, word});
    Value z = t.divF(raw, t.alongColumns(temperature, kHeadBlock));
    Value numbers = h.wordNumbers(word, dims, 1);
    Value isTarget =
        t.compareI(Cmp::eq, numbers, t.alongColumns(targets, kHeadBlock));
    Value target =
        t.reduce(tile::Reduction::sum, t.select(isTarget, z, h.zeros(dims)), 1);
    if (h.ragged(kHeadBlock))
      z = t.select(h.isWord(numbers), z, t.splat(kLowest, h.f32(dims)));
    Value most = t.maxF(sums.most, t.reduce(tile::Reduction::max, z, 1));
    Value less = t.subF(z, t.alongColumns(most, kHeadBlock));
    Value power = t.exp(less);
    return join(t, sums, most, t.reduce(tile::Reduction::sum, power, 1),
                t.reduce(tile::Reduction::sum, t.mulF(less, power), 1), target);
  };
  t.forCount(t.sub(h.tokens, from), rows, [&](int64_t r) {
    Value x = h.x(from, r), targets = h.listed("targets", from, r),
          temperature = h.listed("temperature", from, r);
    Value first = t.mul(part, kHeadPart);
    Value end = t.minIndex(t.index(shape.vocabulary), t.add(first, kHeadPart));
    Sums sums =
        Sums::of(t.forLoop(first, end, kHeadBlock, Sums::none(h, r).values(),
                           [&](Value word, ValueRange carried) {
                             return block(word, Sums::of(carried), x, targets,
                                          temperature, r)
                                 .values();
                           }));
    if (shape.parts() == 1)
      return storeResults(h, sums, targets, from, r);
    Value place = t.mul(part, kHeadSums);
    for (auto [i, value] : llvm::enumerate(sums.values()))
      t.store(value, sumsView(h),
              {t.add(place, static_cast<int64_t>(i)), from});
  });
  return t.finish();
}

func::FuncOp hamlet::codegen::headJoinKernel(const KernelSite &site,
                                             const HeadShape &shape,
                                             int64_t rows) {
  Builder b(site.location.getContext());
  Type f32 = TileBuilder::ptr(b.getF32Type());
  HeadBuilder h(site, shape,
                {{"sums", f32},
                 {"targets", TileBuilder::ptr(b.getI32Type())},
                 {"logprob", f32},
                 {"lse", f32},
                 {"entropy", f32},
                 {"tokens", b.getIndexType()}});
  TileBuilder &t = h.t;
  Value from = t.mul(t.programId(0), rows);
  SmallVector<Value> sums = t.forLoop(
      t.index(0), t.index(shape.parts()), 1, Sums::none(h, rows).values(),
      [&](Value part, ValueRange carried) {
        Value place = t.mul(part, kHeadSums);
        auto load = [&](int64_t i) {
          return t.load(sumsView(h), {t.add(place, i), from}, {rows});
        };
        Sums before = Sums::of(carried);
        Value most = load(0), highest = t.maxF(before.most, most);
        Value less = t.subF(most, highest), factor = t.exp(less);
        Value sum = load(1);
        Value moment = t.mulF(t.addF(load(2), t.mulF(less, sum)), factor);
        return join(t, before, highest, t.mulF(sum, factor), moment, load(3))
            .values();
      });
  storeResults(h, Sums::of(sums), h.listed("targets", from, rows), from, rows);
  return t.finish();
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

namespace {

/// What a token's gradient is made of: [count], then along `axis` of a tile.
struct TokenTerms {
  HeadBuilder &h;
  int64_t axis;
  Value targets, temperature, lse, entropy, g, c, live;

  TokenTerms(HeadBuilder &h, Value from, int64_t count, int64_t axis)
      : h(h), axis(axis), targets(h.listed("targets", from, count)),
        temperature(h.listed("temperature", from, count)),
        lse(h.listed("lse", from, count)),
        entropy(h.listed("entropy", from, count)),
        g(h.listed("g", from, count)), c(h.listed("c", from, count)) {
    Value zero = h.zeros({count});
    g = h.t.select(h.isTarget(targets), g, zero);
    // A NaN is not equal: its row lives.
    auto differs = [&](Value v) {
      return arith::CmpFOp::create(h.t.builder(), h.t.loc(),
                                   arith::CmpFPredicate::UNE, v, zero)
          .getResult();
    };
    live = h.t.either(differs(g), differs(c));
    // Tokens past the last have no temperature.
    temperature = h.t.select(live, temperature, h.t.splat(1.0, h.f32({count})));
  }

  /// dz of logits `raw` of words from `word` on. What is not there is -0: times
  /// anything finite and added to anything, it changes no bit.
  Value gradOf(Value raw, Value word) {
    TileBuilder &t = h.t;
    ArrayRef<int64_t> dims = cast<RankedTensorType>(raw.getType()).getShape();
    auto along = [&](Value v) { return t.broadcast(v, {axis}, dims); };
    Value z = t.divF(raw, along(temperature));
    Value less = t.subF(z, along(lse)), p = t.exp(less);
    Value numbers = h.wordNumbers(word, dims, 1 - axis);
    Value isTarget = t.compareI(Cmp::eq, numbers, along(targets));
    Value chosen =
        t.subF(t.select(isTarget, t.splat(1.0, h.f32(dims)), h.zeros(dims)), p);
    Value spread = t.mulF(p, t.addF(less, along(entropy)));
    Value dz = t.subF(t.mulF(along(g), chosen), t.mulF(along(c), spread));
    dz = t.divF(dz, along(temperature));
    Value there = along(live);
    if (h.ragged(dims[1 - axis]))
      there = t.both(there, h.isWord(numbers));
    return t.select(there, dz, t.splat(-0.0, h.f32(dims)));
  }
};

constexpr const char *kTokenLists[] = {"temperature", "lse", "entropy", "g",
                                       "c"};

SmallVector<KernelArgument> gradArguments(MLIRContext *context,
                                          const HeadShape &shape, bool packed,
                                          StringRef written) {
  Builder b(context);
  Type f32 = TileBuilder::ptr(b.getF32Type()),
       weight = TileBuilder::ptr(shape.weight);
  SmallVector<KernelArgument> arguments{{"x", f32}};
  if (packed)
    arguments.push_back({"w", weight});
  arguments.push_back({"w_rows", weight});
  arguments.push_back({"targets", TileBuilder::ptr(b.getI32Type())});
  for (const char *name : kTokenLists)
    arguments.push_back({name, f32});
  arguments.push_back({written.str(), f32});
  arguments.push_back({"tokens", b.getIndexType()});
  return arguments;
}

} // namespace

func::FuncOp hamlet::codegen::headInputGradKernel(const KernelSite &site,
                                                  const HeadShape &shape,
                                                  int64_t rows) {
  HeadBuilder h(
      site, shape,
      gradArguments(site.location.getContext(), shape, /*packed=*/true, "dx"));
  TileBuilder &t = h.t;
  Value from = t.mul(t.programId(0), rows);
  t.forCount(t.sub(h.tokens, from), rows, [&](int64_t r) {
    SmallVector<int64_t> dims{r, shape.hidden};
    Value x = h.x(from, r);
    TokenTerms terms(h, from, r, 0);
    Value dx = t.forLoop(t.index(0), t.index(shape.vocabulary), kHeadBlock,
                         {h.zeros(dims)}, [&](Value word, ValueRange carried) {
                           Value dz = terms.gradOf(h.logits(x, r, word), word);
                           return SmallVector<Value>{
                               t.dot(dz, h.words(word, kHeadBlock), carried[0],
                                     /*pairs=*/false)};
                         })[0];
    dx = t.select(t.alongColumns(terms.live, shape.hidden), dx, h.zeros(dims));
    t.store(dx, h.rowsOf("dx", shape.hidden), {from, t.index(0)});
  });
  return t.finish();
}

func::FuncOp hamlet::codegen::headWeightGradKernel(const KernelSite &site,
                                                   const HeadShape &shape) {
  HeadBuilder h(site, shape,
                gradArguments(site.location.getContext(), shape,
                              /*packed=*/false, "into"));
  TileBuilder &t = h.t;
  int64_t words = site.sizes.gradRows, tokens = site.sizes.gradTokens;
  Value word = t.mul(t.programId(0), words), zero = t.index(0);
  Value into = t.view(t.arg("into"), zero, {shape.vocabulary, shape.hidden},
                      {shape.hidden, 1});
  Value across = t.view(t.arg("x"), zero, {shape.hidden, -1}, {1, shape.hidden},
                        {h.tokens});
  SmallVector<int64_t> dims{words, shape.hidden};
  Value w = h.words(word, words);
  Value sum = t.forLoop(
      zero, h.tokens, tokens, {t.load(into, {word, zero}, dims)},
      [&](Value from, ValueRange carried) {
        Value xt = t.load(across, {zero, from}, {shape.hidden, tokens});
        TokenTerms terms(h, from, tokens, 1);
        Value dz = terms.gradOf(
            t.dot(w, xt, h.zeros({words, tokens}), shape.numerics), word);
        // Times a row that is not finite, nothing would not be nothing.
        Value x = t.select(t.alongColumns(terms.live, shape.hidden),
                           h.x(from, tokens), h.zeros({tokens, shape.hidden}));
        return SmallVector<Value>{t.dot(dz, x, carried[0], /*pairs=*/false)};
      })[0];
  t.store(sum, into, {word, zero});
  return t.finish();
}
