//===- Serialize.cpp - a program becomes a container ---------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place where a container is made. One op here is one entry there; what
// is named there by a number is named here by a symbol or a value.

#include "codegen/program/Serialize.h"

#include "codegen/program/Provenance.h"

#include "dialects/Program/ProgramOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

/// The entry of an enumeration of the schema that has this name: names tie the
/// dialect's enumerations to the schema's.
template <typename Enum, size_t kCount>
static Enum named(StringRef name, const Enum (&values)[kCount],
                  const char *const *names) {
  for (size_t i = 0; i < kCount; ++i)
    if (name == names[i])
      return values[i];
  llvm_unreachable("the schema has every entry of the dialect's enumeration");
}

static hmlt::Expr exprOf(program::ExtentAttr extent) {
  return {named(program::stringifyQuantity(extent.getQuantity()),
                hmlt::EnumValuesSymbol(), hmlt::EnumNamesSymbol()),
          extent.getByRows(),
          static_cast<int32_t>(extent.getIndex()),
          extent.getMul(),
          extent.getDiv(),
          extent.getAdd()};
}

static std::vector<hmlt::Expr> exprsOf(ArrayAttr extents) {
  std::vector<hmlt::Expr> exprs;
  for (Attribute extent : extents)
    exprs.push_back(exprOf(cast<program::ExtentAttr>(extent)));
  return exprs;
}

static std::vector<std::string> stringsOf(ArrayAttr strings) {
  std::vector<std::string> list;
  for (Attribute string : strings)
    list.push_back(cast<StringAttr>(string).str());
  return list;
}

static FailureOr<hmlt::DType> dtypeOf(Operation *op, Type element) {
  if (element.isF32())
    return hmlt::DType::f32;
  if (element.isBF16())
    return hmlt::DType::bf16;
  if (element.isF16())
    return hmlt::DType::f16;
  if (element.isInteger(64))
    return hmlt::DType::i64;
  if (element.isInteger(32))
    return hmlt::DType::i32;
  if (element.isInteger(8))
    return hmlt::DType::u8;
  return op->emitOpError("has elements of ")
         << element << ", expected f32, bf16, f16, i64, i32 or i8";
}

template <typename T> static std::vector<T> bytesOf(ElementsAttr elements) {
  auto dense = cast<DenseElementsAttr>(elements);
  ArrayRef<char> raw = dense.getRawData();
  size_t width =
      static_cast<size_t>(dense.getElementType().getIntOrFloatBitWidth()) / 8;
  auto count = static_cast<size_t>(dense.getNumElements());
  std::vector<T> bytes(count * width);
  for (size_t i = 0; i < count; ++i)
    std::copy_n(raw.data() + (dense.isSplat() ? 0 : i * width), width,
                bytes.data() + i * width);
  return bytes;
}

namespace {

class Serializer {
public:
  explicit Serializer(ModuleOp module)
      : module(module), file(std::make_unique<hmlt::ContainerT>()) {}

  FailureOr<std::unique_ptr<hmlt::ContainerT>> run() {
    if (failed(writeModel()))
      return failure();
    if (failed(writeProvenance()))
      return failure();
    for (Operation &op : *module.getBody())
      if (failed(declare(&op)))
        return failure();
    // Functions name what may stand after them.
    for (auto func : module.getOps<program::FuncOp>())
      if (failed(write(func)))
        return failure();
    return std::move(file);
  }

private:
  //===--------------------------------------------------------------------===//
  // Declarations
  //===--------------------------------------------------------------------===//

  LogicalResult declare(Operation *op) {
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case<program::WeightOp, program::ConstantOp, program::CacheOp,
              program::StateOp, program::KernelOp, program::ImageOp>(
            [&](auto typed) { return write(typed); })
        .Case<program::FuncOp, ModuleOp>([](auto) { return success(); })
        .Default([](Operation *other) {
          return other->emitOpError("has no form in a container; expected the "
                                    "declarations of a program");
        });
  }

