//===- Deserialize.cpp - a container becomes a program -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/Serialize.h"

#include "codegen/program/Provenance.h"

#include "dialects/Program/ProgramOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

class Deserializer {
public:
  Deserializer(MLIRContext &context, const hmlt::ContainerT &file)
      : b(&context), at(b.getUnknownLoc()), file(file) {}

  OwningOpRef<ModuleOp> run() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(at);
    b.setInsertionPointToEnd(module->getBody());
    module->getOperation()->setAttr(kModelAttr, model());
    if (file.provenance)
      module->getOperation()->setAttr(kProvenanceAttr, provenance());
    if (!file.remarks.empty())
      module->getOperation()->setAttr(kRemarksAttr, strings(file.remarks));
    for (const auto &weight : file.weights)
      write(*weight);
    for (const auto &constant : file.constants)
      program::ConstantOp::create(
          b, at, constant->name,
          cast<ElementsAttr>(DenseElementsAttr::getFromRawBuffer(
              tensor(constant->shape, constant->dtype),
              chars(constant->bytes))));
    for (const auto &cache : file.caches)
      program::CacheOp::create(
          b, at, cache->name, cache->kind, static_cast<uint64_t>(cache->layer),
          *program::symbolizeCachePer(hmlt::EnumNameCachePer(cache->per)),
          static_cast<uint64_t>(cache->bytes));
    for (const auto &state : file.states)
      program::StateOp::create(
          b, at, state->name, tensor(state->shape, state->dtype),
          state->initial == hmlt::InitialValue::weight
              ? FlatSymbolRefAttr::get(
                    b.getContext(),
                    file.weights[static_cast<size_t>(state->weight)]->name)
              : FlatSymbolRefAttr());
    for (const auto &kernel : file.kernels)
      write(*kernel);
    for (const auto &function : file.functions)
      write(*function);
    for (const auto &image : file.images)
      program::ImageOp::create(b, at, image->target, code(image->bytes),
                               image->cubin.empty() ? ElementsAttr()
                                                    : code(image->cubin));
    return module;
  }

