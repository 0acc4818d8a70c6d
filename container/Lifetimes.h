//===- Lifetimes.h - places in memory by first fit --------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Things that are never needed at once share their bytes. The largest is placed
// first, each at the lowest offset that is free of those that live with it:
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
#include <span>
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

/// The order in which they are best placed: the largest first, equal ones as
/// they come.
template <typename Pointer> void sortForPlacing(std::span<Pointer> all) {
  std::stable_sort(
      all.begin(), all.end(),
      [](const Lifetime *x, const Lifetime *y) { return x->bytes > y->bytes; });
}

/// Gives every one its offset; the bytes that they take together.
inline int64_t placeLifetimes(std::span<Lifetime *const> all) {
  std::vector<Lifetime *> order(all.begin(), all.end());
  sortForPlacing(std::span(order));
  FirstFit memory;
  for (Lifetime *one : order)
    memory.place(*one);
  return memory.bytes();
}

} // namespace hamlet

#endif