  LogicalResult write(program::WeightOp op) {
    auto weight = std::make_unique<hmlt::WeightT>();
    auto type = cast<RankedTensorType>(op.getType());
    DictionaryAttr recipe = op.getRecipe();
    weight->name = op.getName().str();
    weight->shape.assign(type.getShape().begin(), type.getShape().end());
    FailureOr<hmlt::DType> dtype = dtypeOf(op, type.getElementType());
    auto sources = recipe.getAs<ArrayAttr>("sources");
    auto shapes = recipe.getAs<ArrayAttr>("shapes");
    if (!sources || !shapes || sources.size() != shapes.size())
      return op.emitOpError(
          "expected a recipe with 'sources' and as many 'shapes'");
    if (failed(dtype))
      return failure();
    weight->dtype = *dtype;
    weight->stack = recipe.contains("stack");
    weight->add_one = recipe.contains("add_one");
    for (auto [name, shape] : llvm::zip_equal(sources, shapes)) {
      auto text = dyn_cast<StringAttr>(name);
      auto dims = dyn_cast<DenseI64ArrayAttr>(shape);
      if (!text || !dims)
        return op.emitOpError(
            "expected 'sources' to be strings and 'shapes' to be array<i64>");
      auto source = std::make_unique<hmlt::SourceT>();
      source->tensor = text.str();
      source->shape.assign(dims.asArrayRef().begin(), dims.asArrayRef().end());
      weight->sources.push_back(std::move(source));
    }
    if (auto permute = recipe.getAs<DenseI64ArrayAttr>("permute")) {
      if (permute.size() != 3)
        return op.emitOpError("expected 'permute' to have 3 entries, got ")
               << permute.size();
      weight->permute_a = static_cast<int32_t>(permute[0]);
      weight->permute_b = static_cast<int32_t>(permute[1]);
      weight->permute_c = static_cast<int32_t>(permute[2]);
    }
    number(program::Declared::weight, op.getName(), file->weights.size());
    file->weights.push_back(std::move(weight));
    return success();
  }

  LogicalResult write(program::ConstantOp op) {
    auto constant = std::make_unique<hmlt::ConstantT>();
    ShapedType type = op.getValue().getShapedType();
    FailureOr<hmlt::DType> dtype = dtypeOf(op, type.getElementType());
    if (failed(dtype))
      return failure();
    if (!isa<DenseElementsAttr>(op.getValue()))
      return op.emitOpError("expected dense elements");
    constant->name = op.getName().str();
    constant->dtype = *dtype;
    constant->shape.assign(type.getShape().begin(), type.getShape().end());
    constant->bytes = bytesOf<uint8_t>(op.getValue());
    number(program::Declared::constant, op.getName(), file->constants.size());
    file->constants.push_back(std::move(constant));
    return success();
  }

  LogicalResult write(program::CacheOp op) {
    auto cache = std::make_unique<hmlt::CacheT>();
    cache->name = op.getName().str();
    cache->kind = op.getKind().str();
    cache->layer = static_cast<int32_t>(op.getLayer());
    cache->per = named(program::stringifyCachePer(op.getPer()),
                       hmlt::EnumValuesCachePer(), hmlt::EnumNamesCachePer());
    cache->bytes = static_cast<int64_t>(op.getBytes());
    number(program::Declared::cache, op.getName(), file->caches.size());
    file->caches.push_back(std::move(cache));
    return success();
  }

  LogicalResult write(program::StateOp op) {
    auto state = std::make_unique<hmlt::StateT>();
    auto type = cast<RankedTensorType>(op.getType());
    FailureOr<hmlt::DType> dtype = dtypeOf(op, type.getElementType());
    if (failed(dtype))
      return failure();
    state->name = op.getName().str();
    state->dtype = *dtype;
    state->shape.assign(type.getShape().begin(), type.getShape().end());
    if (std::optional<StringRef> initial = op.getInitial()) {
      state->initial = hmlt::InitialValue::weight;
      auto it = numbers[static_cast<size_t>(program::Declared::weight)].find(
          *initial);
      if (it == numbers[static_cast<size_t>(program::Declared::weight)].end())
        return op.emitOpError(
            "expected the weight that it begins as before it");
      state->weight = it->second;
    }
    number(program::Declared::state, op.getName(), file->states.size());
    file->states.push_back(std::move(state));
    return success();
  }

