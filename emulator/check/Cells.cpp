//===- Cells.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What is remembered of a word, and what a new access has against it.
//
// An access is forgotten once another one tells as much: it came later in
// happens-before, and whatever would race with the first is reported as a race
// with the second. A write does not stand for a read before it, nor a strong
// access for a weak one, nor a store for one of another value: a later store of
// equal bytes is no race with it.
#include "emulator/check/HappensBefore.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hamlet::emu {
namespace {
constexpr u32 kReaders = 64, kWriters = 32; ///< remembered of a word, at most

bool isStore(const Touch &t) { return !(t.flags & (kAsync | kAtomic)); }
/// Whether races with `now` include those with `before`, as to strength.
bool asWeak(const Touch &before, const Touch &now) {
  return !now.scope || (before.scope && now.scope <= before.scope);
}
u32 bytesMask(u8 bytes) {
  u32 m = 0;
  for (u32 b = 0; b < 4; ++b)
    m |= bytes >> b & 1 ? 255u << 8 * b : 0;
  return m;
}
u32 wordAt(const u8 *p) {
  u32 v;
  std::memcpy(&v, p, 4);
  return v;
}
/// The bytes of one word alone: others may lie outside of what exists.
u32 bytesAt(const u8 *p, u8 bytes) {
  if (bytes == 15)
    return wordAt(p);
  u32 v = 0;
  for (u32 b = 0; b < 4; ++b)
    if (bytes >> b & 1)
      v |= u32(p[b]) << 8 * b;
  return v;
}
} // namespace

bool HappensBefore::settled(const Touch &t) const {
  u32 agent = t.agent % kAgents;
  return floor && agent < floor->size() && t.clock <= (*floor)[agent];
}

/// The lanes of `t` that `lane` does not know of by itself.
u32 HappensBefore::othersOf(Warp &w, u32 lane, const Touch &t) {
  if (!(t.lanes >> lane & 1))
    return t.lanes;
  u32 own = key(w, agentOf(w, kThreads));
  const WarpState &s = of(w);
  bool known = t.agent == own ||
               (t.agent == own + kCopies && s.copyDone[lane] >= t.clock) ||
               (t.agent == own + kBulkReads && s.bulkRead[lane] >= t.clock) ||
               (t.agent == own + kBulkWrites && s.bulkWritten[lane] >= t.clock);
  return known ? t.lanes & ~(1u << lane) : t.lanes;
}

bool HappensBefore::ordered(Warp &w, u32 lane, const Touch &t) {
  u32 others = othersOf(w, lane, t);
  if (!others)
    return true;
  const Clock &all = knows(w, lane).all;
  return t.agent / kAgents == static_cast<u32>(w.cluster->id)
             ? all.knows(t.agent % kAgents, others, t.clock)
             : all.knowsForeign(t.agent, others, t.clock);
}

u32 HappensBefore::unordered(Warp &w, u32 lane, const Touch &t) {
  Touch one = t;
  u32 result = 0;
  for (u32 m = othersOf(w, lane, t); m; m &= m - 1) {
    one.lanes = m & -m;
    if (!ordered(w, lane, one))
      result |= one.lanes;
  }
  return result;
}

bool HappensBefore::conflicts(Warp &w, u32 lane, const Touch &before,
                              const Touch &now) {
  if (!before.valid() || !(before.bytes & now.bytes) || settled(before))
    return false;
  if (before.scope && now.scope) {
    if (std::min(before.scope, now.scope) >= static_cast<u8>(Scope::Gpu))
      return false;
    bool sameCta = ctaOf(before) == ctaOf(now);
    bool sameCluster = before.agent / kAgents == now.agent / kAgents;
    if (scopeIncludes(before.scope, sameCta, sameCluster) &&
        scopeIncludes(now.scope, sameCta, sameCluster))
      return false;
  }
  return !ordered(w, lane, before);
}

