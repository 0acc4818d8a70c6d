//===- Call.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Call.h"

#include "runtime/Float.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>

namespace hamlet::runtime {
namespace {

using hmlt::DType;

constexpr int64_t kUnknown = -1;

std::string shown(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") +
            (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  return text + "]";
}

/// What a `.npy` holds for a dtype of the function.
DType outsideType(DType dtype) {
  return dtype == DType::bf16 ? DType::f32 : dtype;
}

/// Checks one operand and learns the dynamic dimensions that it fixes.
Status bindShape(const hmlt::OperandT &operand, const NpyArray &array,
                 const hmlt::FunctionT &function,
                 std::vector<int64_t> &extents) {
  if (array.dtype != outsideType(operand.dtype))
    return failure("expected ", EnumNameDType(outsideType(operand.dtype)),
                   ", found ", EnumNameDType(array.dtype));
  auto wrongShape = [&] {
    return failure("expected shape ", shown(operand.shape), ", found ",
                   shown(array.shape));
  };
  if (array.shape.size() != operand.shape.size())
    return wrongShape();
  for (size_t d = 0; d < array.shape.size(); ++d) {
    if (operand.shape[d] >= 0) {
      if (array.shape[d] != operand.shape[d])
        return wrongShape();
      continue;
    }
    auto index = static_cast<size_t>(operand.extents[d]);
    int64_t &extent = extents[index];
    if (extent != kUnknown && extent != array.shape[d])
      return failure("dimension ", d, " ('", function.extents[index], "') is ",
                     array.shape[d], ", another operand has ", extent);
    extent = array.shape[d];
  }
  return {};
}

Status checkBelow(std::span<const int32_t> values, int64_t limit) {
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0 || values[i] >= limit)
      return failure("element ", i, " is ", values[i],
                     ", expected 0 or more and below ", limit);
  return {};
}

Status checkBoundaries(std::span<const int32_t> values, int64_t limit) {
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] < (i ? values[i - 1] : 0))
      return failure("element ", i, " is ", values[i],
                     ", expected boundaries that ascend from 0");
  if (values.empty() || values.front() != 0 || values.back() != limit)
    return failure("expected boundaries from 0 to ", limit, ", found ",
                   values.empty() ? 0 : values.front(), " to ",
                   values.empty() ? 0 : values.back());
  return {};
}

/// The array that a check looks at; the verifier of containers admits two
/// kinds.
std::span<const int32_t> arrayOf(const hmlt::CheckT &check,
                                 const hmlt::ContainerT &file,
                                 const std::vector<NpyArray> &operands) {
  auto index = static_cast<size_t>(check.index);
  const std::vector<uint8_t> *bytes = nullptr;
  switch (check.array) {
  case hmlt::ArgKind::operand:
    bytes = &operands[index].bytes;
    break;
  case hmlt::ArgKind::constant:
    bytes = &file.constants[index]->bytes;
    break;
  case hmlt::ArgKind::buffer:
  case hmlt::ArgKind::step_input:
  case hmlt::ArgKind::weight:
  case hmlt::ArgKind::cache:
  case hmlt::ArgKind::state:
  case hmlt::ArgKind::real:
  case hmlt::ArgKind::result:
    assert(false && "the container was verified");
    return {};
  }
  return {reinterpret_cast<const int32_t *>(bytes->data()),
          bytes->size() / sizeof(int32_t)};
}

/// One check of a function: kernels index memory by what its arrays hold.
Status check(const hmlt::CheckT &check, const hmlt::ContainerT &file,
             const std::vector<NpyArray> &operands,
             const Quantities &quantities) {
  int64_t limit = evaluate(*check.limit, quantities, 1);
  switch (check.kind) {
  case hmlt::CheckKind::equal: {
    int64_t value = evaluate(*check.value, quantities, 1);
    return value == limit ? Status()
                          : failure("expected ", limit, ", found ", value);
  }
  case hmlt::CheckKind::boundaries:
    return checkBoundaries(arrayOf(check, file, operands), limit);
  case hmlt::CheckKind::below:
    return checkBelow(arrayOf(check, file, operands), limit);
  }
  return failure("internal: a check of unknown kind");
}

Result<size_t> bytesOf(const std::vector<int64_t> &shape, DType dtype) {
  constexpr __int128 kMost = __int128(1) << 46; // more than any machine has
  __int128 bytes = sizeOf(dtype);
  for (int64_t dim : shape) {
    bytes *= dim;
    if (bytes > kMost)
      return failure("a result of shape ", shown(shape), " is too large");
  }
  return static_cast<size_t>(bytes);
}

std::vector<uint8_t> toDevice(const hmlt::OperandT &operand,
                              const NpyArray &array) {
  if (operand.dtype != DType::bf16)
    return array.bytes;
  std::vector<uint8_t> bytes(array.bytes.size() / 2);
  for (size_t i = 0; i < bytes.size() / 2; ++i) {
    float value;
    std::memcpy(&value, array.bytes.data() + 4 * i, 4);
    uint16_t rounded = narrowBf16(value);
    std::memcpy(bytes.data() + 2 * i, &rounded, 2);
  }
  return bytes;
}