  LogicalResult write(program::ImageOp op) {
    auto image = std::make_unique<hmlt::ImageT>();
    image->target = op.getTarget().str();
    for (std::optional<ElementsAttr> code :
         {std::optional(op.getCode()), op.getCubin()})
      if (code && (!isa<DenseElementsAttr>(*code) ||
                   !code->getElementType().isInteger(8)))
        return op.emitOpError("expected code as dense elements of i8");
    image->bytes = bytesOf<uint8_t>(op.getCode());
    if (op.getCubin())
      image->cubin = bytesOf<uint8_t>(*op.getCubin());
    file->images.push_back(std::move(image));
    return success();
  }

  LogicalResult write(program::KernelOp op) {
    auto kernel = std::make_unique<hmlt::KernelT>();
    kernel->name = op.getName().str();
    kernel->kind = op.getKind().str();
    kernel->product = op.getProduct();
    kernel->fused = stringsOf(op.getFused());
    kernel->remarks = stringsOf(op.getRemarks());
    kernel->sizes = stringsOf(op.getSizes());
    kernel->metric = std::make_unique<hmlt::Expr>(exprOf(op.getMetric()));
    for (auto [name, type] : llvm::zip_equal(op.getNames(), op.getTypes())) {
      auto parameter = std::make_unique<hmlt::ParameterT>();
      parameter->name = cast<StringAttr>(name).str();
      Type is = cast<TypeAttr>(type).getValue();
      if (auto memory = dyn_cast<program::MemoryType>(is)) {
        FailureOr<hmlt::DType> dtype = dtypeOf(op, memory.getElementType());
        if (failed(dtype))
          return failure();
        parameter->kind = hmlt::ParameterKind::memory;
        parameter->dtype = *dtype;
      } else if (is.isIndex()) {
        parameter->kind = hmlt::ParameterKind::size;
        parameter->size = static_cast<int32_t>(*op.sizeNamed(parameter->name));
      } else {
        parameter->kind = hmlt::ParameterKind::real;
      }
      kernel->parameters.push_back(std::move(parameter));
    }
    for (auto realization :
         op.getBody().front().getOps<program::RealizationOp>())
      kernel->realizations.push_back(write(realization));
    kernels[op.getName()] = {op, static_cast<int32_t>(file->kernels.size())};
    file->kernels.push_back(std::move(kernel));
    return success();
  }

  static std::unique_ptr<hmlt::RealizationT> write(program::RealizationOp op) {
    auto realization = std::make_unique<hmlt::RealizationT>();
    realization->target = op.getTarget().str();
    realization->grid = exprsOf(op.getGrid());
    realization->schedule = op.getSchedule().str();
    for (int32_t layout : op.getLayouts())
      realization->layouts.push_back(
          named(program::stringifyLayout(static_cast<program::Layout>(layout)),
                hmlt::EnumValuesLayout(), hmlt::EnumNamesLayout()));
    for (auto op : op.getBody().front().getOps<program::VariantOp>()) {
      auto variant = std::make_unique<hmlt::VariantT>();
      variant->rows = static_cast<int32_t>(op.getRows());
      variant->symbol = op.getSymbol().str();
      variant->scratch_bytes = static_cast<int64_t>(op.getScratch());
      variant->shared_bytes = static_cast<int32_t>(op.getShared());
      variant->block_threads = static_cast<int32_t>(op.getThreads());
      variant->registers = static_cast<int32_t>(op.getRegisters());
      for (Attribute attr : op.getProducts()) {
        auto product = cast<program::ProductAttr>(attr);
        auto schedule = std::make_unique<hmlt::ScheduleT>();
        schedule->m = product.getM();
        schedule->n = product.getN();
        schedule->k = product.getK();
        schedule->rows = static_cast<int32_t>(product.getRows());
        schedule->panels = static_cast<int32_t>(product.getPanels());
        schedule->depth = product.getDepth();
        schedule->cycles = product.getCycles();
        schedule->given = product.getGiven();
        schedule->part = product.getPart();
        variant->schedules.push_back(std::move(schedule));
      }
      realization->variants.push_back(std::move(variant));
    }
    return realization;
  }

