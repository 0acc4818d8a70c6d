//===- CheckGraph.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of models the frontend makes the graph; a `.mlir` file holds whatever its
// author wrote. What passes and kernels take for granted is looked at here,
// once, before any of them runs.

#include "tools/hamlet-compiler/CheckGraph.h"

#include "dialects/Attention/AttentionOps.h"
#include "dialects/Lightning/LightningOps.h"
#include "dialects/MoE/MoEOps.h"
#include "dialects/NN/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace hamlet;

namespace {

/// Elements of one tensor, so that bytes stay far below 2^63.
constexpr int64_t kMostElements = int64_t(1) << 42;
/// Of constants, which stand in the container, whose size is below 2 GiB.
constexpr int64_t kMostConstantBytes = int64_t(1) << 30;
constexpr size_t kMostOps = 1 << 20;

bool isGraphDialect(StringRef name) {
  return name == nn::NNDialect::getDialectNamespace() ||
         name == lightning::LightningDialect::getDialectNamespace() ||
         name == attention::AttentionDialect::getDialectNamespace() ||
         name == moe::MoEDialect::getDialectNamespace();
}

/// What a container has a dtype for.
bool isStored(Type element) {
  return element.isF32() || element.isBF16() || element.isF16() ||
         element.isSignlessInteger(32) || element.isSignlessInteger(64);
}

class Checker {
public:
  explicit Checker(ModuleOp module) : module(module) {}

  LogicalResult run() {
    for (Operation &op : *module.getBody()) {
      auto func = dyn_cast<func::FuncOp>(op);
      if (!func)
        return op.emitError("'")
               << op.getName()
               << "' stands in the module, expected functions only";
      if (failed(check(func)))
        return failure();
    }
    if (module.getOps<func::FuncOp>().empty())
      return module.emitError("the module has no function to compile");
    return success();
  }

private:
  LogicalResult check(func::FuncOp func) {
    if (func.isExternal())
      return func.emitError("function '")
             << func.getName()
             << "' has no body; expected functions that compute something";
    if (!func.getBody().hasOneBlock())
      return func.emitError("function '")
             << func.getName()
             << "' has several blocks; expected one, without branches";
    if (func.getResultTypes().empty())
      return func.emitError("function '")
             << func.getName()
             << "' has no results, so it computes nothing; expected at least "
                "one";
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
      if (failed(checkArgument(func, i, type)))
        return failure();
    WalkResult walked = func.walk([&](Operation *op) {
      return op == func || succeeded(check(*op)) ? WalkResult::advance()
                                                 : WalkResult::interrupt();
    });
    return failure(walked.wasInterrupted());
  }

  /// Of a step the runtime gives arguments, of other functions a caller, from
  /// arrays.
  LogicalResult checkArgument(func::FuncOp func, size_t i, Type type) {
    auto fail = [&](const Twine &expected) {
      return func.emitError("function '")
             << func.getName() << "', argument " << i << ": expected "
             << expected << ", got " << type;
    };
    if (isa<lightning::StateType, attention::CacheType>(type)) {
      if (func.getArgAttr(i, "hamlet.input"))
        return success();
      return fail("a tensor; caches are those of a model's step, whose "
                  "arguments have 'hamlet.input'");
    }
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return fail("a ranked tensor");
    if (!isStored(tensor.getElementType()))
      return fail("elements of f32, bf16, f16, i32 or i64");
    return checkType(func.getLoc(), type,
                     "argument " + Twine(i) + " of function '" +
                         func.getName() + "'");
  }

  LogicalResult check(Operation &op) {
    if (++ops > kMostOps)
      return op.emitError("the module has more than ") << kMostOps << " ops";
    StringRef dialect = op.getName().getDialectNamespace();
    if (!isGraphDialect(dialect) && !isa<arith::ConstantOp, func::ReturnOp>(op))
      return op.emitError("'")
             << op.getName()
             << "' is not compiled; expected ops of nn, lightning, attention "
                "and moe, arith.constant and func.return";
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (failed(check(constant)))
        return failure();
    for (Region &region : op.getRegions())
      for (Block &block : region)
        for (BlockArgument arg : block.getArguments())
          if (failed(
                  checkType(arg.getLoc(), arg.getType(), "a block argument")))
            return failure();
    for (OpResult result : op.getResults())
      if (failed(checkType(op.getLoc(), result.getType(),
                           "result " + Twine(result.getResultNumber()) +
                               " of '" + op.getName().getStringRef() + "'")))
        return failure();
    return success();
  }

  LogicalResult check(arith::ConstantOp op) {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || !isa<DenseIntOrFPElementsAttr>(op.getValue()))
      return op.emitError("expected a constant that is a dense tensor, got ")
             << op.getType();
    if (!isStored(type.getElementType()))
      return op.emitError("expected a constant of f32, bf16, f16, i32 or i64, "
                          "got ")
             << type;
    if (failed(checkType(op.getLoc(), type, "a constant")))
      return failure();
    constantBytes += type.getNumElements() * type.getElementTypeBitWidth() / 8;
    if (constantBytes > kMostConstantBytes)
      return op.emitError("constants of more than ")
             << kMostConstantBytes
             << " bytes in all; give what is large as an argument or an "
                "nn.weight";
    return success();
  }

  LogicalResult checkType(Location at, Type type, const Twine &whose) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return success();
    if (tensor.getEncoding())
      return emitError(at) << whose << ": expected a tensor without an "
                           << "encoding, got " << type;
    int64_t elements = 1;
    for (int64_t dim : tensor.getShape()) {
      if (ShapedType::isDynamic(dim))
        continue;
      if (dim < 1)
        return emitError(at)
               << whose << ": expected extents of at least 1, got " << type;
      if (llvm::MulOverflow(elements, dim, elements) ||
          elements > kMostElements)
        return emitError(at) << whose << ": expected at most " << kMostElements
                             << " elements, got " << type;
    }
    return success();
  }

  ModuleOp module;
  size_t ops = 0;
  int64_t constantBytes = 0;
};

} // namespace

size_t hamlet::tooDeepLine(StringRef text) {
  size_t depth = 0, line = 1;
  for (size_t i = 0; i < text.size(); ++i)
    switch (text[i]) {
    case '\n':
      ++line;
      break;
    case '"': // a string ends on its line
      while (++i < text.size() && text[i] != '"' && text[i] != '\n')
        i += text[i] == '\\';
      line += i < text.size() && text[i] == '\n';
      break;
    case '/': // a comment
      if (text.substr(i).starts_with("//"))
        i = std::min(text.find('\n', i), text.size()) - 1;
      break;
    case '(':
    case '[':
    case '{':
    case '<':
      if (++depth > kDeepest)
        return line;
      break;
    case '>':
      if (i && text[i - 1] == '-') // of an arrow
        break;
      [[fallthrough]];
    case ')':
    case ']':
    case '}':
      depth -= depth > 0;
      break;
    default:
      break;
    }
  return 0;
}

LogicalResult hamlet::checkGraph(ModuleOp module) {
  return Checker(module).run();
}
