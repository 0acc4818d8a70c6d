//===- ToyModel.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/ToyModel.h"

#include "container/AtomicFile.h"
#include "container/Configuration.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace hamlet::test {
namespace {

using namespace hmlt;

std::unique_ptr<Expr> expr(Symbol symbol, int64_t mul = 1, int64_t div = 1) {
  return std::make_unique<Expr>(symbol, false, 0, mul, div, 0);
}
Expr value(Symbol symbol, int64_t mul = 1, int64_t div = 1) {
  return {symbol, false, 0, mul, div, 0};
}
/// Of the sizes of a kernel's launch.
Expr sized(int index, bool byRows = false) {
  return {Symbol::size, byRows, index, 1, 1, 0};
}

std::unique_ptr<ArgT> arg(ArgKind kind, int index) {
  auto arg = std::make_unique<ArgT>();
  arg->kind = kind;
  arg->index = index;
  return arg;
}
std::unique_ptr<ArgT> input(StepInput input) {
  return arg(ArgKind::step_input, static_cast<int>(input));
}
std::unique_ptr<ArgT> buffer(int index) { return arg(ArgKind::buffer, index); }

template <typename... Args>
std::unique_ptr<LaunchT> launch(int kernel, std::vector<Expr> sizes,
                                Args... args) {
  auto launch = std::make_unique<LaunchT>();
  launch->kernel = kernel;
  launch->sizes = std::move(sizes);
  (launch->args.push_back(std::move(args)), ...);
  return launch;
}

constexpr const char *kTargets[] = {"x86-64-v3", "x86-64-v4", "x86-64-v4-bf16"};

/// `parameters`: the names of memory, of sizes, and "scale", a number, in the
/// order of the kernel's code.
void addKernel(ContainerT &file, const char *name, bool product,
               std::vector<std::pair<int, const char *>> variants,
               std::vector<std::string> parameters,
               std::vector<std::string> sizes, Expr metric,
               std::vector<Expr> grid, const char *panel = "") {
  auto kernel = std::make_unique<KernelT>();
  kernel->name = name;
  kernel->kind = name;
  kernel->product = product;
  kernel->sizes = sizes;
  kernel->metric = std::make_unique<Expr>(metric);
  std::vector<Layout> layouts;
  for (const std::string &each : parameters) {
    auto parameter = std::make_unique<ParameterT>();
    parameter->name = each;
    auto size = std::find(sizes.begin(), sizes.end(), each);
    parameter->kind = size != sizes.end() ? ParameterKind::size
                      : each == "scale"   ? ParameterKind::real
                                          : ParameterKind::memory;
    if (size != sizes.end())
      parameter->size = static_cast<int>(size - sizes.begin());
    kernel->parameters.push_back(std::move(parameter));
    layouts.push_back(each == panel ? Layout::panel : Layout::plain);
  }
  for (const char *target : kTargets) {
    auto realization = std::make_unique<RealizationT>();
    realization->target = target;
    realization->grid = grid;
    realization->layouts = layouts;
    for (auto [rows, symbol] : variants) {
      auto &variant =
          realization->variants.emplace_back(std::make_unique<VariantT>());
      variant->rows = rows;
      variant->symbol = symbol;
      variant->scratch_bytes = kHidden * 4;
    }
    kernel->realizations.push_back(std::move(realization));
  }
  file.kernels.push_back(std::move(kernel));
}

void addWeight(ContainerT &file, const char *name) {
  auto weight = std::make_unique<WeightT>();
  weight->name = name;
  weight->shape = {kVocab, kHidden};
  auto source = std::make_unique<SourceT>();
  source->tensor = name;
  source->shape = weight->shape;
  weight->sources.push_back(std::move(source));
  file.weights.push_back(std::move(weight));
}

void addBuffer(FunctionT &function, const char *name,
               std::unique_ptr<Expr> size, int first, int last, bool zeroed) {
  auto buffer = std::make_unique<BufferT>();
  buffer->name = name;
  buffer->bytes = std::move(size);
  buffer->first = first;
  buffer->last = last;
  buffer->zero_first = zeroed;
  function.buffers.push_back(std::move(buffer));
}

std::unique_ptr<FunctionT> stepFunction() {
  auto step = std::make_unique<FunctionT>();
  step->name = "step";
  addBuffer(*step, "x", expr(Symbol::tokens, kHidden * 4), 0, 2, false);
  addBuffer(*step, "y", expr(Symbol::tokens, kHidden * 4), 2, 5, true);
  addBuffer(*step, "logits", expr(Symbol::output_rows, kVocab * 4), 5, 5,
            false);
  step->logits_buffer = 2;
  step->step = true;
  auto scale = arg(ArgKind::real, 0);
  scale->value = kScale;
  Expr hidden = value(Symbol::one, kHidden), tokens = value(Symbol::tokens),
       sequences = value(Symbol::sequences);
  auto &list = step->launches;
  list.push_back(launch(0, {tokens, hidden}, input(StepInput::token_ids),
                        arg(ArgKind::weight, 0), buffer(0), std::move(scale)));
  list.push_back(launch(1, {sequences, hidden}, buffer(0),
                        input(StepInput::sequence_starts),
                        input(StepInput::slots), arg(ArgKind::cache, 0)));
  list.push_back(launch(
      2, {sequences, value(Symbol::max_pages), hidden}, buffer(0), buffer(1),
      input(StepInput::sequence_starts), input(StepInput::first_positions),
      input(StepInput::page_table), input(StepInput::token_pages),
      input(StepInput::token_offsets), arg(ArgKind::cache, 1)));
  list.push_back(launch(
      3, {value(Symbol::query_blocks), value(Symbol::longest_prefill), hidden},
      input(StepInput::query_block_list), input(StepInput::sequence_starts),
      buffer(1)));
  list.push_back(launch(4, {value(Symbol::decode_sequences), hidden},
                        input(StepInput::decode_list),
                        input(StepInput::sequence_starts), buffer(1)));
  list.push_back(launch(
      5, {value(Symbol::output_rows), hidden, value(Symbol::one, kVocab)},
      buffer(1), input(StepInput::output_row_list), arg(ArgKind::weight, 1),
      buffer(2)));
  return step;
}

std::unique_ptr<FunctionT> twiceFunction() {
  auto twice = std::make_unique<FunctionT>();
  twice->name = "twice";
  twice->extents = {"n"};
  for (auto [list, name, dtype] :
       {std::tuple(&twice->operands, "in", DType::bf16),
        std::tuple(&twice->results, "out", DType::f32)}) {
    auto operand = std::make_unique<OperandT>();
    operand->name = name;
    operand->dtype = dtype;
    operand->shape = {-1};
    operand->extents = {0};
    list->push_back(std::move(operand));
  }
  twice->launches.push_back(
      launch(6, {value(Symbol::extent)}, arg(ArgKind::operand, 0),
             arg(ArgKind::result, 0), arg(ArgKind::constant, 0)));
  return twice;
}

} // namespace