  //===--------------------------------------------------------------------===//
  // Functions
  //===--------------------------------------------------------------------===//

  LogicalResult write(program::FuncOp func) {
    function = std::make_unique<hmlt::FunctionT>();
    places.clear();
    function->name = func.getSymName().str();
    function->step = func.getStep();
    function->extents = stringsOf(func.getExtents());
    for (Operation &op : func.getBody().front()) {
      LogicalResult ok =
          TypeSwitch<Operation *, LogicalResult>(&op)
              .Case<program::DeriveOp, program::AllocOp, program::CheckOp,
                    program::LaunchOp, program::LogitsOp, program::GetOp>(
                  [&](auto typed) { return add(typed); })
              .Case([&](program::OperandOp operand) {
                return outside(operand, function->operands,
                               hmlt::ArgKind::operand);
              })
              .Case([&](program::ResultOp result) {
                return outside(result, function->results,
                               hmlt::ArgKind::result);
              })
              .Case([&](program::StepInputOp input) {
                auto kind = named(program::stringifyStepInput(input.getKind()),
                                  hmlt::EnumValuesStepInput(),
                                  hmlt::EnumNamesStepInput());
                places[input] = {hmlt::ArgKind::step_input,
                                 static_cast<int32_t>(kind), 0};
                return success();
              })
              .Case([&](program::RealOp real) {
                places[real] = {hmlt::ArgKind::real, 0,
                                real.getValue().convertToFloat()};
                return success();
              })
              .Default([](Operation *other) {
                return other->emitOpError("has no form in a container");
              });
      if (failed(ok))
        return failure();
    }
    file->functions.push_back(std::move(function));
    return success();
  }

  LogicalResult add(program::DeriveOp op) {
    auto extent = std::make_unique<hmlt::DerivedExtentT>();
    extent->name = op.getName().str();
    extent->terms = exprsOf(op.getTerms());
    extent->product = op.getProduct();
    function->derived.push_back(std::move(extent));
    return success();
  }

  LogicalResult add(program::AllocOp op) {
    if (!op.getLive())
      return op.emitOpError(
          "has no life; run program-lifetimes before it is stored");
    auto buffer = std::make_unique<hmlt::BufferT>();
    FailureOr<hmlt::DType> dtype =
        dtypeOf(op, cast<program::MemoryType>(op.getType()).getElementType());
    if (failed(dtype))
      return failure();
    buffer->name = op.getName().str();
    buffer->dtype = *dtype;
    buffer->bytes = std::make_unique<hmlt::Expr>(exprOf(op.getBytes()));
    buffer->first = static_cast<int32_t>((*op.getLive())[0]);
    buffer->last = static_cast<int32_t>((*op.getLive())[1]);
    buffer->zero_first = op.getZeroed();
    places[op] = {hmlt::ArgKind::buffer,
                  static_cast<int32_t>(function->buffers.size()), 0};
    function->buffers.push_back(std::move(buffer));
    return success();
  }

  LogicalResult add(program::GetOp op) {
    auto kind = named(program::stringifyDeclared(op.getKind()),
                      hmlt::EnumValuesArgKind(), hmlt::EnumNamesArgKind());
    places[op] = {
        kind, numbers[static_cast<size_t>(op.getKind())].lookup(op.getSource()),
        0};
    return success();
  }

  template <typename OpTy>
  LogicalResult outside(OpTy op,
                        std::vector<std::unique_ptr<hmlt::OperandT>> &list,
                        hmlt::ArgKind kind) {
    auto operand = std::make_unique<hmlt::OperandT>();
    Type type = op.getResult().getType();
    auto memory = dyn_cast<program::MemoryType>(type);
    FailureOr<hmlt::DType> dtype =
        dtypeOf(op, memory ? memory.getElementType() : type);
    if (failed(dtype))
      return failure();
    operand->name = op.getName().str();
    operand->dtype = *dtype;
    operand->by_value = !memory;
    operand->shape.assign(op.getShape().begin(), op.getShape().end());
    operand->extents.assign(op.getExtents().begin(), op.getExtents().end());
    if (op.getRows())
      operand->rows = std::make_unique<hmlt::Expr>(exprOf(*op.getRows()));
    places[op] = {kind, static_cast<int32_t>(list.size()), 0};
    list.push_back(std::move(operand));
    return success();
  }

