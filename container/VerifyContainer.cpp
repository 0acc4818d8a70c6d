//===- VerifyContainer.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The semantic check of a container: after it, the runtime indexes without
// looking. Enumerations are checked too, FlatBuffers stores any byte in them.
#include "container/Architecture.h"
#include "container/Container.h"

#include <algorithm>
#include <set>

namespace hamlet {
namespace {

using namespace hmlt;

constexpr int64_t kLargest = int64_t(1) << 46; // bytes or elements of anything
constexpr int64_t kMaxGpuThreads = 1024;       // threads of a block
constexpr int kMostStreams = 64;

template <typename Enum> bool isValid(Enum value) {
  return value >= Enum::MIN && value <= Enum::MAX;
}

template <typename T>
std::string at(const char *what, size_t i, const T &name) {
  std::ostringstream out;
  out << what << ' ' << i << " '" << name << "'";
  return out.str();
}

std::string shown(const std::vector<int64_t> &shape) {
  std::ostringstream out;
  out << '[';
  for (size_t i = 0; i < shape.size(); ++i)
    out << (i ? ", " : "") << shape[i];
  out << ']';
  return out.str();
}

template <typename T>
Status verifyIndex(const char *what, int64_t index, const T &table) {
  if (index < 0 || static_cast<size_t>(index) >= table.size())
    return failure(what, " index ", index, " is out of range, there are ",
                   table.size());
  return {};
}

/// Elements of a shape whose dimensions must be positive.
Status countElements(const std::vector<int64_t> &shape, int64_t &count) {
  count = 1;
  for (int64_t dim : shape) {
    if (dim < 1)
      return failure("shape ", shown(shape),
                     " has a dimension below 1, expected positive ones");
    if (__builtin_mul_overflow(count, dim, &count) || count > kLargest)
      return failure("shape ", shown(shape), " has too many elements");
  }
  return {};
}

/// Names must be there and be unique.
template <typename T>
Status verifyNames(const char *what,
                   const std::vector<std::unique_ptr<T>> &table) {
  std::set<std::string> seen;
  for (size_t i = 0; i < table.size(); ++i) {
    if (!table[i])
      return failure(what, ' ', i, " is null");
    if (table[i]->name.empty())
      return failure(what, ' ', i, " has no name");
    if (!seen.insert(table[i]->name).second)
      return failure(what, " '", table[i]->name, "' stands there twice");
  }
  return {};
}

Status verifyNumbers(const Expr &expr, bool mayUseRows) {
  if (expr.mul() < 0 || expr.mul() > kLargest || expr.add() < -kLargest ||
      expr.add() > kLargest || expr.div() < 1 || expr.div() > kLargest)
    return failure("expression * ", expr.mul(), " / ", expr.div(), " + ",
                   expr.add(),
                   ", expected mul of at least 0, div of at least 1");
  if (expr.by_rows() && !mayUseRows)
    return failure("cannot depend on a variant's rows");
  return {};
}

class FunctionVerifier {
public:
  FunctionVerifier(const ContainerT &file, const FunctionT &function)
      : file(file), function(function), isStep(function.step) {}

