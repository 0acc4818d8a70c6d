//===- PackWeight.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/PackWeight.h"

#include "runtime/Float.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace hamlet::runtime {
namespace {

using hmlt::DType;
using hmlt::Layout;

constexpr int64_t kPlainGroupBytes = 1 << 18;

bool isFloat(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
}

template <DType kType>
using Bits = std::conditional_t<kType == DType::f32, uint32_t, uint16_t>;

template <DType kType> Bits<kType> loadBits(const uint8_t *data, int64_t i) {
  Bits<kType> bits;
  std::memcpy(&bits, data + i * static_cast<int64_t>(sizeof(bits)),
              sizeof(bits));
  return bits;
}

template <DType kFrom> float widen(Bits<kFrom> bits) {
  if constexpr (kFrom == DType::f32)
    return std::bit_cast<float>(bits);
  else if constexpr (kFrom == DType::bf16)
    return widenBf16(bits);
  else
    return widenF16(bits);
}

template <DType kTo> Bits<kTo> narrow(float value) {
  if constexpr (kTo == DType::f32)
    return std::bit_cast<uint32_t>(value);
  else if constexpr (kTo == DType::bf16)
    return narrowBf16(value);
  else
    return narrowF16(value);
}

template <DType kTo, DType kFrom>
Bits<kTo> convert(const uint8_t *data, int64_t i) {
  Bits<kFrom> bits = loadBits<kFrom>(data, i);
  if constexpr (kTo == kFrom)
    return bits;
  else
    return narrow<kTo>(widen<kFrom>(bits));
}

template <DType kTo, DType kFrom>
void convertRow(const uint8_t *from, int64_t columns, bool addOne,
                uint8_t *out) {
  auto *to = reinterpret_cast<Bits<kTo> *>(out);
  if (addOne) {
    for (int64_t k = 0; k < columns; ++k)
      to[k] = narrow<kTo>(widen<kFrom>(loadBits<kFrom>(from, k)) + 1.0f);
    return;
  }
  for (int64_t k = 0; k < columns; ++k)
    to[k] = convert<kTo, kFrom>(from, k);
}

/// Row `lane` of a group of rows of a matrix: element k goes to [k][lane] of a
/// panel, to [k / 2][lane][k % 2] of a panel of pairs, and into swizzled blocks
/// as `!tile.desc` has them.
template <DType kTo, DType kFrom>
void scatterLane(const uint8_t *from, int64_t begin, int64_t end, int64_t lane,
                 Layout layout, uint8_t *out) {
  auto *to = reinterpret_cast<Bits<kTo> *>(out);
  auto put = [&](auto place) {
    for (int64_t k = begin; k < end; ++k)
      to[place(k)] = convert<kTo, kFrom>(from, k);
  };
  switch (layout) {
  case Layout::plain:
    break;
  case Layout::panel:
    return put([=](int64_t k) { return k * kPanel + lane; });
  case Layout::panel_pairs:
    return put([=](int64_t k) { return (k / 2 * kPanel + lane) * 2 + k % 2; });
  case Layout::blocks:
    return put([=](int64_t k) {
      int64_t unit = k % kWeightBlock / kWeightUnit ^ lane % kWeightUnit;
      return (k / kWeightBlock * kWeightBlock + lane) * kWeightBlock +
             unit * kWeightUnit + k % kWeightUnit;
    });
  }
}

/// Calls `body` with the two dtypes as constants.
template <typename Body> void dispatch(DType to, DType from, Body body) {
  auto second = [&](auto toConstant) {
    switch (from) {
    case DType::f32:
      return body(toConstant, std::integral_constant<DType, DType::f32>());
    case DType::bf16:
      return body(toConstant, std::integral_constant<DType, DType::bf16>());
    default:
      return body(toConstant, std::integral_constant<DType, DType::f16>());
    }
  };
  switch (to) {
  case DType::f32:
    return second(std::integral_constant<DType, DType::f32>());
  case DType::bf16:
    return second(std::integral_constant<DType, DType::bf16>());
  default:
    return second(std::integral_constant<DType, DType::f16>());
  }
}

} // namespace

