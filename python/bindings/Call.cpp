//===- Call.cpp
//-------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bindings/Bindings.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <tuple>
#include <vector>

namespace hamlet::python {
namespace {

using Operand = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Result = nb::ndarray<nb::numpy>;

struct DType {
  hamlet_dtype ours;
  const char *name;
  nb::dlpack::dtype_code code;
  uint8_t bits;
};
constexpr DType kTypes[] = {
    {HAMLET_F32, "f32", nb::dlpack::dtype_code::Float, 32},
    {HAMLET_BF16, "bf16", nb::dlpack::dtype_code::Bfloat, 16},
    {HAMLET_F16, "f16", nb::dlpack::dtype_code::Float, 16},
    {HAMLET_I32, "i32", nb::dlpack::dtype_code::Int, 32},
    {HAMLET_I64, "i64", nb::dlpack::dtype_code::Int, 64},
    {HAMLET_U8, "u8", nb::dlpack::dtype_code::UInt, 8}};

const DType &typeOf(hamlet_dtype dtype) {
  for (const DType &type : kTypes)
    if (type.ours == dtype)
      return type;
  throw Error("an unknown dtype");
}

hamlet_dtype typeOf(nb::dlpack::dtype dtype) {
  for (const DType &type : kTypes)
    if (static_cast<uint8_t>(type.code) == dtype.code &&
        type.bits == dtype.bits && dtype.lanes == 1)
      return type.ours;
  throw Error("an array's dtype has no counterpart: f32, f16, i32, i64 and u8 "
              "have, and bf16 operands take f32");
}

/// Name, dtype and shape, where None is known at the call.
using Described =
    std::tuple<std::string, std::string, std::vector<std::optional<int64_t>>>;
using Function =
    std::tuple<std::string, std::vector<Described>, std::vector<Described>>;

Described describe(const hamlet_operand &operand) {
  std::vector<std::optional<int64_t>> shape;
  for (size_t d = 0; d < operand.rank; ++d) {
    std::optional<int64_t> &dim = shape.emplace_back();
    if (operand.shape[d] >= 0)
      dim = operand.shape[d];
  }
  return {operand.name, typeOf(operand.dtype).name, std::move(shape)};
}

std::vector<Function> functions(const Model &model) {
  const hamlet_model *m = model.shared->model;
  std::vector<Function> list;
  while (const char *name = hamlet_function_name(m, list.size())) {
    size_t operands = 0, results = 0;
    check(hamlet_function_counts(m, name, &operands, &results));
    auto &[itsName, takes, gives] = list.emplace_back();
    itsName = name;
    hamlet_operand one = {};
    for (size_t i = 0; i < operands; ++i) {
      check(hamlet_function_operand(m, name, i, &one));
      takes.push_back(describe(one));
    }
    for (size_t i = 0; i < results; ++i) {
      check(hamlet_function_result(m, name, i, &one));
      gives.push_back(describe(one));
    }
  }
  return list;
}

/// Results are arrays over the library's memory, which they keep.
nb::list call(const Model &model, const std::string &name,
              const std::vector<Operand> &operands) {
  std::vector<std::vector<int64_t>> shapes;
  std::vector<hamlet_array> converted;
  shapes.reserve(operands.size());
  for (const Operand &operand : operands) {
    std::vector<int64_t> &shape = shapes.emplace_back();
    for (size_t d = 0; d < operand.ndim(); ++d)
      shape.push_back(static_cast<int64_t>(operand.shape(d)));
    converted.push_back(
        {typeOf(operand.dtype()), shape.size(), shape.data(), operand.data()});
  }
  hamlet_arrays *arrays = nullptr;
  model.shared->work([&] {
    return hamlet_call(model.shared->model, name.c_str(), converted.data(),
                       converted.size(), &arrays);
  });
  std::shared_ptr<hamlet_arrays> owned(arrays, hamlet_arrays_free);
  nb::list results;
  for (size_t i = 0; i < hamlet_arrays_count(arrays); ++i) {
    const hamlet_array &array = *hamlet_arrays_get(arrays, i);
    std::vector<size_t> shape(array.shape, array.shape + array.rank);
    const DType &type = typeOf(array.dtype);
    nb::capsule owner(new std::shared_ptr<hamlet_arrays>(owned),
                      [](void *p) noexcept {
                        delete static_cast<std::shared_ptr<hamlet_arrays> *>(p);
                      });
    nb::dlpack::dtype dtype = {static_cast<uint8_t>(type.code), type.bits, 1};
    results.append(nb::cast(Result(const_cast<void *>(array.data), shape.size(),
                                   shape.data(), owner, nullptr, dtype)));
  }
  return results;
}

} // namespace

void bindCall(nb::class_<Model> &model) {
  model.def("_functions", &functions)
      .def("_call", &call, nb::arg("name"), nb::arg("operands"));
}

} // namespace hamlet::python