  Status run() {
    HAMLET_TRY(verifyDerived());
    // An operand's rows are learnt from what it is given: not derived.
    HAMLET_TRY(
        verifyOperands("operand", function.operands, function.extents.size()));
    HAMLET_TRY(verifyOperands("result", function.results, extentCount()));
    for (size_t i = 0; i < function.checks.size(); ++i) {
      if (!function.checks[i])
        return failure("check ", i, " is null");
      HAMLET_TRY(verifyCheck(*function.checks[i])
                     .in(at("check", i, function.checks[i]->what)));
    }
    for (size_t i = 0; i < function.buffers.size(); ++i) {
      if (!function.buffers[i])
        return failure("buffer ", i, " is null");
      const BufferT &buffer = *function.buffers[i];
      HAMLET_TRY(verifyBuffer(buffer).in(at("buffer", i, buffer.name)));
    }
    for (size_t i = 0; i < function.launches.size(); ++i) {
      if (!function.launches[i])
        return failure("launch ", i, " is null");
      HAMLET_TRY(verifyLaunch(*function.launches[i], static_cast<int>(i))
                     .in("launch " + std::to_string(i)));
    }
    return verifyLogits();
  }

private:
  Status verifyOperands(const char *what,
                        const std::vector<std::unique_ptr<OperandT>> &table,
                        size_t extents) {
    for (size_t i = 0; i < table.size(); ++i) {
      if (!table[i])
        return failure(what, ' ', i, " is null");
      const OperandT &operand = *table[i];
      if (!isValid(operand.dtype))
        return failure(what, ' ', i, " has unknown dtype ",
                       static_cast<int>(operand.dtype));
      if (operand.by_value &&
          (operand.dtype != DType::f32 || !operand.shape.empty()))
        return failure(at(what, i, operand.name),
                       " is given by value, expected an f32 scalar");
      if (operand.rows)
        HAMLET_TRY(verifyExpr(operand.rows.get(), /*mayUseRows=*/false)
                       .in(at(what, i, operand.name)));
      std::vector<int64_t> known;
      for (size_t d = 0; d < operand.shape.size(); ++d) {
        if (d == 0 && operand.rows)
          continue;
        if (operand.shape[d] >= 0) {
          known.push_back(std::max<int64_t>(operand.shape[d], 1));
          continue;
        }
        if (d >= operand.extents.size())
          return failure(what, ' ', i, " dimension ", d,
                         " is dynamic without an extent");
        HAMLET_TRY(verifyExtent(operand.extents[d], extents)
                       .in(at(what, i, operand.name)));
      }
      int64_t count;
      HAMLET_TRY(countElements(known, count).in(at(what, i, operand.name)));
    }
    return {};
  }

  Status verifyCheck(const CheckT &check) {
    if (!isValid(check.kind))
      return failure("unknown kind ", static_cast<int>(check.kind));
    HAMLET_TRY(verifyExpr(check.limit.get(), /*mayUseRows=*/false));
    if (check.kind == CheckKind::equal)
      return verifyExpr(check.value.get(), /*mayUseRows=*/false);
    DType dtype;
    if (check.array == ArgKind::operand) {
      HAMLET_TRY(verifyIndex("operand", check.index, function.operands));
      dtype = function.operands[static_cast<size_t>(check.index)]->dtype;
    } else if (check.array == ArgKind::constant) {
      HAMLET_TRY(verifyIndex("constant", check.index, file.constants));
      dtype = file.constants[static_cast<size_t>(check.index)]->dtype;
    } else {
      return failure("expected an operand or a constant");
    }
    if (dtype != DType::i32)
      return failure("looks at an array that is not i32");
    return {};
  }

  size_t extentCount() const {
    return function.extents.size() + function.derived.size();
  }

  static Status verifyExtent(int index, size_t count) {
    if (index < 0 || static_cast<size_t>(index) >= count)
      return failure("extent ", index, " of ", count);
    return {};
  }

  /// Terms name extents before them, so that one pass works all out.
  Status verifyDerived() {
    for (size_t i = 0; i < function.derived.size(); ++i) {
      if (!function.derived[i])
        return failure("derived extent ", i, " is null");
      extentsKnown = function.extents.size() + i;
      for (const Expr &term : function.derived[i]->terms)
        HAMLET_TRY(verifyExpr(&term, /*mayUseRows=*/false)
                       .in(at("derived extent", i, function.derived[i]->name)));
    }
    extentsKnown = extentCount();
    return {};
  }

  Status verifyExpr(const Expr *expr, bool mayUseRows) {
    if (!expr)
      return failure("an expression is missing");
    if (!isValid(expr->symbol()))
      return failure("unknown symbol ", static_cast<int>(expr->symbol()));
    if (expr->symbol() == Symbol::size)
      return failure("a size is for grids and metrics of kernels only");
    if (expr->symbol() == Symbol::extent)
      HAMLET_TRY(verifyExtent(expr->index(), extentsKnown));
    else if (!isStep && expr->symbol() != Symbol::one)
      return failure("symbol '", EnumNameSymbol(expr->symbol()),
                     "' is known in a step only");
    return verifyNumbers(*expr, mayUseRows);
  }

  Status verifyBuffer(const BufferT &buffer) {
    if (!isValid(buffer.dtype))
      return failure("unknown dtype ", static_cast<int>(buffer.dtype));
    HAMLET_TRY(verifyExpr(buffer.bytes.get(), /*mayUseRows=*/false));
    int launches = static_cast<int>(function.launches.size());
    if (buffer.first < 0 || buffer.first > buffer.last ||
        buffer.last >= launches)
      return failure("lives over launches ", buffer.first, " to ", buffer.last,
                     " of ", launches);
    return {};
  }

