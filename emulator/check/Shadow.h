//===- Shadow.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Who touched each word of memory last.
#pragma once

#include "emulator/core/Types.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

namespace hamlet::emu {

/// Bits of Touch::flags.
enum TouchFlag : u8 {
  kAsync = 1, ///< by the async proxy
  kAtomic = 2,
  kMixed = 4, ///< several instructions or unknown lanes read
};

/// One access, or the same one by several lanes: agent of a cluster (cluster *
/// kAgents + agent), its clock then.
struct Touch {
  u32 agent = ~0u, clock = 0, op = 0;
  u32 lanes = 0;   ///< that touched the word; of a row: `lane` tells
  u32 changed = 0; ///< clock of the lane's last store of another value, 0: none
  u32 changedOp = 0;
  u8 lane = 0;  ///< the first
  u8 bytes = 0; ///< mask of the word's four
  u8 scope = 0; ///< of a strong access, 0: weak
  u8 flags = 0; ///< TouchFlag
  bool valid() const { return agent != ~0u; }
  bool sameThreads(const Touch &t) const {
    return agent == t.agent && lanes == t.lanes && lane == t.lane;
  }
  /// That store.
  Touch earlier() const {
    Touch t = *this;
    t.clock = changed;
    t.op = changedOp;
    t.changed = 0;
    return t;
  }
  void followed(const Touch &t, bool differs) {
    changed = differs ? t.clock : t.changed;
    changedOp = differs ? t.op : t.changedOp;
  }
  void by(u32 l) {
    lane = static_cast<u8>(l);
    lanes = 1u << l;
  }
};

/// A write that another one followed, with what it stored.
struct Overwritten {
  Touch touch;
  u32 value = 0;
};

/// Readers; a word of shared memory mostly has a few.
class Readers {
public:
  Readers() = default;
  Readers(const Readers &) = delete;
  Readers &operator=(const Readers &) = delete;
  Touch *begin() { return data; }
  Touch *end() { return data + count; }
  const Touch *begin() const { return data; }
  const Touch *end() const { return data + count; }
  u32 size() const { return count; }
  bool empty() const { return !count; }
  void push_back(const Touch &r) {
    if (count == room) {
      auto more = std::make_unique<Touch[]>(2 * room);
      std::copy(begin(), end(), more.get());
      far = std::move(more);
      data = far.get();
      room *= 2;
    }
    data[count++] = r;
  }
  template <class F> void eraseIf(F f) {
    count = static_cast<u32>(std::remove_if(begin(), end(), f) - begin());
  }

private:
  Touch near[4];
  std::unique_ptr<Touch[]> far;
  Touch *data = near;
  u32 count = 0, room = 4;
};

/// What few words need.
struct Rest {
  u32 raced = 0; ///< 1 + index of a race of writes that nobody read yet
  u8 racedBytes = 0;
  Touch lost; ///< the first write of that race
  Readers more;
  /// Writes before Cell::write that something may race with, though it would
  /// not with that one: of words only.
  std::vector<Overwritten> writes;
};
struct Cell {
  Touch write, read;
  std::unique_ptr<Rest> rest;
  Rest &more() {
    if (!rest)
      rest = std::make_unique<Rest>();
    return *rest;
  }
  /// What the cell of more words knows, each touch through `f`.
  template <class F> void take(const Cell &from, F f) {
    write = f(from.write);
    read = f(from.read);
    if (from.rest)
      for (const Touch &t : from.rest->more)
        more().more.push_back(f(t));
  }
  bool plain() const {
    return !rest ||
           (rest->more.empty() && rest->writes.empty() && !rest->racedBytes);
  }
};

/// 16 bytes. While every access is of all of them one cell serves.
struct Quad {
  static constexpr u32 kWords = 4;
  Cell all;
  std::unique_ptr<Cell[]> words;

  void split() {
    words = std::make_unique<Cell[]>(kWords);
    for (u32 i = 0; i < kWords; ++i)
      words[i].take(all, [](const Touch &t) { return t; });
    all = Cell();
  }
};

/// 128 bytes. While whole rows of warps alone touch them one cell serves: a
/// touch's lane is then that of the first word, with the logarithm of the words
/// a lane has (`rowLane`).
struct Group {
  static constexpr u32 kWords = 32;
  Cell whole;
  std::unique_ptr<Quad[]> quads;

  static u8 rowLane(u32 first, u32 shift) {
    return static_cast<u8>(first | shift << 5);
  }
  Quad &quad(u32 word) {
    if (!quads)
      split();
    return quads[word / Quad::kWords];
  }
  Cell &word(u32 word) {
    Quad &q = quad(word);
    if (!q.words)
      q.split();
    return q.words[word % Quad::kWords];
  }

private:
  /// Whether a lane's words are quads.
  bool ofQuads() const {
    auto fits = [](const Touch &t) { return !t.valid() || t.lane >> 5 == 2; };
    return fits(whole.write) && fits(whole.read) &&
           (!whole.rest || std::ranges::all_of(whole.rest->more, fits));
  }
  void split() {
    quads = std::make_unique<Quad[]>(kWords / Quad::kWords);
    bool wide = ofQuads();
    for (u32 i = 0; i < kWords; i += wide ? Quad::kWords : 1) {
      auto of = [i](Touch t) {
        if (t.valid())
          t.by((t.lane & 31u) + (i >> (t.lane >> 5)));
        return t;
      };
      Quad &q = quads[i / Quad::kWords];
      if (!wide && !q.words)
        q.split();
      (wide ? q.all : q.words[i % Quad::kWords]).take(whole, of);
    }
    whole = Cell();
  }
};

/// Memory of one address range, made page by page.
class Shadow {
public:
  static constexpr u64 kGroups = 32; ///< of a page
  Group &group(u64 word) {
    u64 page = word / (Group::kWords * kGroups);
    // Arrays lie at equal offsets: the upper bits tell them apart.
    Recent &r = recent[page * 0x9e3779b97f4a7c15 >> 60];
    if (page != r.page) {
      auto &p = pages[page];
      if (!p)
        p = std::make_unique<Group[]>(kGroups);
      r = {page, p.get()};
    }
    return r.groups[word / Group::kWords % kGroups];
  }
  Cell &at(u64 word) { return group(word).word(word % Group::kWords); }

private:
  struct Recent {
    u64 page = ~u64(0);
    Group *groups = nullptr;
  };
  std::unordered_map<u64, std::unique_ptr<Group[]>> pages;
  Recent recent[16];
};

} // namespace hamlet::emu