/// The generic proxy's writes must be fenced before the async proxy sees them.
bool HappensBefore::unfenced(Warp &w, u32 lane, const Touch &written,
                             const Touch &now, Space space) {
  if (!(now.flags & kAsync) || !written.valid() || (written.flags & kAsync) ||
      !(written.bytes & now.bytes) ||
      written.agent / kAgents != now.agent / kAgents)
    return false;
  const Knowledge &k = knows(w, lane);
  const Clock &proxy = space == Space::Shared ? k.shared : k.global;
  return !proxy.knows(written.agent % kAgents, written.lanes, written.clock);
}

u32 HappensBefore::valueOf(const Touch &t, const Bytes &b) const {
  u32 v = bytesAt(b.memory, t.bytes);
  // Lanes of one instruction: memory does not hold the first one's value yet.
  if (storing.operation != operations || !(storing.lanes >> t.lane & 1))
    return v;
  for (u32 i = 0; i < 4; ++i) {
    s64 at = b.memory + i - storing.to[t.lane];
    if (t.bytes >> i & 1 && at >= 0 && at < s64(storing.bytes))
      v = (v & ~(255u << 8 * i)) | u32(storing.data[t.lane][at]) << 8 * i;
  }
  return v;
}

HappensBefore::Differs
HappensBefore::differs(const Touch &before, const Touch &now, const Bytes &b) {
  if (!b.data || !isStore(now))
    return Differs::Nowhere;
  if (!isStore(before))
    return Differs::Everywhere;
  u8 both = before.bytes & now.bytes;
  u32 unequal = 0;
  for (u32 i = 0; i < b.words; ++i)
    unequal += bytesAt(b.data + 4 * i, both) != bytesAt(b.memory + 4 * i, both);
  return !unequal            ? Differs::Nowhere
         : unequal < b.words ? Differs::Partly
                             : Differs::Everywhere;
}

bool HappensBefore::touchQuietly(Warp &w, u32 lane, Cell &cell,
                                 const Touch &now, bool write, Space space,
                                 const Bytes &bytes) {
  auto conflict = [&](const Touch &t) { return conflicts(w, lane, t, now); };
  if (conflict(cell.write) || unfenced(w, lane, cell.write, now, space))
    return false;
  Rest *rest = cell.rest.get();
  if (rest &&
      (std::ranges::any_of(rest->writes, conflict, &Overwritten::touch) ||
       ((!write || now.flags & kAtomic) && rest->racedBytes & now.bytes)))
    return false;
  auto before = [&](const Touch &t) { return ordered(w, lane, t); };
  if (!write) {
    rememberRead(cell, now, before);
    return true;
  }
  if (conflict(cell.read) ||
      (rest && std::ranges::any_of(rest->more, conflict)))
    return false;
  if (!rememberWrite(w, lane, cell, now, bytes, before))
    return false;
  if (rest && rest->racedBytes && !conflict(rest->lost))
    rest->racedBytes &= static_cast<u8>(~now.bytes);
  return true;
}