  Status verifyLaunch(const LaunchT &launch, int number) {
    HAMLET_TRY(verifyIndex("kernel", launch.kernel, file.kernels));
    const KernelT &kernel = *file.kernels[static_cast<size_t>(launch.kernel)];
    if (launch.sizes.size() != kernel.sizes.size())
      return failure(launch.sizes.size(), " sizes, kernel '", kernel.name,
                     "' counts ", kernel.sizes.size());
    for (const Expr &expr : launch.sizes)
      HAMLET_TRY(verifyExpr(&expr, /*mayUseRows=*/true).in("size"));
    size_t next = 0;
    for (size_t i = 0; i < kernel.parameters.size(); ++i) {
      const ParameterT &parameter = *kernel.parameters[i];
      if (parameter.kind == ParameterKind::size)
        continue;
      if (next == launch.args.size())
        return failure("no argument for parameter '", parameter.name, "'");
      if (!launch.args[next])
        return failure("argument ", next, " is null");
      HAMLET_TRY(verifyArg(*launch.args[next], number)
                     .in("argument " + std::to_string(next)));
      HAMLET_TRY(verifyBinding(kernel, i, *launch.args[next])
                     .in("parameter '" + parameter.name + "'"));
      ++next;
    }
    if (next != launch.args.size())
      return failure(launch.args.size(), " arguments, kernel '", kernel.name,
                     "' takes ", next);
    return verifyOrder(launch);
  }

  /// Whether `arg` is what parameter `i` takes, on every target.
  Status verifyBinding(const KernelT &kernel, size_t i, const ArgT &arg) {
    bool byValue =
        arg.kind == ArgKind::real ||
        (arg.kind == ArgKind::operand &&
         function.operands[static_cast<size_t>(arg.index)]->by_value);
    bool wantsValue = kernel.parameters[i]->kind == ParameterKind::real;
    if (byValue != wantsValue)
      return failure("takes ", wantsValue ? "a number" : "memory");
    for (const auto &realization : kernel.realizations) {
      Layout layout = realization->layouts[i];
      if (layout == Layout::plain || arg.kind != ArgKind::weight)
        continue;
      HAMLET_TRY(
          verifyLayout(*file.weights[static_cast<size_t>(arg.index)], layout)
              .in("weight " + std::to_string(arg.index)));
    }
    return {};
  }

  static Status verifyLayout(const WeightT &weight, Layout layout) {
    bool isFloat = weight.dtype == DType::f32 || weight.dtype == DType::bf16 ||
                   weight.dtype == DType::f16;
    if (weight.shape.size() < 2 || !isFloat)
      return failure("layout '", EnumNameLayout(layout),
                     "' needs two dimensions or more and a float dtype");
    if (layout != Layout::panel && sizeOf(weight.dtype) != 2)
      return failure("layout '", EnumNameLayout(layout),
                     "' needs a dtype of 2 bytes");
    if (weight.add_one)
      return failure("'add_one' needs layout 'plain'");
    return {};
  }

  Status verifyOrder(const LaunchT &launch) {
    if (launch.device < 0 || launch.stream < 0 || launch.stream >= kMostStreams)
      return failure("device ", launch.device, " and stream ", launch.stream,
                     ", expected streams of 0 to ", kMostStreams - 1);
    for (int event : launch.waits)
      if (!signalled.contains(event))
        return failure("waits for event ", event,
                       ", which no launch before it signals");
    if (launch.signal < -1)
      return failure("signals event ", launch.signal);
    if (launch.signal >= 0)
      signalled.insert(launch.signal);
    return {};
  }

