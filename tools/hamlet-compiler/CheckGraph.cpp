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
#include "dialects/Policy/PolicyDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

#include <utility>

using namespace mlir;
using namespace hamlet;

namespace {

/// Elements of one tensor, so that bytes stay far below 2^63.
constexpr int64_t kMostElements = int64_t(1) << 42;
/// Of constants, which stand in the container, whose size is below 2 GiB.
constexpr int64_t kMostConstantBytes = int64_t(1) << 30;
constexpr int64_t kMostSlots = 64;
/// Of a lightning state's sides; code generation fails some way beyond.
constexpr int64_t kMostHeadFeatures = 1024;
constexpr size_t kMostOps = 1 << 20;
constexpr llvm::StringLiteral kInput = "hamlet.input";

bool isGraphDialect(StringRef name) {
  return name == nn::NNDialect::getDialectNamespace() ||
         name == lightning::LightningDialect::getDialectNamespace() ||
         name == attention::AttentionDialect::getDialectNamespace() ||
         name == moe::MoEDialect::getDialectNamespace() ||
         name == policy::PolicyDialect::getDialectNamespace();
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
    if (failed(checkModel()))
      return failure();
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
    bool step = false;
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      step |= static_cast<bool>(func.getArgAttr(i, kInput));
    if (step && failed(checkStep(func)))
      return failure();
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
      if (!step && failed(checkArgument(func, i, type)))
        return failure();
    WalkResult walked = func.walk([&](Operation *op) {
      return op == func || succeeded(check(*op)) ? WalkResult::advance()
                                                 : WalkResult::interrupt();
    });
    return failure(walked.wasInterrupted());
  }

