//===- Lifetimes.h - places in memory by first fit --------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Things that are never needed at once share their bytes: each is placed at the
// lowest offset that is free of those that live with it.
//
//   bytes 8, steps 0..1   at 0       0       8    12
//   bytes 8, steps 2..3   at 0       |-------|          steps 0..1
//   bytes 4, steps 1..2   at 8       |-------|---|      steps 1..2 at 8
//
// Without types of MLIR: a plan of a program's arena is the same problem.
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_LIFETIMES_H
#define HAMLET_CONTAINER_LIFETIMES_H

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace hamlet {

/// `bytes` of memory that are in use from step `first` to `last`, inclusive.
struct Lifetime {
  int64_t bytes = 0, first = 0, last = 0;
  int64_t offset = 0; ///< where they were placed

  bool meets(const Lifetime &other) const {
    return first <= other.last && other.first <= last;
  }
  int64_t end() const { return offset + bytes; }
};

/// One memory in which lifetimes are placed one after the other. What was
/// placed must outlive it.
class FirstFit {
public:
  /// The lowest offset that is free while `one` lives.
  int64_t offsetFor(const Lifetime &one) const {
    std::vector<const Lifetime *> busy;
    for (const Lifetime *other : placed)
      if (one.meets(*other))
        busy.push_back(other);
    std::sort(busy.begin(), busy.end(),
              [](const Lifetime *x, const Lifetime *y) {
                return x->offset < y->offset;
              });
    int64_t offset = 0;
    for (const Lifetime *other : busy) {
      if (offset + one.bytes <= other->offset)
        break;
      offset = std::max(offset, other->end());
    }
    return offset;
  }
  void place(Lifetime &one) {
    one.offset = offsetFor(one);
    placed.push_back(&one);
    used = std::max(used, one.end());
  }
  int64_t bytes() const { return used; }

private:
  std::vector<const Lifetime *> placed;
  int64_t used = 0;
};

/// Gives every one its offset; the bytes that they take together. The largest
/// come first, or the earliest where that takes less; equal ones as they stand.
inline int64_t placeLifetimes(std::span<Lifetime *const> all) {
  auto placeBy = [&](auto key) {
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t x, size_t y) {
      return std::pair(key(*all[x]), x) < std::pair(key(*all[y]), y);
    });
    FirstFit memory;
    for (size_t i : order)
      memory.place(*all[i]);
    return memory.bytes();
  };
  auto bySize = [](const Lifetime &one) { return -one.bytes; };
  auto byStart = [](const Lifetime &one) { return one.first; };
  int64_t largestFirst = placeBy(bySize), earliestFirst = placeBy(byStart);
  return earliestFirst < largestFirst ? earliestFirst : placeBy(bySize);
}

} // namespace hamlet

#endif