ContainerT toyContainer() {
  ContainerT file;
  file.model = std::make_unique<ModelT>();
  file.model->architecture = "toy";
  file.model->vocab = kVocab;
  file.model->hidden = kHidden;
  file.model->max_positions = 1000;
  file.model->eos_ids = {kVocab + 5}; // never picked
  Expr one = value(Symbol::one);
  addKernel(file, "embed", false, {{1, "embed_1"}, {8, "embed_8"}},
            {"ids", "table", "x", "tokens", "hidden", "scale"},
            {"tokens", "hidden"}, sized(0), {sized(0, true), one, one});
  addKernel(file, "scan", false, {{1, "scan"}},
            {"x", "starts", "slots", "state", "hidden"},
            {"sequences", "hidden"}, one, {sized(0), one, one});
  addKernel(file, "attend", false, {{1, "attend"}},
            {"x", "y", "starts", "first", "page_table", "max_pages",
             "token_pages", "token_offsets", "pages", "hidden"},
            {"sequences", "max_pages", "hidden"}, one, {sized(0), one, one});
  addKernel(file, "mark", false, {{8, "mark_8"}, {16, "mark_16"}},
            {"blocks", "starts", "y", "hidden"}, {"count", "longest", "hidden"},
            sized(1), {sized(0), one, one});
  addKernel(file, "mark_decode", false, {{1, "mark_decode"}},
            {"list", "starts", "y", "hidden"}, {"sequences", "hidden"}, one,
            {sized(0), one, one});
  addKernel(file, "head", true, {{1, "head_1"}, {8, "head_8"}},
            {"y", "rows_list", "w", "logits", "rows", "hidden", "vocab"},
            {"rows", "hidden", "vocab"}, sized(0),
            {value(Symbol::one, kVocab, kPanel), sized(0, true), one}, "w");
  addKernel(file, "twice", false, {{1, "twice"}}, {"in", "out", "n", "seven"},
            {"n"}, one, {sized(0), one, one});
  std::ifstream in(HAMLET_TEST_KERNELS, std::ios::binary);
  std::vector<uint8_t> code{std::istreambuf_iterator<char>(in), {}};
  for (const char *target : kTargets) {
    auto &image = file.images.emplace_back(std::make_unique<ImageT>());
    image->target = target;
    image->bytes = code;
  }
  addWeight(file, "embed");
  addWeight(file, "head");
  auto &constant = file.constants.emplace_back(std::make_unique<ConstantT>());
  constant->name = "seven";
  constant->shape = {1};
  constant->bytes = {0, 0, 0xe0, 0x40};
  for (auto [name, per, bytes] :
       {std::tuple("state", CachePer::slot, kHidden * 4),
        std::tuple("pages", CachePer::page, kPageTokens * kHidden * 4)}) {
    auto &cache = file.caches.emplace_back(std::make_unique<CacheT>());
    cache->name = name;
    cache->per = per;
    cache->bytes = bytes;
  }
  file.functions.push_back(stepFunction());
  file.functions.push_back(twiceFunction());
  file.provenance = std::make_unique<ProvenanceT>();
  file.provenance->entries = {
      entryText(IgnoredTensors{"unus*", "a tensor of no use"})};
  return file;
}