  LogicalResult add(program::CheckOp op) {
    auto check = std::make_unique<hmlt::CheckT>();
    check->kind =
        named(program::stringifyCheckKind(op.getKind()),
              hmlt::EnumValuesCheckKind(), hmlt::EnumNamesCheckKind());
    check->what = op.getWhat().str();
    check->limit = std::make_unique<hmlt::Expr>(exprOf(op.getLimit()));
    if (op.getValue())
      check->value = std::make_unique<hmlt::Expr>(exprOf(*op.getValue()));
    if (op.getArray()) {
      check->array = places[op.getArray()].kind;
      check->index = places[op.getArray()].index;
    }
    function->checks.push_back(std::move(check));
    return success();
  }

  LogicalResult add(program::LaunchOp op) {
    auto launch = std::make_unique<hmlt::LaunchT>();
    auto [kernel, index] = kernels.lookup(op.getKernel());
    launch->kernel = index;
    launch->sizes = exprsOf(op.getCounts());
    llvm::StringMap<Value> given;
    for (auto [name, arg] : llvm::zip_equal(op.getNames(), op.getArgs()))
      given[cast<StringAttr>(name).getValue()] = arg;
    for (auto [name, type] :
         llvm::zip_equal(kernel.getNames(), kernel.getTypes())) {
      if (cast<TypeAttr>(type).getValue().isIndex())
        continue;
      const Place &place =
          places[given.lookup(cast<StringAttr>(name).getValue())];
      auto arg = std::make_unique<hmlt::ArgT>();
      arg->kind = place.kind;
      arg->index = place.index;
      arg->value = place.value;
      launch->args.push_back(std::move(arg));
    }
    if (std::optional<uint64_t> layer = op.getLayer())
      launch->layer = static_cast<int32_t>(*layer);
    launch->device = static_cast<int32_t>(op.getDevice());
    launch->stream = static_cast<int32_t>(op.getStream());
    launch->waits.assign(op.getWait().begin(), op.getWait().end());
    if (std::optional<uint64_t> event = op.getSignal())
      launch->signal = static_cast<int32_t>(*event);
    function->launches.push_back(std::move(launch));
    return success();
  }

