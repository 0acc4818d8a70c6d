//===- CApiCall.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The C interface: functions on arrays.
#include "runtime/CApi.h"
#include "runtime/Call.h"

#include <cstring>
#include <limits>

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::runtime::capi;
using hmlt::DType;

struct hamlet_arrays {
  std::vector<NpyArray> owned;
  std::vector<hamlet_array> arrays; // views of `owned`
};

namespace {

constexpr struct {
  DType inside;
  hamlet_dtype outside;
} kTypes[] = {{DType::f32, HAMLET_F32}, {DType::bf16, HAMLET_BF16},
              {DType::f16, HAMLET_F16}, {DType::i32, HAMLET_I32},
              {DType::i64, HAMLET_I64}, {DType::u8, HAMLET_U8}};

Result<hamlet_dtype> toC(DType dtype) {
  for (auto [inside, outside] : kTypes)
    if (inside == dtype)
      return outside;
  return failure("the C interface has no dtype ", EnumNameDType(dtype));
}

Result<NpyArray> fromC(const hamlet_array &array) {
  NpyArray converted;
  // A caller may have put in any number, which C++ must not read as one of the
  // enumeration.
  static_assert(sizeof(array.dtype) == sizeof(int));
  int dtype;
  std::memcpy(&dtype, &array.dtype, sizeof(dtype));
  bool known = false;
  for (auto [inside, outside] : kTypes)
    if (static_cast<int>(outside) == dtype) {
      converted.dtype = inside;
      known = true;
    }
  if (!known)
    return failure("dtype is ", dtype, ", expected one of hamlet_dtype");
  if (!array.shape && array.rank)
    return failure("shape is NULL");
  uint64_t bytes = static_cast<uint64_t>(sizeOf(converted.dtype));
  for (size_t d = 0; d < array.rank; ++d) {
    if (array.shape[d] < 0 ||
        __builtin_mul_overflow(bytes, array.shape[d], &bytes) ||
        bytes > uint64_t(std::numeric_limits<ptrdiff_t>::max()))
      return failure("dimension ", d, " is ", array.shape[d]);
    converted.shape.push_back(array.shape[d]);
  }
  if (!bytes)
    return converted;
  if (!array.data)
    return failure("data is NULL");
  const auto *data = static_cast<const uint8_t *>(array.data);
  converted.bytes.assign(data, data + bytes);
  return converted;
}

Status toC(const std::vector<std::unique_ptr<hmlt::OperandT>> &operands,
           const char *what, size_t index, hamlet_operand &out) {
  if (index >= operands.size())
    return failure("no ", what, " ", index, ", there are ", operands.size());
  const hmlt::OperandT &operand = *operands[index];
  Result<hamlet_dtype> dtype = toC(operand.dtype);
  if (dtype.failed())
    return dtype.status();
  out = {operand.name.c_str(), *dtype, operand.shape.size(),
         operand.shape.data()};
  return {};
}

} // namespace

const char *hamlet_function_name(const hamlet_model *model, size_t index) {
  for (const auto &function : model->loaded->file->functions)
    if (!function->step && index-- == 0)
      return function->name.c_str();
  return nullptr;
}

hamlet_status *hamlet_function_counts(const hamlet_model *model,
                                      const char *name, size_t *operands,
                                      size_t *results) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_function_counts", model, name, operands, results));
    auto function = findFunction(*model->loaded->file, name);
    if (function.failed())
      return function.status();
    *operands = (*function)->operands.size();
    *results = (*function)->results.size();
    return {};
  });
}

hamlet_status *hamlet_function_operand(const hamlet_model *model,
                                       const char *name, size_t index,
                                       hamlet_operand *operand) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_function_operand", model, name, operand));
    auto function = findFunction(*model->loaded->file, name);
    if (function.failed())
      return function.status();
    return toC((*function)->operands, "operand", index, *operand);
  });
}

hamlet_status *hamlet_function_result(const hamlet_model *model,
                                      const char *name, size_t index,
                                      hamlet_operand *result) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_function_result", model, name, result));
    auto function = findFunction(*model->loaded->file, name);
    if (function.failed())
      return function.status();
    return toC((*function)->results, "result", index, *result);
  });
}

hamlet_status *hamlet_call(hamlet_model *model, const char *name,
                           const hamlet_array *operands, size_t count,
                           hamlet_arrays **results) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_call", model, name, results));
    if (!operands && count)
      return failure("hamlet_call: an argument is NULL");
    std::vector<NpyArray> converted;
    for (size_t i = 0; i < count; ++i) {
      Result<NpyArray> array = fromC(operands[i]);
      if (array.failed())
        return array.status().in("operand " + std::to_string(i));
      converted.push_back(std::move(*array));
    }
    auto called = callFunction(*model->loaded, name, converted);
    if (called.failed())
      return called.status();
    auto made = std::make_unique<hamlet_arrays>();
    made->owned = std::move(*called);
    for (const NpyArray &array : made->owned) {
      Result<hamlet_dtype> dtype = toC(array.dtype);
      if (dtype.failed())
        return dtype.status();
      made->arrays.push_back(
          {*dtype, array.shape.size(), array.shape.data(), array.bytes.data()});
    }
    *results = made.release();
    return {};
  });
}

size_t hamlet_arrays_count(const hamlet_arrays *arrays) {
  return arrays->arrays.size();
}
const hamlet_array *hamlet_arrays_get(const hamlet_arrays *arrays,
                                      size_t index) {
  return index < arrays->arrays.size() ? &arrays->arrays[index] : nullptr;
}
void hamlet_arrays_free(hamlet_arrays *arrays) { delete arrays; }