void addGpu(ContainerT &file, const std::string &target,
            const std::string &code) {
  auto &image = file.images.emplace_back(std::make_unique<ImageT>());
  image->target = target;
  image->bytes.assign(code.begin(), code.end());
  for (auto &kernel : file.kernels) {
    auto copy = std::make_unique<RealizationT>(*kernel->realizations.front());
    copy->target = target;
    for (auto &variant : copy->variants) {
      variant->block_threads = 32;
      variant->scratch_bytes = 0;
    }
    kernel->realizations.push_back(std::move(copy));
  }
}

std::vector<float> toyTensor(const std::string &name) {
  std::vector<float> data(kVocab * kHidden);
  uint32_t state = name == "embed" ? 12345 : 999;
  for (float &x : data) {
    state = state * 1664525u + 1013904223u;
    x = float(int32_t(state) >> 8) * 0x1p-23f;
  }
  return data;
}

TemporaryFolder::TemporaryFolder() {
  char name[] = "/tmp/hamlet-test-XXXXXX";
  if (!mkdtemp(name))
    throw std::runtime_error("mkdtemp");
  path = name;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path, error);
}
std::string TemporaryFolder::operator/(const std::string &name) const {
  return path + "/" + name;
}

Status writeToyWeights(const std::string &folder) {
  std::string header = "{", data;
  for (const char *name : {"embed", "head", "unused"}) {
    std::vector<float> tensor = toyTensor(name);
    size_t begin = data.size();
    data.append(reinterpret_cast<const char *>(tensor.data()),
                tensor.size() * sizeof(float));
    header += (begin ? ", " : "") + std::string("\"") + name +
              "\": {\"dtype\": \"F32\", \"shape\": [37, 6], "
              "\"data_offsets\": [" +
              std::to_string(begin) + ", " + std::to_string(data.size()) + "]}";
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  uint64_t length = header.size();
  std::string file(reinterpret_cast<const char *>(&length), sizeof(length));
  return writeFileAtomically(folder + "/model.safetensors",
                             file + header + data);
}

std::vector<float> toyLogits(const std::vector<int32_t> &ids) {
  std::vector<float> embed = toyTensor("embed"), head = toyTensor("head");
  std::vector<float> state(kHidden), sum(kHidden), logits;
  std::vector<std::vector<float>> history;
  for (int32_t id : ids) {
    std::vector<float> x(kHidden), y(kHidden);
    for (int64_t h = 0; h < kHidden; ++h) {
      x[h] = kScale * embed[id * kHidden + h];
      state[h] = 0.5f * state[h] + x[h];
      x[h] += state[h];
    }
    history.push_back(x);
    for (int64_t h = 0; h < kHidden; ++h) {
      float sum = 0;
      for (const auto &row : history)
        sum += row[h];
      y[h] = 0 + sum;
      y[h] += 1;
    }
    for (int64_t n = 0; n < kVocab; ++n) {
      float sum = 0;
      for (int64_t k = 0; k < kHidden; ++k)
        sum += y[k] * head[n * kHidden + k];
      logits.push_back(sum);
    }
  }
  return logits;
}

ToyFiles::ToyFiles() : container(folder / "toy.hmlt") {
  ContainerT file = toyContainer();
  Status status = writeContainer(file, container);
  if (status.ok())
    status = writeToyWeights(folder / "");
  if (status.failed())
    throw std::runtime_error(status.message());
}

std::unique_ptr<runtime::LoadedModel> ToyFiles::load(unsigned threads) const {
  auto model = runtime::loadModel(container, "cpu", threads);
  if (model.failed())
    throw std::runtime_error(model.message());
  auto weights =
      runtime::loadWeights(*(*model)->file, folder / "", *(*model)->device,
                           *(*model)->pool, nullptr);
  if (weights.failed())
    throw std::runtime_error(weights.message());
  (*model)->weights = std::move(*weights);
  return std::move(*model);
}

} // namespace hamlet::test
