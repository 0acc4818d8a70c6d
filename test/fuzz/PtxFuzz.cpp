//===- PtxFuzz.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Reads arbitrary text as PTX, loads it and runs its entries for a few
// thousand instructions: an error or a result, whatever the text.
#include "emulator/exec/Launch.h"
#include "emulator/module/Module.h"

#include <cstring>

using namespace hamlet::emu;

namespace {
void run(const Program &p, DeviceMemory &memory, u64 buffer, bool check,
         AsyncMode mode) {
  LaunchConfig c;
  c.block.x = 32;
  const ast::Function &f = *p.entry;
  for (u32 i = 0; f.reqntid[0] && i < 3; ++i)
    (i == 0 ? c.block.x : i == 1 ? c.block.y : c.block.z) = f.reqntid[i];
  if (c.block.total() > 128)
    return;
  if (f.reqnctapercluster[0]) {
    c.cluster = {f.reqnctapercluster[0], f.reqnctapercluster[1],
                 f.reqnctapercluster[2]};
    c.grid = c.cluster;
  }
  c.params.resize(p.paramBytes);
  for (const ParamSlot &s : p.params)
    if (s.bytes == 8)
      std::memcpy(c.params.data() + s.offset, &buffer, 8);
  c.threads = 1;
  c.maxInstructions = 3000;
  c.check = check;
  c.async = mode;
  launch(p, memory, c);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  DeviceMemory memory(0, 4 << 20);
  u64 buffer = memory.allocate(4096);
  std::memset(memory.host(buffer, 4096), 0, 4096);
  try {
    LoadedModule module(text, memory, size & 1);
    for (const std::string &entry : module.entries())
      try {
        unsupportedForms(module.ast(), module.symbolTable(), entry);
        const Program &p = module.program(entry);
        // Registers of a warp: what a run copies.
        if (p.arenaBytes > (16 << 20))
          continue;
        for (int i = 0; i < 2; ++i)
          run(p, memory, buffer, i == 1,
              i ? AsyncMode::Lazy : AsyncMode::Eager);
      } catch (const PtxError &) {
      }
  } catch (const PtxError &) {
  }
  return 0;
}