  /// The runtime gives the arguments of a step and takes its results.
  LogicalResult checkStep(func::FuncOp func) {
    if (std::exchange(hasStep, true))
      return func.emitError("function '")
             << func.getName()
             << "' is a second step; expected one function whose arguments "
                "have 'hamlet.input'";
    SmallVector<Type> caches;
    llvm::StringSet<> seen;
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes())) {
      auto input = func.getArgAttrOfType<StringAttr>(i, kInput);
      std::string expected =
          input ? expectedInput(input.getValue(), type)
                : std::string("'hamlet.input', a string, as others have");
      if (!expected.empty())
        return func.emitError("function '")
               << func.getName() << "', argument " << i << ": expected "
               << expected << ", got " << type;
      if (input.getValue() == "cache")
        caches.push_back(type);
      else if (!seen.insert(input.getValue()).second)
        return func.emitError("function '")
               << func.getName() << "', argument " << i
               << ": expected one argument that is " << input;
    }
    auto model = module->getAttrOfType<DictionaryAttr>("hamlet.model");
    for (StringRef name : {"vocab", "max_positions"}) {
      auto number = model ? model.getAs<IntegerAttr>(name) : IntegerAttr();
      if (!number || number.getInt() < 1)
        return func.emitError("function '")
               << func.getName()
               << "' is a model's step; expected the module to have "
                  "'hamlet.model' with a '"
               << name << "' of at least 1";
    }
    int64_t vocabulary = model.getAs<IntegerAttr>("vocab").getInt();
    SmallVector<Type> results = {
        RankedTensorType::get({ShapedType::kDynamic, vocabulary},
                              Float32Type::get(func.getContext()))};
    results.append(caches);
    if (func.getResultTypes() != ArrayRef<Type>(results))
      return func.emitError("function '")
             << func.getName()
             << "' is a model's step; expected the logits and then the caches "
                "of its arguments as results, ("
             << results << "), got (" << func.getResultTypes() << ")";
    return success();
  }

  /// What is expected in place of `type`; empty if it is right.
  static std::string expectedInput(StringRef name, Type type) {
    if (name == "cache")
      return isa<lightning::StateType, attention::CacheType>(type)
                 ? ""
                 : "a '!lightning.state' or an '!attention.cache'";
    if (!llvm::is_contained({"token_ids", "positions", "starts", "first",
                             "slots", "pages", "rows"},
                            name))
      return "one of token_ids, positions, starts, first, slots, pages, rows "
             "and cache as 'hamlet.input', not '" +
             name.str() + "'";
    int64_t rank = name == "pages" ? 2 : 1;
    auto wanted =
        RankedTensorType::get(SmallVector<int64_t>(rank, ShapedType::kDynamic),
                              IntegerType::get(type.getContext(), 32));
    if (type == wanted)
      return "";
    return llvm::formatv("'{0}' as {1}", Type(wanted), name).str();
  }

  /// What `hamlet.model` says is read without looking.
  LogicalResult checkModel() {
    Attribute attr = module->getAttr("hamlet.model");
    auto model = dyn_cast_if_present<DictionaryAttr>(attr);
    auto fail = [&](const Twine &expected, Attribute got) {
      return module.emitError("'hamlet.model': expected ")
             << expected << ", got " << got;
    };
    if (!attr)
      return success();
    if (!model)
      return fail("a dictionary", attr);
    for (NamedAttribute entry : model) {
      StringRef name = entry.getName();
      Attribute value = entry.getValue();
      if (name == "architecture" && !isa<StringAttr>(value))
        return fail("'architecture' to be a string", value);
      if (name == "eos_ids" && !isa<DenseI64ArrayAttr>(value))
        return fail("'eos_ids' to be array<i64: ...>", value);
      if (name == "dtype" &&
          !llvm::is_contained(
              {"f32", "bf16", "f16"},
              isa<StringAttr>(value) ? cast<StringAttr>(value).getValue() : ""))
        return fail("'dtype' to be \"f32\", \"bf16\" or \"f16\"", value);
      if (!llvm::is_contained({"vocab", "hidden", "layers", "max_positions",
                               "chunk", "parameters"},
                              name))
        continue;
      auto number = dyn_cast<IntegerAttr>(value);
      bool small = name != "parameters";
      if (!number || !number.getType().isSignlessInteger(64) ||
          number.getInt() < 0 || (small && number.getInt() > INT32_MAX))
        return fail("'" + name + "' to be an i64 of at least 0" +
                        (small ? " and below 2^31" : ""),
                    value);
    }
    return success();
  }

  /// Of functions but a step a caller gives the arguments, from arrays.
  LogicalResult checkArgument(func::FuncOp func, size_t i, Type type) {
    auto fail = [&](const Twine &expected) {
      return func.emitError("function '")
             << func.getName() << "', argument " << i << ": expected "
             << expected << ", got " << type;
    };
    if (isa<lightning::StateType, attention::CacheType>(type))
      return fail("a tensor; caches are those of a model's step, whose "
                  "arguments have 'hamlet.input'");
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return fail("a ranked tensor");
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
             << "' is not compiled; expected ops of nn, lightning, attention, "
                "moe and policy, arith.constant and func.return";
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (failed(check(constant)))
        return failure();
    if (auto weight = dyn_cast<nn::WeightOp>(op)) {
      nn::WeightOp first =
          weights.try_emplace(weight.getSymName(), weight).first->second;
      if (weight.getType() != first.getType() ||
          weight.getRecipeAttr() != first.getRecipeAttr()) {
        InFlightDiagnostic diag =
            weight.emitError("weight '")
            << weight.getSymName()
            << "' stands there twice, expected one type and one recipe";
        diag.attachNote(first.getLoc()) << "the other is here";
        return diag;
      }
    }
    if (auto route = dyn_cast<moe::RouteOp>(op))
      if (failed(checkSlots(op, static_cast<int64_t>(route.getTopK()))))
        return failure();
    if (auto attention = dyn_cast<lightning::AttentionOp>(op)) {
      int64_t features = std::max(attention.getK().getType().getDimSize(2),
                                  attention.getV().getType().getDimSize(2));
      if (features > kMostHeadFeatures)
        return op.emitError("'")
               << op.getName() << "' with heads of " << features
               << " features, expected at most " << kMostHeadFeatures;
    }
    if (auto combine = dyn_cast<moe::CombineOp>(op))
      if (failed(checkSlots(op, combine.getPlace().getType().getDimSize(1))))
        return failure();
    if (auto grad = dyn_cast<moe::GateGradOp>(op))
      if (failed(checkSlots(op, grad.getPlace().getType().getDimSize(1))))
        return failure();
    if (auto grad = dyn_cast<moe::RouteGradOp>(op))
      if (failed(checkSlots(op, grad.getIds().getType().getDimSize(1))))
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

  /// Kernels work on each slot of a token in turn, written out.
  LogicalResult checkSlots(Operation &op, int64_t slots) {
    if (slots <= kMostSlots)
      return success();
    return op.emitError("'")
           << op.getName() << "' with " << slots
           << " experts of a token, expected at most " << kMostSlots;
  }

  LogicalResult check(arith::ConstantOp op) {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || !isa<DenseIntOrFPElementsAttr>(op.getValue()))
      return op.emitError("expected a constant that is a dense tensor, got ")
             << op.getType();
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
    if (!isStored(tensor.getElementType()))
      return emitError(at) << whose
                           << ": expected elements of f32, bf16, f16, i32 or "
                              "i64, got "
                           << type;
    int64_t elements = 1;
    for (auto [i, dim] : llvm::enumerate(tensor.getShape())) {
      if (ShapedType::isDynamic(dim) && i == 0)
        continue;
      if (ShapedType::isDynamic(dim))
        return emitError(at) << whose
                             << ": expected static extents after the first, "
                                "got "
                             << type;
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
  bool hasStep = false;
  llvm::StringMap<nn::WeightOp> weights;
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
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
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
