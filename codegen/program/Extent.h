//===- Extent.h - counts and sizes that are known when a run begins -------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_EXTENT_H
#define HAMLET_CODEGEN_PROGRAM_EXTENT_H

#include "dialects/Program/ProgramDialect.h"

namespace hamlet::codegen {

/// `#program.extent`, to work with: ceil(quantity * mul / div) + add.
struct Extent {
  program::Quantity quantity = program::Quantity::one;
  int64_t index = 0;
  int64_t mul = 1;
  int64_t div = 1;
  int64_t add = 0;
  bool byRows = false; ///< the divisor is the rows of the variant

  bool operator==(const Extent &) const = default;
  program::ExtentAttr attr(mlir::MLIRContext *context) const {
    return program::ExtentAttr::get(context, quantity, index, mul, div, byRows,
                                    add);
  }
  bool isStatic() const {
    return quantity == program::Quantity::one && !byRows;
  }
  /// Of a static extent.
  int64_t value() const { return (mul + div - 1) / div + add; }
};

inline Extent constant(int64_t value) {
  return {program::Quantity::one, 0, value};
}
inline Extent symbol(program::Quantity quantity) { return {quantity}; }
/// The size number `index` of a launch, in a kernel's grid or metric.
inline Extent sizeOf(int64_t index) { return {program::Quantity::size, index}; }

inline Extent plus(Extent rows, int64_t add) {
  rows.add += add;
  return rows;
}
/// `rows` times `factor`. What is planned may be a little more than needed:
/// ceil(x / d) * f <= ceil(x f / d) + f - f / d.
inline Extent times(const Extent &rows, int64_t factor) {
  assert(!rows.byRows && "no factor after a division by rows");
  int64_t add = rows.div == 1 ? rows.add : rows.add + 1;
  return {rows.quantity, rows.index, rows.mul * factor, rows.div, add * factor};
}
/// ceil(rows / divisor); `rows` adds nothing.
inline Extent ceilDiv(const Extent &rows, int64_t divisor) {
  assert(rows.div == 1 && rows.add == 0 && "divides plain rows");
  return {rows.quantity, rows.index, rows.mul, divisor};
}
/// ceil(rows / the variant's rows); `rows` adds nothing.
inline Extent byRows(const Extent &rows) {
  assert(rows.div == 1 && rows.add == 0 && "divides plain rows");
  return {rows.quantity, rows.index, rows.mul, 1, 0, /*byRows=*/true};
}

} // namespace hamlet::codegen

#endif
