#include "test/unit/runtime/ToyModel.h"

#include "container/AtomicFile.h"

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
Expr byRows(Symbol symbol) { return {symbol, true, 0, 1, 1, 0}; }
Expr value(Symbol symbol, int64_t mul = 1, int64_t div = 1) {
  return {symbol, false, 0, mul, div, 0};
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
std::unique_ptr<ArgT> scalar(Symbol symbol, int64_t mul = 1) {
  auto scalar = arg(ArgKind::scalar, 0);
  scalar->scalar = expr(symbol, mul);
  return scalar;
}

template <typename... Args>
std::unique_ptr<LaunchT> launch(int kernel, Symbol metric,
                                std::vector<Expr> grid, Args... args) {
  auto launch = std::make_unique<LaunchT>();
  launch->kernel = kernel;
  launch->metric = expr(metric);
  launch->grid = std::move(grid);
  (launch->args.push_back(std::move(args)), ...);
  return launch;
}

void addKernel(ContainerT &file, const char *name, bool product,
               std::vector<std::pair<int, const char *>> variants) {
  auto kernel = std::make_unique<KernelT>();
  kernel->name = name;
  kernel->kind = name;
  kernel->product = product;
  for (auto [rows, symbol] : variants) {
    auto &variant = kernel->variants.emplace_back(std::make_unique<VariantT>());
    variant->rows = rows;
    variant->symbol = symbol;
    variant->scratch_bytes = kHidden * 4;
  }
  file.kernels.push_back(std::move(kernel));
}

void addWeight(ContainerT &file, const char *name, Layout layout) {
  auto weight = std::make_unique<WeightT>();
  weight->name = name;
  weight->shape = {kVocab, kHidden};
  weight->layout = layout;
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
  buffer->arena_slot = function.arena_slots++;
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
  auto scale = arg(ArgKind::float_scalar, 0);
  scale->value = kScale;
  Expr one = value(Symbol::one);
  auto hidden = [] { return scalar(Symbol::one, kHidden); };
  auto &list = step->launches;
  list.push_back(launch(0, Symbol::tokens, {byRows(Symbol::tokens), one, one},
                        input(StepInput::token_ids), arg(ArgKind::weight, 0),
                        buffer(0), scalar(Symbol::tokens), hidden(),
                        std::move(scale)));
  list.push_back(launch(1, Symbol::one, {value(Symbol::sequences), one, one},
                        buffer(0), input(StepInput::sequence_starts),
                        input(StepInput::slots), arg(ArgKind::cache, 0),
                        hidden()));
  list.push_back(launch(
      2, Symbol::one, {value(Symbol::sequences), one, one}, buffer(0),
      buffer(1), input(StepInput::sequence_starts),
      input(StepInput::first_positions), input(StepInput::page_table),
      scalar(Symbol::max_pages), input(StepInput::token_pages),
      input(StepInput::token_offsets), arg(ArgKind::cache, 1), hidden()));
  list.push_back(launch(
      3, Symbol::longest_prefill, {byRows(Symbol::query_blocks), one, one},
      input(StepInput::query_block_list), input(StepInput::sequence_starts),
      buffer(1), hidden()));
  list.back()->grid[0] = value(Symbol::query_blocks);
  list.push_back(
      launch(4, Symbol::one, {value(Symbol::decode_sequences), one, one},
             input(StepInput::decode_list), input(StepInput::sequence_starts),
             buffer(1), hidden()));
  list.push_back(launch(
      5, Symbol::output_rows,
      {value(Symbol::one, kVocab, kPanel), byRows(Symbol::output_rows), one},
      buffer(1), input(StepInput::output_row_list), arg(ArgKind::weight, 1),
      buffer(2), scalar(Symbol::output_rows), hidden(),
      scalar(Symbol::one, kVocab)));
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
  Expr one = value(Symbol::one);
  twice->launches.push_back(
      launch(6, Symbol::one, {value(Symbol::extent), one, one},
             arg(ArgKind::operand, 0), arg(ArgKind::result, 0),
             scalar(Symbol::extent), arg(ArgKind::constant, 0)));
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
  addKernel(file, "embed", false, {{1, "embed_1"}, {8, "embed_8"}});
  addKernel(file, "scan", false, {{1, "scan"}});
  addKernel(file, "attend", false, {{1, "attend"}});
  addKernel(file, "mark", false, {{8, "mark_8"}, {16, "mark_16"}});
  addKernel(file, "mark_decode", false, {{1, "mark_decode"}});
  addKernel(file, "head", true, {{1, "head_1"}, {8, "head_8"}});
  addKernel(file, "twice", false, {{1, "twice"}});
  std::ifstream in(HAMLET_TEST_KERNELS, std::ios::binary);
  std::vector<uint8_t> code{std::istreambuf_iterator<char>(in), {}};
  for (const char *target : {"x86-64-v3", "x86-64-v4", "x86-64-v4-bf16"}) {
    auto &image = file.images.emplace_back(std::make_unique<ImageT>());
    image->target = target;
    image->bytes = code;
  }
  addWeight(file, "embed", Layout::plain);
  addWeight(file, "head", Layout::panel);
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
  return file;
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

} // namespace hamlet::test