Result<WeightPacker> WeightPacker::make(const hmlt::WeightT &weight,
                                        Layout layout,
                                        std::vector<SourceData> sources) {
  WeightPacker packer;
  packer.weight = &weight;
  packer.layout = layout;
  packer.sources = std::move(sources);
  size_t rank = weight.shape.size();
  packer.columns = rank > 1 ? weight.shape.back() : 1;
  int64_t rows = 0;
  for (const SourceData &source : packer.sources) {
    if (source.dtype != weight.dtype &&
        !(isFloat(source.dtype) && isFloat(weight.dtype)))
      return failure("stored as ", hmlt::EnumNameDType(source.dtype),
                     ", expected ", hmlt::EnumNameDType(weight.dtype));
    if (source.elements % packer.columns)
      return failure("a source of ", source.elements,
                     " elements does not divide into rows of ", packer.columns);
    packer.firstRows.push_back(rows);
    rows += source.elements / packer.columns;
  }
  packer.firstRows.push_back(rows);

  if (layout == Layout::plain) {
    int64_t rowBytes = packer.columns * sizeOf(weight.dtype);
    packer.rowsPerGroup = std::max<int64_t>(1, kPlainGroupBytes / rowBytes);
    packer.groupCount = (rows + packer.rowsPerGroup - 1) / packer.rowsPerGroup;
    packer.bytesPerGroup = packer.rowsPerGroup * rowBytes;
    return packer;
  }
  if (rank < 2 || weight.shape[rank - 2] < 1 || rows < weight.shape[rank - 2])
    return failure("layout '", hmlt::EnumNameLayout(layout),
                   "' needs a matrix, got ", rank, " dimensions and ", rows,
                   " rows");
  packer.rowsPerMatrix = weight.shape[rank - 2];
  packer.rowsPerGroup = paddingOf(layout).rows;
  packer.groupCount = rows / packer.rowsPerMatrix * packer.groupsPerMatrix();
  assert(packer.groupCount > 0 && "there is a matrix, and it has rows");
  packer.bytesPerGroup = packedBytes(weight, layout) / packer.groupCount;
  return packer;
}

WeightPacker::Row WeightPacker::row(int64_t index) const {
  int64_t a = weight->permute_a, b = weight->permute_b, c = weight->permute_c;
  if (a) {
    // Permuted rows are those of dimension 0 (1 within a stack); one of them
    // may be several of our rows.
    int64_t slices = weight->stack ? weight->shape[0] : 1;
    int64_t inner = firstRows.back() / slices / (a * b * c);
    int64_t within = index % inner, r = index / inner % (a * b * c);
    int64_t slice = index / inner / (a * b * c);
    int64_t i = r / c % a, j = r / c / a, k = r % c; // r = [j][i][k]
    index = ((slice * a + i) * b + j) * c + k;
    index = index * inner + within;
  }
  size_t s = static_cast<size_t>(
      std::upper_bound(firstRows.begin(), firstRows.end(), index) -
      firstRows.begin() - 1);
  const SourceData &source = sources[s];
  return {source.data + (index - firstRows[s]) * columns * sizeOf(source.dtype),
          source.dtype};
}

int64_t WeightPacker::elementsBefore(int64_t group) const {
  int64_t rows = firstRows.back(), before = group * rowsPerGroup;
  if (layout != Layout::plain) {
    int64_t groups = groupsPerMatrix();
    before = group / groups * rowsPerMatrix + group % groups * rowsPerGroup;
  }
  before = std::min(before, rows);
  if (weight->permute_a) { // rows of a slice are read in another order
    int64_t slice = rows / (weight->stack ? weight->shape[0] : 1);
    before = before / slice * slice;
  }
  return before * columns;
}

int64_t WeightPacker::pack(int64_t group, uint8_t *out) const {
  if (layout == Layout::plain) {
    int64_t rowBytes = columns * sizeOf(weight->dtype);
    int64_t begin = group * rowsPerGroup;
    int64_t end = std::min(begin + rowsPerGroup, firstRows.back());
    for (int64_t r = begin; r < end; ++r) {
      Row from = row(r);
      uint8_t *to = out + (r - begin) * rowBytes;
      if (from.dtype == weight->dtype && !weight->add_one)
        std::memcpy(to, from.data, static_cast<size_t>(rowBytes));
      else
        dispatch(weight->dtype, from.dtype, [&](auto toType, auto fromType) {
          convertRow<toType(), fromType()>(from.data, columns, weight->add_one,
                                           to);
        });
    }
    return (end - begin) * rowBytes;
  }
  int64_t matrix = group / groupsPerMatrix(),
          first = group % groupsPerMatrix() * rowsPerGroup;
  int64_t lanes = std::min(rowsPerGroup, rowsPerMatrix - first);
  if (lanes < rowsPerGroup || columns % paddingOf(layout).columns)
    std::memset(out, 0, static_cast<size_t>(bytesPerGroup));
  std::array<Row, std::max(kPanel, kWeightBlock)> rows;
  for (int64_t lane = 0; lane < lanes; ++lane)
    rows[lane] = row(matrix * rowsPerMatrix + first + lane);
  constexpr int64_t kBlock = 64; // columns whose output stays in the L1 cache
  for (int64_t k = 0; k < columns; k += kBlock)
    for (int64_t lane = 0; lane < lanes; ++lane)
      dispatch(
          weight->dtype, rows[lane].dtype, [&](auto toType, auto fromType) {
            scatterLane<toType(), fromType()>(rows[lane].data, k,
                                              std::min(k + kBlock, columns),
                                              lane, layout, out);
          });
  return bytesPerGroup;
}

} // namespace hamlet::runtime
