// Accesses of whole rows: a warp's lanes at consecutive words, most of them
// touched by nobody else.
#include "emulator/check/HappensBefore.h"
#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hamlet::emu {

bool HappensBefore::allWritten(const Resolved &where, u32 bytes) {
  if (where.space == Space::Shared) {
    const u8 *p =
        of(*where.cta).written.data() + (where.address - kSharedStart);
    return !std::memchr(p, 0, bytes);
  }
  const Allocation &a = *where.allocation;
  if (!a.written)
    return true;
  for (u64 i = where.address - a.begin, end = i + bytes; i < end;) {
    u64 n = std::min<u64>(64 - (i & 63), end - i);
    u64 mask = (n == 64 ? ~u64(0) : (u64(1) << n) - 1) << (i & 63);
    if ((a.written[i >> 6] & mask) != mask)
      return false;
    i += n;
  }
  return true;
}

void HappensBefore::accessRow(Warp &w, const Op &op, u32 mask,
                              const Resolved &first, u32 bytes, AccessInfo info,
                              const u8 *data) {
  bool write = info.access == Access::Write;
  bool plain =
      mask == ~0u && !stored.any && info.order == kWeak && published.empty() &&
      bytes >= 4 && info.access != Access::Atomic && !guesses[w.pcOf(op)] &&
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
  // Whole words of one warp; most were touched by nobody else.
  Touch now;
  now.agent = key(w, agentOf(w, kThreads));
  now.clock = of(w).clock;
  now.op = w.pcOf(op);
  now.bytes = 15;
  Shadow &shadow = shadowOf(first);
  u64 word = first.address >> 2;
  u32 words = bytes / 4, total = 32 * words;
  u32 shift = static_cast<u32>(std::countr_zero(words));
  laneData = data;
  laneStride = bytes;
  for (u32 i = 0; i < total;) {
    Group &g = shadow.group(word + i);
    u32 n =
        std::min(static_cast<u32>(Group::kWords - (word + i) % Group::kWords),
                 total - i);
    if (!g.quads && n == Group::kWords) {
      now.lane = Group::rowLane(i >> shift, shift);
      if (touchGroup(w, g.whole, now, write)) {
        i += n;
        continue;
      }
    }
    for (u32 last = i + n; i < last;) {
      u32 l = i >> shift, at = static_cast<u32>((word + i) % Group::kWords);
      now.lane = static_cast<u8>(l);
      if (words == Quad::kWords) {
        Quad &q = g.quad(at);
        if (!q.words && (touchOwn(q.all, now, write) ||
                         touchQuietly(w, l, q.all, now, write, first.space))) {
          i += Quad::kWords;
          continue;
        }
      }
      Cell &c = g.word(at);
      if (!touchOwn(c, now, write))
        touchWord(w, op, l, c, now, write, first.space, (word + i) << 2,
                  data ? data + i * 4 : nullptr, first.host + i * 4, 0);
      ++i;
    }
  }
  laneData = nullptr;
  if (write)
    markWritten(first, 32 * bytes);
}

/// What a warp's lane did to a word that no other thread touched, or to a row.
bool HappensBefore::touchOwn(Cell &c, const Touch &now, bool write) {
  auto mine = [&](const Touch &t) {
    return !t.valid() ||
           (t.agent == now.agent && t.lane == now.lane && !t.scope);
  };
  if (!c.plain() || !mine(c.write) || !mine(c.read))
    return false;
  if (write) {
    c.write = now;
    c.read = Touch();
    return true;
  }
  bool mixed =
      c.read.valid() && c.read.clock == now.clock && c.read.op != now.op;
  c.read = now;
  c.read.flags = mixed ? kMixed : 0;
  return true;
}

/// Whether every lane of a row comes after `t`, a row too. What depends on
/// single lanes is left to the words.
bool HappensBefore::orderedRow(Warp &w, const Touch &t, u8 rowLane) {
  const WarpState &s = of(w);
  u32 agent = t.agent % kAgents;
  if (t.agent / kAgents != static_cast<u32>(w.cluster->id)) {
    auto it = s.knows.all.foreign.find(t.agent);
    return it != s.knows.all.foreign.end() && it->second >= t.clock;
  }
  if (agent != agentOf(w, kThreads))
    return s.knows.all.of(agent) >= t.clock;
  return t.lane == rowLane ||
         std::ranges::all_of(s.syncAt, [&](u32 at) { return at > t.clock; });
}

bool HappensBefore::touchGroup(Warp &w, Cell &c, const Touch &now, bool write) {
  if (touchOwn(c, now, write))
    return true;
  auto ordered = [&](const Touch &t) {
    return !t.valid() || orderedRow(w, t, now.lane);
  };
  if (!ordered(c.write))
    return false;
  // Readers of one clock in other lanes would share an entry.
  auto apart = [&](const Touch &t) {
    return !t.valid() || t.agent != now.agent || t.clock != now.clock ||
           t.lane == now.lane;
  };
  auto fits = [&](const Touch &t) { return write ? ordered(t) : apart(t); };
  if (!fits(c.read) ||
      (c.rest && !std::ranges::all_of(c.rest->more, [&](const Reader &r) {
         return fits(r.touch);
       })))
    return false;
  if (write)
    rememberWrite(c, now);
  else
    rememberRead(c, now);
  return true;
}

} // namespace hamlet::emu