void HappensBefore::touchWord(Warp &w, const Op &op, u32 lane, Cell &cell,
                              const Touch &now, bool write, Space space,
                              u64 address, const Bytes &bytes) {
  if (touchQuietly(w, lane, cell, now, write, space, bytes))
    return;
  auto conflict = [&](const Touch &t) { return conflicts(w, lane, t, now); };
  auto before = [&](const Touch &t) { return ordered(w, lane, t); };
  // `theirs`: what `t` stored.
  auto sameBytes = [&](const Touch &t, u32 theirs) {
    u8 both = t.bytes & now.bytes;
    return write && bytes.data && isStore(t) && isStore(now) &&
           !((theirs ^ bytesAt(bytes.data, both)) & bytesMask(both));
  };
  // One store of several threads, of copies of one number.
  auto sameButRounding = [&](const Touch &t, u32 theirs) {
    u32 size = static_cast<u32>(std::popcount(now.bytes));
    if (!write || !bytes.data || t.op != now.op || !isStore(t) ||
        !isStore(now) || !std::has_single_bit(t.lanes) ||
        (t.bytes & now.bytes) != now.bytes || (size != 4 && size != 2))
      return false;
    const Warp *other = threadsOf(w, t);
    if (!other)
      return false;
    u32 from = static_cast<u32>(std::countr_zero(now.bytes));
    const u8 *mine = bytes.data + from;
    u32 at = static_cast<u32>(mine - storing.data[lane]);
    return at + size <= storing.bytes &&
           exact.same({&w, lane, now.op, at, mine},
                      {other, t.lane, t.op, at,
                       reinterpret_cast<const u8 *>(&theirs) + from},
                      size, operations);
  };
  Touch raced;
  u8 racedBytes = 0; // those that the two stores give different values
  auto unequalBytes = [&](const Touch &t, u32 theirs) {
    u8 both = t.bytes & now.bytes, found = 0;
    u32 unequal = theirs ^ bytesAt(bytes.data, both);
    for (u32 i = 0; i < 4; ++i)
      if (both >> i & 1 && unequal >> 8 * i & 255)
        found |= static_cast<u8>(1u << i);
    return found;
  };
  auto checkWrite = [&](Touch t, u32 theirs) {
    if (!conflict(t))
      return;
    bool known = bytes.words == 1;
    if (sameBytes(t, theirs)) {
      // The store of another value before it may race.
      if (!t.changed || ordered(w, lane, t.earlier()))
        return;
      t = t.earlier();
      known = false;
    }
    if (sameButRounding(t, theirs))
      roundingDiffers(w, op, lane, space, address);
    else if (write && bytes.data && space == Space::Shared && isStore(t) &&
             isStore(now)) {
      raced = t;
      racedBytes |= known ? unequalBytes(t, theirs) : now.bytes;
    } else
      race(w, op, lane, t, write, true, space, address);
  };
  if ((!write || now.flags & kAtomic) && cell.rest && cell.rest->racedBytes)
    readsOverwritten(w, op, lane, cell, now);
  if (cell.write.valid())
    checkWrite(cell.write, valueOf(cell.write, bytes));
  if (cell.rest)
    for (const Overwritten &e : cell.rest->writes)
      checkWrite(e.touch, e.value);
  if (unfenced(w, lane, cell.write, now, space))
    reportUnfenced(w, op, lane, cell.write, space, address);
  if (!write)
    return rememberRead(cell, now, before);
  auto checkRead = [&](const Touch &t) {
    if (conflict(t))
      race(w, op, lane, t, true, false, space, address);
  };
  checkRead(cell.read);
  if (cell.rest)
    std::ranges::for_each(cell.rest->more, checkRead);
  if (raced.valid())
    return overwritten(w, op, lane, cell, raced, racedBytes, now, address,
                       bytes);
  if (cell.rest && cell.rest->racedBytes && !conflict(cell.write) &&
      !conflict(cell.rest->lost))
    cell.rest->racedBytes &= static_cast<u8>(~now.bytes);
  rememberWrite(w, lane, cell, now, bytes, before);
}

void HappensBefore::reportUnfenced(Warp &w, const Op &op, u32 lane,
                                   const Touch &written, Space space,
                                   u64 address) {
  Finding f;
  f.kind = "missing-proxy-fence";
  f.space = spaceName(space);
  f.address = address;
  f.bytes = 4;
  f.first = site(w, op, lane);
  u32 perCta = warpsPerCta * kAgentsPerWarp;
  f.second =
      siteOf(*w.program, written.op, ctaOf(written),
             written.agent % kAgents % perCta / kAgentsPerWarp, written.lane);
  f.message = "the async proxy touches memory that line " +
              std::to_string(f.second->line) +
              " wrote through the generic proxy; fence.proxy.async is "
              "missing between the two, before the barrier in the writers or "
              "after it in this thread";
  report(f);
}