  Status verifyArg(const ArgT &arg, int launch) {
    switch (arg.kind) {
    case ArgKind::buffer: {
      HAMLET_TRY(verifyIndex("buffer", arg.index, function.buffers));
      const BufferT &buffer = *function.buffers[arg.index];
      if (launch < buffer.first || launch > buffer.last)
        return failure("buffer '", buffer.name, "' lives over launches ",
                       buffer.first, " to ", buffer.last, " only");
      return {};
    }
    case ArgKind::step_input:
      if (!isStep)
        return failure("a function that is called has no step inputs");
      if (arg.index < 0 || arg.index > static_cast<int>(StepInput::MAX))
        return failure("unknown step input ", arg.index);
      return {};
    case ArgKind::weight:
      return verifyIndex("weight", arg.index, file.weights);
    case ArgKind::constant:
      return verifyIndex("constant", arg.index, file.constants);
    case ArgKind::cache:
      if (!isStep)
        return failure("a function that is called has no caches");
      return verifyIndex("cache", arg.index, file.caches);
    case ArgKind::state:
      return verifyIndex("state", arg.index, file.states);
    case ArgKind::real:
      return {};
    case ArgKind::operand:
      return verifyIndex("operand", arg.index, function.operands);
    case ArgKind::result:
      return verifyIndex("result", arg.index, function.results);
    }
    return failure("unknown kind ", static_cast<int>(arg.kind));
  }

  Status verifyLogits() {
    int index = function.logits_buffer;
    if (index == -1)
      return {};
    HAMLET_TRY(verifyIndex("logits buffer", index, function.buffers));
    const BufferT &logits = *function.buffers[index];
    if (logits.dtype != DType::f32)
      return failure("logits are ", EnumNameDType(logits.dtype),
                     ", expected f32");
    if (logits.bytes->symbol() != Symbol::output_rows ||
        logits.bytes->div() != 1 ||
        logits.bytes->mul() != file.model->vocab * 4)
      return failure("logits must take vocab * 4 = ", file.model->vocab * 4,
                     " bytes per output row");
    if (logits.last + 1 != static_cast<int>(function.launches.size()))
      return failure("the logits live to launch ", logits.last, " of ",
                     function.launches.size(), ", expected the last");
    return {};
  }