private:
  //===--------------------------------------------------------------------===//
  // Attributes and types
  //===--------------------------------------------------------------------===//

  ArrayAttr strings(const std::vector<std::string> &list) {
    SmallVector<StringRef> refs(list.begin(), list.end());
    return b.getStrArrayAttr(refs);
  }

  static ArrayRef<char> chars(const std::vector<uint8_t> &bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
  }

  ElementsAttr code(const std::vector<uint8_t> &bytes) {
    auto type = RankedTensorType::get({static_cast<int64_t>(bytes.size())},
                                      b.getI8Type());
    return cast<ElementsAttr>(
        DenseElementsAttr::getFromRawBuffer(type, chars(bytes)));
  }

  Type element(hmlt::DType dtype) {
    switch (dtype) {
    case hmlt::DType::f32:
      return b.getF32Type();
    case hmlt::DType::bf16:
      return b.getBF16Type();
    case hmlt::DType::f16:
      return b.getF16Type();
    case hmlt::DType::i32:
      return b.getI32Type();
    case hmlt::DType::i64:
      return b.getI64Type();
    case hmlt::DType::u8:
      return b.getI8Type();
    }
    llvm_unreachable("a container that verifies has no other dtype");
  }
  RankedTensorType tensor(const std::vector<int64_t> &shape,
                          hmlt::DType dtype) {
    return RankedTensorType::get(shape, element(dtype));
  }
  Type memory(hmlt::DType dtype) {
    return program::MemoryType::get(b.getContext(), element(dtype));
  }

  program::ExtentAttr extent(const hmlt::Expr &e) {
    return program::ExtentAttr::get(
        b.getContext(),
        *program::symbolizeQuantity(hmlt::EnumNameSymbol(e.symbol())),
        e.index(), e.mul(), e.div(), e.by_rows(), e.add());
  }
  ArrayAttr extents(const std::vector<hmlt::Expr> &list) {
    SmallVector<Attribute> attrs;
    for (const hmlt::Expr &e : list)
      attrs.push_back(extent(e));
    return b.getArrayAttr(attrs);
  }

  DictionaryAttr model() {
    const hmlt::ModelT &m = *file.model;
    return b.getDictionaryAttr(
        {b.getNamedAttr("architecture", b.getStringAttr(m.architecture)),
         b.getNamedAttr("vocab", b.getI64IntegerAttr(m.vocab)),
         b.getNamedAttr("hidden", b.getI64IntegerAttr(m.hidden)),
         b.getNamedAttr("layers", b.getI64IntegerAttr(m.layers)),
         b.getNamedAttr("max_positions", b.getI64IntegerAttr(m.max_positions)),
         b.getNamedAttr("parameters", b.getI64IntegerAttr(m.parameters)),
         b.getNamedAttr("chunk", b.getI64IntegerAttr(m.chunk)),
         b.getNamedAttr("eos_ids", b.getDenseI64ArrayAttr(m.eos_ids)),
         b.getNamedAttr("dtype",
                        b.getStringAttr(hmlt::EnumNameDType(m.dtype)))});
  }

  DictionaryAttr provenance() {
    SmallVector<NamedAttribute> entries;
    for (auto [name, text] : kProvenanceTexts)
      entries.push_back(
          b.getNamedAttr(name, b.getStringAttr(*file.provenance.*text)));
    for (auto [name, list] : kProvenanceLists)
      entries.push_back(b.getNamedAttr(name, strings(*file.provenance.*list)));
    return b.getDictionaryAttr(entries);
  }

  //===--------------------------------------------------------------------===//
  // Declarations
  //===--------------------------------------------------------------------===//

  void write(const hmlt::WeightT &weight) {
    SmallVector<Attribute> sources, shapes;
    for (const auto &source : weight.sources) {
      sources.push_back(b.getStringAttr(source->tensor));
      shapes.push_back(b.getDenseI64ArrayAttr(source->shape));
    }
    SmallVector<NamedAttribute> recipe{
        b.getNamedAttr("sources", b.getArrayAttr(sources)),
        b.getNamedAttr("shapes", b.getArrayAttr(shapes))};
    if (weight.stack)
      recipe.push_back(b.getNamedAttr("stack", b.getUnitAttr()));
    if (weight.add_one)
      recipe.push_back(b.getNamedAttr("add_one", b.getUnitAttr()));
    if (weight.permute_a)
      recipe.push_back(b.getNamedAttr(
          "permute", b.getDenseI64ArrayAttr({weight.permute_a, weight.permute_b,
                                             weight.permute_c})));
    program::WeightOp::create(b, at, weight.name,
                              tensor(weight.shape, weight.dtype),
                              b.getDictionaryAttr(recipe));
  }

  void write(const hmlt::KernelT &kernel) {
    SmallVector<StringRef> names;
    SmallVector<Type> types;
    for (const auto &parameter : kernel.parameters) {
      names.push_back(parameter->name);
      switch (parameter->kind) {
      case hmlt::ParameterKind::memory:
        types.push_back(memory(parameter->dtype));
        break;
      case hmlt::ParameterKind::size:
        types.push_back(b.getIndexType());
        break;
      case hmlt::ParameterKind::real:
        types.push_back(b.getF32Type());
        break;
      }
    }
    auto op = program::KernelOp::create(
        b, at, kernel.name, kernel.kind, b.getStrArrayAttr(names),
        b.getTypeArrayAttr(types), strings(kernel.sizes),
        extent(*kernel.metric), kernel.product, strings(kernel.fused),
        strings(kernel.remarks));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&op.getBody().emplaceBlock());
    for (const auto &realization : kernel.realizations)
      write(*realization);
  }

  void write(const hmlt::RealizationT &realization) {
    SmallVector<int32_t> layouts;
    for (hmlt::Layout layout : realization.layouts)
      layouts.push_back(static_cast<int32_t>(
          *program::symbolizeLayout(hmlt::EnumNameLayout(layout))));
    auto op = program::RealizationOp::create(
        b, at, realization.target, extents(realization.grid), layouts,
        realization.schedule, StringAttr());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&op.getBody().emplaceBlock());
    for (const auto &variant : realization.variants) {
      SmallVector<Attribute> products;
      for (const auto &s : variant->schedules)
        products.push_back(program::ProductAttr::get(
            b.getContext(), s->m, s->n, s->k, s->rows, s->panels, s->depth,
            s->cycles, s->given, s->part));
      program::VariantOp::create(
          b, at, variant->symbol, static_cast<uint64_t>(variant->rows),
          static_cast<uint64_t>(variant->scratch_bytes),
          static_cast<uint64_t>(variant->shared_bytes),
          static_cast<uint64_t>(variant->block_threads),
          static_cast<uint64_t>(variant->registers), b.getArrayAttr(products));
    }
  }

  //===--------------------------------------------------------------------===//
  // Functions
  //===--------------------------------------------------------------------===//

  void write(const hmlt::FunctionT &f) {
    values.clear();
    auto op =
        program::FuncOp::create(b, at, f.name, f.step, strings(f.extents));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&op.getBody().emplaceBlock());
    for (const auto &derived : f.derived)
      program::DeriveOp::create(b, at, derived->name, extents(derived->terms),
                                derived->product);
    for (auto [i, operand] : llvm::enumerate(f.operands))
      values[{hmlt::ArgKind::operand, static_cast<int32_t>(i)}] =
          outside<program::OperandOp>(*operand);
    for (auto [i, result] : llvm::enumerate(f.results))
      values[{hmlt::ArgKind::result, static_cast<int32_t>(i)}] =
          outside<program::ResultOp>(*result);
    for (auto [i, buffer] : llvm::enumerate(f.buffers))
      values[{hmlt::ArgKind::buffer, static_cast<int32_t>(i)}] =
          program::AllocOp::create(
              b, at, memory(buffer->dtype), buffer->name,
              extent(*buffer->bytes), buffer->zero_first,
              b.getDenseI64ArrayAttr({buffer->first, buffer->last}));
    for (const auto &check : f.checks)
      program::CheckOp::create(
          b, at,
          *program::symbolizeCheckKind(hmlt::EnumNameCheckKind(check->kind)),
          check->what,
          check->value ? extent(*check->value) : program::ExtentAttr(),
          check->kind == hmlt::CheckKind::equal
              ? Value()
              : value(check->array, check->index, 0),
          extent(*check->limit));
    for (const auto &launch : f.launches)
      write(*launch);
    if (f.logits_buffer >= 0)
      program::LogitsOp::create(
          b, at, values[{hmlt::ArgKind::buffer, f.logits_buffer}]);
  }

  template <typename OpTy> Value outside(const hmlt::OperandT &operand) {
    SmallVector<int64_t> open(operand.extents.begin(), operand.extents.end());
    Type type =
        operand.by_value ? element(operand.dtype) : memory(operand.dtype);
    return OpTy::create(b, at, type, operand.name, operand.shape, open,
                        operand.rows ? extent(*operand.rows)
                                     : program::ExtentAttr());
  }

  void write(const hmlt::LaunchT &launch) {
    const hmlt::KernelT &kernel =
        *file.kernels[static_cast<size_t>(launch.kernel)];
    SmallVector<StringRef> names;
    SmallVector<Value> args;
    for (const auto &parameter : kernel.parameters) {
      if (parameter->kind == hmlt::ParameterKind::size)
        continue;
      const hmlt::ArgT &arg = *launch.args[args.size()];
      names.push_back(parameter->name);
      args.push_back(value(arg.kind, arg.index, arg.value));
    }
    SmallVector<int64_t> waits(launch.waits.begin(), launch.waits.end());
    auto optional = [&](int32_t number) {
      return number >= 0 ? b.getI64IntegerAttr(number) : IntegerAttr();
    };
    program::LaunchOp::create(
        b, at, kernel.name, extents(launch.sizes), b.getStrArrayAttr(names),
        args, optional(launch.layer), static_cast<uint64_t>(launch.device),
        static_cast<uint64_t>(launch.stream), waits, optional(launch.signal));
  }

  /// Memory is named once, where it is first used.
  Value value(hmlt::ArgKind kind, int32_t index, float real) {
    if (kind == hmlt::ArgKind::real)
      return program::RealOp::create(b, at, b.getF32Type(),
                                     b.getF32FloatAttr(real));
    Value &known = values[{kind, index}];
    if (!known)
      known = name(kind, index);
    return known;
  }

  Value name(hmlt::ArgKind kind, int32_t index) {
    auto i = static_cast<size_t>(index);
    auto get = [&](program::Declared what, const std::string &source,
                   hmlt::DType dtype) {
      return program::GetOp::create(b, at, memory(dtype), what, source)
          .getResult();
    };
    switch (kind) {
    case hmlt::ArgKind::step_input:
      return program::StepInputOp::create(
          b, at, memory(hmlt::DType::i32),
          *program::symbolizeStepInput(
              hmlt::EnumNameStepInput(static_cast<hmlt::StepInput>(index))));
    case hmlt::ArgKind::weight:
      return get(program::Declared::weight, file.weights[i]->name,
                 file.weights[i]->dtype);
    case hmlt::ArgKind::constant:
      return get(program::Declared::constant, file.constants[i]->name,
                 file.constants[i]->dtype);
    case hmlt::ArgKind::cache:
      return get(program::Declared::cache, file.caches[i]->name,
                 hmlt::DType::u8);
    case hmlt::ArgKind::state:
      return get(program::Declared::state, file.states[i]->name,
                 file.states[i]->dtype);
    case hmlt::ArgKind::buffer:
    case hmlt::ArgKind::operand:
    case hmlt::ArgKind::result:
    case hmlt::ArgKind::real:
      break;
    }
    llvm_unreachable("buffers, operands, results and numbers are there before");
  }

  OpBuilder b;
  Location at;
  const hmlt::ContainerT &file;
  std::map<std::pair<hmlt::ArgKind, int32_t>, Value> values;
};

} // namespace

OwningOpRef<ModuleOp>
hamlet::codegen::deserializeProgram(MLIRContext &context,
                                    const hmlt::ContainerT &container) {
  context.loadDialect<program::ProgramDialect>();
  return Deserializer(context, container).run();
}