/// A read joins the word's readers; lanes of one clock share an entry where
/// they read the same bytes.
template <class Ordered>
void HappensBefore::rememberRead(Cell &cell, const Touch &now,
                                 Ordered ordered) {
  bool quiet = uses.quiet(now.op);
  // Either of two loads may be the one that matters.
  auto mixes = [&](Touch &t) {
    if (t.op == now.op)
      return true;
    if (quiet && uses.quiet(t.op) && !(t.flags & kMixed))
      return false;
    t.flags |= kMixed;
    t.op = now.op;
    return true;
  };
  auto joins = [&](Touch &t) {
    if (!t.valid() || t.agent != now.agent || t.clock != now.clock ||
        t.scope != now.scope ||
        (!t.sameThreads(now) &&
         (t.op != now.op || t.bytes != now.bytes || !now.lanes)) ||
        !mixes(t))
      return false;
    t.bytes |= now.bytes;
    t.lanes |= now.lanes;
    return true;
  };
  Readers *more = cell.rest ? &cell.rest->more : nullptr;
  if (joins(cell.read) || (more && std::ranges::any_of(*more, joins)))
    return;
  auto told = [&](const Touch &t) {
    bool covers = !(t.bytes & ~now.bytes) && asWeak(t, now) &&
                  (!quiet || (t.op == now.op && t.sameThreads(now)));
    return settled(t) || (covers && ordered(t));
  };
  if (cell.read.valid() && told(cell.read))
    cell.read = Touch();
  if (more && !more->empty())
    more->eraseIf(told);
  if (!cell.read.valid())
    cell.read = now;
  else if (auto &list = cell.more().more; list.size() < kReaders)
    list.push_back(now);
}

/// Whether `e` must be kept beside the later write `now`.
bool HappensBefore::stillTells(Warp &w, u32 lane, const Overwritten &e,
                               const Touch &now, const Bytes &b) {
  const Touch &t = e.touch;
  if (settled(t))
    return false;
  if (t.bytes & ~now.bytes || !asWeak(t, now) || !ordered(w, lane, t))
    return true;
  if (!b.data || !isStore(now))
    return false;
  // What races with it races with the last store of another value too.
  if (t.agent == now.agent && t.lanes == now.lanes && now.changed >= t.clock)
    return false;
  return t.changed || !isStore(t) ||
         ((bytesAt(b.data, now.bytes) ^ e.value) & bytesMask(t.bytes)) != 0;
}

template <class Ordered>
bool HappensBefore::rememberWrite(Warp &w, u32 lane, Cell &cell, Touch now,
                                  const Bytes &b, Ordered ordered) {
  Touch before = cell.write;
  bool keep = false;
  if (before.valid() && !settled(before)) {
    bool mine = before.agent == now.agent && before.sameThreads(now);
    bool together = before.agent == now.agent && before.clock == now.clock &&
                    before.scope == now.scope &&
                    isStore(before) == isStore(now);
    bool covered = !(before.bytes & ~now.bytes) || (mine && together);
    if (mine && covered && asWeak(before, now)) {
      Differs d = differs(before, now, b);
      if (d == Differs::Partly)
        return false;
      now.followed(before, d == Differs::Everywhere);
      now.bytes |= before.bytes;
    } else if (together && before.bytes == now.bytes && now.lanes &&
               before.op == now.op && !before.changed && b.words == 1 &&
               (!isStore(now) ||
                (b.data && valueOf(before, b) == bytesAt(b.data, now.bytes)))) {
      now.lanes |= before.lanes;
      now.lane = before.lane;
    } else if (covered && asWeak(before, now) && ordered(before)) {
      // A value that is to be kept needs words.
      bool store = b.data && isStore(now);
      if (b.words > 1) {
        if (store &&
            (before.changed || differs(before, now, b) != Differs::Nowhere))
          return false;
      } else {
        keep = store;
      }
    } else {
      if (b.words > 1)
        return false;
      keep = true;
    }
  }
  // Only words have the list.
  Rest *rest = cell.rest.get();
  if (rest && !rest->writes.empty())
    std::erase_if(rest->writes, [&](const Overwritten &e) {
      return !stillTells(w, lane, e, now, b);
    });
  if (keep) {
    Overwritten e{before, valueOf(before, b)};
    if (stillTells(w, lane, e, now, b)) {
      auto &list = cell.more().writes;
      if (list.size() < kWriters)
        list.push_back(e);
    }
  }
  cell.write = now;
  if (settled(cell.read))
    cell.read = Touch();
  if (rest)
    rest->more.eraseIf([&](const Touch &t) { return settled(t); });
  return true;
}