  const ContainerT &file;
  const FunctionT &function;
  const bool isStep;
  size_t extentsKnown = 0;
  std::set<int> signalled;
};

/// `runs`: there is a function that yields logits.
Status verifyModel(const ModelT &model, bool runs) {
  if (!isValid(model.dtype))
    return failure("unknown dtype ", static_cast<int>(model.dtype));
  if (model.vocab < (runs ? 1 : 0) || model.vocab > INT32_MAX)
    return failure("vocabulary of ", model.vocab);
  if (model.max_positions < (runs ? 1 : 0) || model.max_positions > INT32_MAX)
    return failure("max_positions of ", model.max_positions);
  if (model.hidden < 0 || model.layers < 0 || model.chunk < 0)
    return failure("hidden ", model.hidden, ", layers ", model.layers,
                   ", chunk ", model.chunk, ": expected none below 0");
  return {};
}

/// An expression of a kernel: of its sizes, or of one.
Status verifySized(const Expr *expr, const KernelT &kernel, bool mayUseRows) {
  if (!expr)
    return failure("an expression is missing");
  if (expr->symbol() != Symbol::one && expr->symbol() != Symbol::size)
    return failure("expected a size of the kernel, got symbol ",
                   static_cast<int>(expr->symbol()));
  if (expr->symbol() == Symbol::size)
    HAMLET_TRY(verifyIndex("size", expr->index(), kernel.sizes));
  return verifyNumbers(*expr, mayUseRows);
}

Status verifyVariants(const RealizationT &realization) {
  if (realization.variants.empty())
    return failure("has no variant");
  int rows = 0;
  for (size_t i = 0; i < realization.variants.size(); ++i) {
    if (!realization.variants[i])
      return failure("variant ", i, " is null");
    const VariantT &variant = *realization.variants[i];
    if (variant.rows <= rows)
      return failure("variant ", i, " works on ", variant.rows,
                     " rows, expected more than ", rows);
    rows = variant.rows;
    if (variant.symbol.empty())
      return failure("variant ", i, " has no symbol");
    if (variant.scratch_bytes < 0 || variant.scratch_bytes > kLargest ||
        variant.shared_bytes < 0)
      return failure("variant ", i, " asks for ", variant.scratch_bytes,
                     " and ", variant.shared_bytes,
                     " bytes of scratch and shared memory");
    if (variant.block_threads < 0 || variant.block_threads > kMaxGpuThreads)
      return failure("variant ", i, " has blocks of ", variant.block_threads,
                     " threads, at most ", kMaxGpuThreads, " are possible");
    if (variant.registers < 0)
      return failure("variant ", i, " has ", variant.registers, " registers");
    for (const auto &schedule : variant.schedules)
      if (!schedule)
        return failure("variant ", i, " has a null schedule");
  }
  return {};
}

Status verifyRealization(const RealizationT &realization,
                         const KernelT &kernel) {
  if (realization.grid.size() != 3)
    return failure("a grid of ", realization.grid.size(), ", expected 3");
  for (const Expr &expr : realization.grid)
    HAMLET_TRY(verifySized(&expr, kernel, /*mayUseRows=*/true).in("grid"));
  if (realization.layouts.size() != kernel.parameters.size())
    return failure(realization.layouts.size(), " layouts for ",
                   kernel.parameters.size(), " parameters");
  for (Layout layout : realization.layouts)
    if (!isValid(layout))
      return failure("unknown layout ", static_cast<int>(layout));
  return verifyVariants(realization);
}

Status verifyKernel(const KernelT &kernel) {
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    if (!kernel.parameters[i])
      return failure("parameter ", i, " is null");
    const ParameterT &parameter = *kernel.parameters[i];
    if (!isValid(parameter.kind) || !isValid(parameter.dtype))
      return failure(at("parameter", i, parameter.name),
                     " has an unknown kind or dtype");
    if (parameter.kind == ParameterKind::size)
      HAMLET_TRY(verifyIndex("size", parameter.size, kernel.sizes)
                     .in(at("parameter", i, parameter.name)));
  }
  HAMLET_TRY(verifySized(kernel.metric.get(), kernel, /*mayUseRows=*/false)
                 .in("metric"));
  std::set<std::string> seen;
  for (size_t i = 0; i < kernel.realizations.size(); ++i) {
    if (!kernel.realizations[i])
      return failure("realization ", i, " is null");
    const RealizationT &realization = *kernel.realizations[i];
    if (!seen.insert(realization.target).second)
      return failure("two realizations for ", realization.target);
    HAMLET_TRY(verifyRealization(realization, kernel)
                   .in("target " + realization.target));
  }
  return {};
}

Status verifyImages(const ContainerT &in) {
  std::set<std::string> seen;
  for (size_t i = 0; i < in.images.size(); ++i) {
    if (!in.images[i])
      return failure("image ", i, " is null");
    const ImageT &image = *in.images[i];
    std::string where = at("image", i, image.target);
    if (!seen.insert(image.target).second)
      return failure(where, " stands there twice");
    if (image.bytes.empty() && image.cubin.empty())
      return failure(where, " is empty");
    bool x86 = image.target.starts_with("x86-64-v");
    if (!x86 && !architectureOf(image))
      return failure(where, ": expected the target x86-64-v... or PTX that "
                            "names its own, such as sm_80");
    constexpr uint8_t kElf[] = {0x7f, 'E', 'L', 'F'};
    if (x86 &&
        (image.bytes.size() < 64 ||
         !std::equal(std::begin(kElf), std::end(kElf), image.bytes.begin())))
      return failure(where, " is not an ELF shared object");
  }
  if (!in.kernels.empty() && in.images.empty())
    return failure("there are ", in.kernels.size(), " kernels and no image");
  for (const auto &kernel : in.kernels)
    for (const auto &image : in.images)
      if (!findRealization(*kernel, image->target))
        return failure("kernel '", kernel->name, "' has no realization for ",
                       image->target);
  return {};
}

Status verifyWeight(const WeightT &weight) {
  if (!isValid(weight.dtype))
    return failure("unknown dtype ", static_cast<int>(weight.dtype));
  int64_t count;
  HAMLET_TRY(countElements(weight.shape, count));
  size_t rank = weight.shape.size();
  if (rank < 1)
    return failure("has no dimensions");
  if (weight.add_one && weight.dtype != DType::f32 &&
      weight.dtype != DType::bf16 && weight.dtype != DType::f16)
    return failure("'add_one' needs a float dtype");
  if (weight.sources.empty())
    return failure("has no source");
  int64_t stored = 0;
  for (size_t i = 0; i < weight.sources.size(); ++i) {
    if (!weight.sources[i] || weight.sources[i]->tensor.empty())
      return failure("source ", i, " has no name");
    const SourceT &source = *weight.sources[i];
    int64_t elements;
    HAMLET_TRY(countElements(source.shape, elements)
                   .in(at("source", i, source.tensor)));
    if (weight.stack && elements != count / weight.shape[0])
      return failure(at("source", i, source.tensor), " of shape ",
                     shown(source.shape), " is not one slice of ",
                     shown(weight.shape));
    stored += elements;
    if (stored > count)
      break;
  }
  if (stored != count)
    return failure("shape ", shown(weight.shape), " has ", count,
                   " elements, the sources have ", stored);
  int64_t a = weight.permute_a, b = weight.permute_b, c = weight.permute_c;
  if (!a && !b && !c)
    return {};
  if (weight.stack && rank < 2)
    return failure("stacked rows cannot be permuted, the slices have no rows");
  int64_t rows = weight.shape[weight.stack ? 1 : 0];
  if (a < 1 || b < 1 || c < 1 || rows % a || rows / a % b || rows / a / b != c)
    return failure("permutation [", a, ", ", b, ", ", c, "] of ", rows,
                   " rows");
  return {};
}

Status verifyTables(const ContainerT &in) {
  HAMLET_TRY(verifyNames("kernel", in.kernels));
  HAMLET_TRY(verifyNames("weight", in.weights));
  HAMLET_TRY(verifyNames("constant", in.constants));
  HAMLET_TRY(verifyNames("cache", in.caches));
  HAMLET_TRY(verifyNames("state", in.states));
  HAMLET_TRY(verifyNames("function", in.functions));
  for (size_t i = 0; i < in.kernels.size(); ++i)
    HAMLET_TRY(
        verifyKernel(*in.kernels[i]).in(at("kernel", i, in.kernels[i]->name)));
  for (size_t i = 0; i < in.weights.size(); ++i)
    HAMLET_TRY(
        verifyWeight(*in.weights[i]).in(at("weight", i, in.weights[i]->name)));
  for (size_t i = 0; i < in.constants.size(); ++i) {
    const ConstantT &constant = *in.constants[i];
    std::string where = at("constant", i, constant.name);
    if (!isValid(constant.dtype))
      return failure(where, ": unknown dtype ",
                     static_cast<int>(constant.dtype));
    int64_t count;
    HAMLET_TRY(countElements(constant.shape, count).in(where));
    if (static_cast<int64_t>(constant.bytes.size()) !=
        count * sizeOf(constant.dtype))
      return failure(where, " has ", constant.bytes.size(), " bytes, shape ",
                     shown(constant.shape), " needs ",
                     count * sizeOf(constant.dtype));
  }
  for (size_t i = 0; i < in.caches.size(); ++i) {
    const CacheT &cache = *in.caches[i];
    if (!isValid(cache.per) || cache.bytes < 1 || cache.bytes > kLargest)
      return failure(at("cache", i, cache.name), " takes ", cache.bytes,
                     " bytes per ", static_cast<int>(cache.per));
  }
  for (size_t i = 0; i < in.states.size(); ++i) {
    const StateT &state = *in.states[i];
    std::string where = at("state", i, state.name);
    if (!isValid(state.dtype) || !isValid(state.initial))
      return failure(where, " has an unknown dtype or initial value");
    int64_t count;
    HAMLET_TRY(countElements(state.shape, count).in(where));
    if (state.initial == InitialValue::zero)
      continue;
    HAMLET_TRY(verifyIndex("weight", state.weight, in.weights).in(where));
    const WeightT &weight = *in.weights[static_cast<size_t>(state.weight)];
    if (weight.shape != state.shape || weight.dtype != state.dtype)
      return failure(where, " begins as weight '", weight.name,
                     "' of another shape or dtype");
  }
  return {};
}

} // namespace

Status verifyContainer(const ContainerT &in) {
  HAMLET_TRY(verifyTables(in));
  HAMLET_TRY(verifyImages(in));
  if (!in.model)
    return failure("the model's section is missing");
  bool runs = std::any_of(
      in.functions.begin(), in.functions.end(),
      [](const auto &function) { return function->logits_buffer != -1; });
  HAMLET_TRY(verifyModel(*in.model, runs).in("model"));
  for (const auto &function : in.functions)
    HAMLET_TRY(FunctionVerifier(in, *function)
                   .run()
                   .in("function '" + function->name + "'"));
  return {};
}

} // namespace hamlet