void fromDevice(const hmlt::OperandT &result, NpyArray &array) {
  if (result.dtype != DType::bf16)
    return;
  std::vector<uint8_t> bytes(array.bytes.size() * 2);
  for (size_t i = 0; i < bytes.size() / 4; ++i) {
    uint16_t bits;
    std::memcpy(&bits, array.bytes.data() + 2 * i, 2);
    float value = widenBf16(bits);
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  array.bytes = std::move(bytes);
}

Status allocate(Device &device, uint64_t bytes,
                std::vector<DeviceMemory> &memory,
                std::vector<DeviceAddress> &addresses) {
  constexpr uint64_t kSmallest = 64; // an empty array has an address too
  auto one = DeviceMemory::allocate(device, std::max(bytes, kSmallest));
  if (one.failed())
    return one.status();
  addresses.push_back(one->address());
  memory.push_back(std::move(*one));
  return {};
}

} // namespace

std::string functionNames(const hmlt::ContainerT &file) {
  std::string names;
  for (const auto &function : file.functions)
    names += (names.empty() ? "" : ", ") + function->name;
  return names.empty() ? "none" : names;
}

Result<const hmlt::FunctionT *> findFunction(const hmlt::ContainerT &file,
                                             const std::string &name) {
  for (const auto &candidate : file.functions)
    if (candidate->name == name)
      return candidate.get();
  return failure("no function '", name, "'; there are: ", functionNames(file));
}

Result<std::vector<NpyArray>>
callFunction(LoadedModel &model, const std::string &name,
             const std::vector<NpyArray> &operands, Profile *profile,
             CallTimes *times) {
  Result<const hmlt::FunctionT *> found = findFunction(*model.file, name);
  if (found.failed())
    return found.status();
  const hmlt::FunctionT *function = *found;
  if (function->step)
    return failure("function '", name,
                   "' is a model's step: run it, it cannot be called");
  if (operands.size() != function->operands.size())
    return failure("function '", name, "' takes ", function->operands.size(),
                   " operands, ", operands.size(), " were given");

  Quantities quantities;
  quantities.extents.assign(function->extents.size(), kUnknown);
  for (size_t i = 0; i < operands.size(); ++i)
    HAMLET_TRY(bindShape(*function->operands[i], operands[i], *function,
                         quantities.extents)
                   .in("operand " + std::to_string(i) + " '" +
                       function->operands[i]->name + "'"));
  for (size_t i = 0; i < quantities.extents.size(); ++i)
    if (quantities.extents[i] == kUnknown)
      return failure("no operand fixes the dimension '", function->extents[i],
                     "'");
  for (const auto &derived : function->derived)
    quantities.extents.push_back(evaluate(*derived, quantities));
  for (const auto &one : function->checks)
    HAMLET_TRY(check(*one, *model.file, operands, quantities)
                   .in("function '" + name + "', " + one->what));

  Device &device = *model.device;
  std::vector<DeviceMemory> memory;
  std::vector<DeviceAddress> operandAddresses, resultAddresses;
  for (size_t i = 0; i < operands.size(); ++i) {
    std::vector<uint8_t> bytes = toDevice(*function->operands[i], operands[i]);
    if (function->operands[i]->by_value) {
      uint32_t bits;
      std::memcpy(&bits, bytes.data(), sizeof(bits));
      operandAddresses.push_back(bits);
      continue;
    }
    HAMLET_TRY(allocate(device, bytes.size(), memory, operandAddresses));
    HAMLET_TRY(
        device.copyIn(operandAddresses.back(), bytes.data(), bytes.size()));
  }
  std::vector<NpyArray> results;
  for (const auto &result : function->results) {
    NpyArray &array = results.emplace_back();
    array.dtype = outsideType(result->dtype);
    for (size_t d = 0; d < result->shape.size(); ++d)
      array.shape.push_back(
          result->shape[d] >= 0
              ? result->shape[d]
              : quantities.extents[static_cast<size_t>(result->extents[d])]);
    Result<size_t> bytes = bytesOf(array.shape, result->dtype);
    if (bytes.failed())
      return bytes.status().in("function '" + name + "', " + result->name);
    array.bytes.resize(*bytes);
    HAMLET_TRY(allocate(device, array.bytes.size(), memory, resultAddresses));
    HAMLET_TRY(device.zero(resultAddresses.back(), array.bytes.size()));
  }

  Bindings bindings;
  bindings.weights = model.weights.weights;
  bindings.constants = model.weights.constants;
  bindings.states = model.weights.states;
  bindings.operands = operandAddresses;
  bindings.results = resultAddresses;
  Program program(*model.file, *function, device);
  unsigned repeats = times ? std::max(times->repeats, 1u) : 1;
  for (unsigned i = 0; i < repeats; ++i) {
    auto start = std::chrono::steady_clock::now();
    HAMLET_TRY(program.run(quantities, bindings, nullptr, profile));
    if (!times)
      continue;
    HAMLET_TRY(device.synchronize());
    times->seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].bytes.empty())
      HAMLET_TRY(device.copyOut(results[i].bytes.data(), resultAddresses[i],
                                results[i].bytes.size()));
    fromDevice(*function->results[i], results[i]);
  }
  HAMLET_TRY(device.synchronize());
  return results;
}

} // namespace hamlet::runtime