/// A race of two writes of shared memory matters once something reads the
/// bytes: exchanges drop what they do not need at a place that nobody looks at.
void HappensBefore::overwritten(Warp &w, const Op &op, u32 lane, Cell &cell,
                                const Touch &before, u8 racedBytes,
                                const Touch &now, u64 address,
                                const Bytes &bytes) {
  auto [it, fresh] = overwriteOf.try_emplace(
      u64(before.op) << 32 | now.op, static_cast<u32>(overwrites.size()));
  if (fresh)
    overwrites.push_back(
        describeRace(w, op, lane, before, true, true, Space::Shared, address));
  rememberWrite(w, lane, cell, now, bytes,
                [&](const Touch &t) { return ordered(w, lane, t); });
  Rest &r = cell.more();
  r.raced = it->second + 1;
  r.racedBytes |= racedBytes;
  r.lost = before;
}

const std::vector<u32> *HappensBefore::floorOf(Warp &w, const Resolved &where) {
  if (where.space == Space::Shared)
    return &of(*where.cta).floor;
  return engine.config->grid.total() == 1 ? &of(*w.cta).floor : nullptr;
}

void HappensBefore::touchRange(Warp &w, const Op &op, u32 lane,
                               const Resolved &where, u32 bytes, Touch now,
                               bool write, const u8 *data) {
  Shadow &shadow = shadowOf(where);
  floor = floorOf(w, where);
  of(w).accessed |= 1u << lane;
  if (where.space == Space::Shared) {
    noteRemote(w, *where.cta, now);
    if (write && !of(*where.cta).live.empty())
      overBarrier(w, op, lane, where, bytes);
  }
  u64 begin = where.address, end = begin + bytes;
  const u8 *host = where.host - (begin & 3);
  if (data)
    data -= begin & 3;
  for (u64 word = begin >> 2; word << 2 < end;) {
    u64 at = word << 2;
    Group &group = shadow.group(word);
    if (!(at & 15) && at >= begin && end - at >= 16) {
      now.bytes = 15;
      Quad &q = group.quad(word % Group::kWords);
      if (!q.words && touchQuietly(w, lane, q.all, now, write, where.space,
                                   {data, host, Quad::kWords})) {
        word += Quad::kWords;
        host += 16;
        data += data ? 16 : 0;
        continue;
      }
    }
    u32 from = at < begin ? static_cast<u32>(begin & 3) : 0;
    u32 to = at + 4 > end ? static_cast<u32>(end & 3) : 4;
    now.bytes = static_cast<u8>(((1u << to) - 1) & ~((1u << from) - 1));
    touchWord(w, op, lane, group.word(word % Group::kWords), now, write,
              where.space, at + from, {data, host, 1});
    ++word;
    host += 4;
    data += data ? 4 : 0;
  }
}

// ---- rows: a warp's lanes at consecutive words, most of them touched by
// nobody else ----
void HappensBefore::accessRow(Warp &w, const Op &op, u32 mask,
                              const Resolved &first, u32 bytes, AccessInfo info,
                              const u8 *data) {
  bool write = info.access == Access::Write;
  bool plain =
      mask == ~0u && !stored.any && info.order == kWeak && published.empty() &&
      bytes >= 4 && info.access != Access::Atomic && !guesses[w.pcOf(op)] &&
      of(w).views.size() == 1 &&
      (first.space != Space::Shared ||
       (first.cta == w.cta && !(write && !of(*first.cta).live.empty())));
  if (!plain || (!write && !allWritten(first, 32 * bytes))) {
    for (u32 l = 0; l < 32; ++l) {
      if (!(mask >> l & 1))
        continue;
      Resolved r = first;
      r.host += l * bytes;
      r.address += l * bytes;
      access(w, op, l, r, bytes, info, data ? data + l * bytes : nullptr);
    }
    return;
  }
  accesses += 32;
  // Whole words of one warp; most were touched by nobody else.
  Touch now;
  now.agent = key(w, agentOf(w, kThreads));
  now.clock = of(w).clock;
  now.op = w.pcOf(op);
  now.bytes = 15;
  Shadow &shadow = shadowOf(first);
  floor = floorOf(w, first);
  of(w).accessed = ~0u;
  u64 word = first.address >> 2;
  u32 words = bytes / 4, total = 32 * words;
  u32 shift = static_cast<u32>(std::countr_zero(words));
  storing.operation = operations;
  storing.lanes = 0; // each lane has words of its own
  storing.bytes = bytes;
  for (u32 l = 0; data && l < 32; ++l)
    storing.data[l] = data + l * bytes;
  auto bytesFrom = [&](u32 i, u32 n) {
    return Bytes{data ? data + i * 4 : nullptr, first.host + i * 4, n};
  };
  for (u32 i = 0; i < total;) {
    Group &g = shadow.group(word + i);
    u32 n =
        std::min(static_cast<u32>(Group::kWords - (word + i) % Group::kWords),
                 total - i);
    if (!g.quads && n == Group::kWords) {
      now.lane = Group::rowLane(i >> shift, shift);
      now.lanes = 0;
      if (touchGroup(w, g.whole, now, write, bytesFrom(i, n))) {
        i += n;
        continue;
      }
    }
    for (u32 last = i + n; i < last;) {
      u32 l = i >> shift, at = static_cast<u32>((word + i) % Group::kWords);
      now.by(l);
      if (words == Quad::kWords) {
        Quad &q = g.quad(at);
        if (!q.words &&
            (touchOwn(q.all, now, write, bytesFrom(i, Quad::kWords)) ||
             touchQuietly(w, l, q.all, now, write, first.space,
                          bytesFrom(i, Quad::kWords)))) {
          i += Quad::kWords;
          continue;
        }
      }
      Cell &c = g.word(at);
      if (!touchOwn(c, now, write, bytesFrom(i, 1)))
        touchWord(w, op, l, c, now, write, first.space, (word + i) << 2,
                  bytesFrom(i, 1));
      ++i;
    }
  }
  if (write)
    markWritten(first, 32 * bytes);
}

