// Who touched each word of memory last.
#pragma once

#include "emulator/core/Types.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace hamlet::emu {

/// One access: agent of a cluster (cluster * kAgents + agent), its clock then.
struct Touch {
  u32 agent = ~0u, clock = 0, op = 0;
  u8 lane = 0;  ///< 255: several
  u8 bytes = 0; ///< mask of the word's four
  u8 scope = 0; ///< of a strong access, 0: weak
  u8 flags = 0; ///< 1 async proxy, 2 atomic
  bool valid() const { return agent != ~0u; }
};

/// What few words need.
struct Rest {
  Touch weak;    ///< the last weak write, where a strong one came after it
  u32 lanes = 0; ///< of Cell::read, where they are several
  struct Reader {
    Touch touch;
    u32 lanes = 0; ///< where they are several
  };
  std::vector<Reader> more;  ///< further readers
  std::vector<Touch> writes; ///< of bytes that the last write left alone
};
struct Cell {
  Touch write, read;
  std::unique_ptr<Rest> rest;
  Rest &more() {
    if (!rest)
      rest = std::make_unique<Rest>();
    return *rest;
  }
};

/// Cells of one address range, made page by page.
class Shadow {
public:
  static constexpr u64 kWords = 1024; ///< of a page
  Cell &at(u64 word) {
    u64 page = word / kWords;
    if (page != lastPage) {
      auto &p = pages[page];
      if (!p)
        p = std::make_unique<Cell[]>(kWords);
      last = p.get();
      lastPage = page;
    }
    return last[word % kWords];
  }

private:
  std::unordered_map<u64, std::unique_ptr<Cell[]>> pages;
  u64 lastPage = ~u64(0);
  Cell *last = nullptr;
};

} // namespace hamlet::emu