  LogicalResult add(program::LogitsOp op) {
    function->logits_buffer = places[op.getBuffer()].index;
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Model and provenance
  //===--------------------------------------------------------------------===//

  /// What the attributes of the module say, which is a user's text perhaps:
  /// every key is known and has its type.
  LogicalResult wrong(StringRef attribute, NamedAttribute entry,
                      const Twine &expected) {
    return emitError(module.getLoc())
           << attribute << ": expected " << expected << ", got "
           << entry.getName() << " = " << entry.getValue();
  }

  LogicalResult writeModel() {
    file->model = std::make_unique<hmlt::ModelT>();
    hmlt::ModelT &model = *file->model;
    auto attr = module->getAttrOfType<DictionaryAttr>(kModelAttr);
    if (!attr)
      return success();
    int64_t layers = model.layers, chunk = model.chunk;
    const std::pair<StringRef, int64_t *> numbers[] = {
        {"vocab", &model.vocab}, {"hidden", &model.hidden},
        {"layers", &layers},     {"max_positions", &model.max_positions},
        {"chunk", &chunk},       {"parameters", &model.parameters}};
    for (NamedAttribute entry : attr) {
      StringRef name = entry.getName();
      auto number = llvm::find_if(
          numbers, [&](const auto &known) { return known.first == name; });
      auto text = dyn_cast<StringAttr>(entry.getValue());
      if (number != std::end(numbers)) {
        auto value = dyn_cast<IntegerAttr>(entry.getValue());
        if (!value || !value.getType().isInteger(64))
          return wrong(kModelAttr, entry, "a number of 64 bits");
        bool isShort = number->second == &layers || number->second == &chunk;
        if (isShort && !llvm::isInt<32>(value.getInt()))
          return wrong(kModelAttr, entry, "a number that 32 bits hold");
        *number->second = value.getInt();
      } else if (name == "architecture") {
        if (!text)
          return wrong(kModelAttr, entry, "a string");
        model.architecture = text.str();
      } else if (name == "eos_ids") {
        auto ids = dyn_cast<DenseI64ArrayAttr>(entry.getValue());
        if (!ids)
          return wrong(kModelAttr, entry, "array<i64: ...>");
        model.eos_ids.assign(ids.asArrayRef().begin(), ids.asArrayRef().end());
      } else if (name == "dtype") {
        const char *const *names = hmlt::EnumNamesDType();
        auto found = llvm::find_if(hmlt::EnumValuesDType(), [&](auto dtype) {
          return text && text.getValue() == names[static_cast<size_t>(dtype)];
        });
        if (found == std::end(hmlt::EnumValuesDType()))
          return wrong(kModelAttr, entry, "the name of a dtype, such as f32");
        model.dtype = *found;
      } else {
        return wrong(kModelAttr, entry, "known keys only");
      }
    }
    model.layers = static_cast<int32_t>(layers);
    model.chunk = static_cast<int32_t>(chunk);
    return success();
  }

  LogicalResult writeProvenance() {
    auto allStrings = [](Attribute attr) {
      auto list = dyn_cast<ArrayAttr>(attr);
      return list && llvm::all_of(list, llvm::IsaPred<StringAttr>);
    };
    if (auto attr = module->getAttrOfType<DictionaryAttr>(kProvenanceAttr)) {
      file->provenance = std::make_unique<hmlt::ProvenanceT>();
      hmlt::ProvenanceT &provenance = *file->provenance;
      for (NamedAttribute entry : attr) {
        auto isIt = [&](const auto &known) {
          return known.first == entry.getName();
        };
        if (const auto *text = llvm::find_if(kProvenanceTexts, isIt);
            text != std::end(kProvenanceTexts)) {
          auto value = dyn_cast<StringAttr>(entry.getValue());
          if (!value)
            return wrong(kProvenanceAttr, entry, "a string");
          provenance.*text->second = value.str();
        } else if (const auto *list = llvm::find_if(kProvenanceLists, isIt);
                   list != std::end(kProvenanceLists)) {
          if (!allStrings(entry.getValue()))
            return wrong(kProvenanceAttr, entry, "a list of strings");
          provenance.*list->second =
              stringsOf(cast<ArrayAttr>(entry.getValue()));
        } else {
          return wrong(kProvenanceAttr, entry, "known keys only");
        }
      }
    }
    if (Attribute remarks = module->getAttr(kRemarksAttr)) {
      if (!allStrings(remarks))
        return emitError(module.getLoc())
               << kRemarksAttr << ": expected a list of strings, got "
               << remarks;
      file->remarks = stringsOf(cast<ArrayAttr>(remarks));
    }
    return success();
  }

  void number(program::Declared kind, StringRef name, size_t index) {
    numbers[static_cast<size_t>(kind)][name] = static_cast<int32_t>(index);
  }

  /// What an argument of a launch refers to.
  struct Place {
    hmlt::ArgKind kind;
    int32_t index;
    float value;
  };

  ModuleOp module;
  std::unique_ptr<hmlt::ContainerT> file;
  std::unique_ptr<hmlt::FunctionT> function;
  llvm::StringMap<int32_t> numbers[program::getMaxEnumValForDeclared() + 1];
  llvm::StringMap<std::pair<program::KernelOp, int32_t>> kernels;
  llvm::DenseMap<Value, Place> places;
};

} // namespace

FailureOr<std::unique_ptr<hmlt::ContainerT>>
hamlet::codegen::serializeProgram(ModuleOp program) {
  return Serializer(program).run();
}