/// What a warp's lane did to a word that no other thread touched, or to a row.
bool HappensBefore::touchOwn(Cell &c, Touch now, bool write, const Bytes &b) {
  auto mine = [&](const Touch &t) {
    return !t.valid() || (t.agent == now.agent && t.sameThreads(now) &&
                          !t.scope && t.bytes == 15);
  };
  if (!c.plain() || !mine(c.write) || !mine(c.read))
    return false;
  if (write) {
    if (c.write.valid() && !settled(c.write)) {
      Differs d = differs(c.write, now, b);
      if (d == Differs::Partly)
        return false;
      now.followed(c.write, d == Differs::Everywhere);
    }
    c.write = now;
    return true;
  }
  if (c.read.valid() && c.read.op != now.op) {
    if (c.read.clock == now.clock)
      now.flags = kMixed;
    else if (!settled(c.read) && uses.quiet(now.op))
      return false;
  } else if (c.read.valid() && c.read.clock == now.clock) {
    now.flags = c.read.flags;
  }
  c.read = now;
  return true;
}

/// Whether every lane of a row comes after `t`, a row too. What depends on
/// single lanes is left to the words.
bool HappensBefore::orderedRow(Warp &w, const Touch &t, u8 rowLane) {
  const Clock &all = of(w).views[0].knows.all;
  u32 agent = t.agent % kAgents;
  if (t.agent / kAgents != static_cast<u32>(w.cluster->id))
    return all.knowsForeign(t.agent, ~0u, t.clock);
  return (agent == agentOf(w, kThreads) && t.lane == rowLane) ||
         all.knows(agent, ~0u, t.clock);
}

bool HappensBefore::touchGroup(Warp &w, Cell &c, Touch now, bool write,
                               const Bytes &b) {
  if (touchOwn(c, now, write, b))
    return true;
  auto before = [&](const Touch &t) {
    return !t.valid() || settled(t) || orderedRow(w, t, now.lane);
  };
  if (!before(c.write))
    return false;
  // Readers of one clock in other lanes would share an entry.
  auto apart = [&](const Touch &t) {
    return !t.valid() || t.agent != now.agent || t.clock != now.clock ||
           t.lane == now.lane;
  };
  auto fits = [&](const Touch &t) { return write ? before(t) : apart(t); };
  if (!fits(c.read) || (c.rest && !std::ranges::all_of(c.rest->more, fits)))
    return false;
  if (write)
    return rememberWrite(w, 0, c, now, b, before);
  rememberRead(c, now, before);
  return true;
}

} // namespace hamlet::emu
