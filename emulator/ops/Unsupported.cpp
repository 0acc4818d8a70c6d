//===- Unsupported.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the ISA has and the emulator has not: each says why.
#include "emulator/ops/Families.h"

namespace hamlet::emu::HAMLET_ISA {
namespace {
void noTextures(Decode &d) {
  d.fail("textures and surfaces are not supported: the stand-in driver has no "
         "texture objects;");
}
void noMulticastObjects(Decode &d) {
  d.fail("multimem is not supported: the stand-in driver has no multicast "
         "objects;");
}
void noBlackwell(Decode &d) {
  d.fail("instructions of sm_100's tensor memory and launch control are not "
         "supported;");
}
} // namespace

void registerUnsupported(OpTable &t) {
  for (const char *name :
       {"tex", "tld4", "txq", "suld", "sust", "sured", "suq", "istypep"})
    t[name] = noTextures;
  t["multimem"] = noMulticastObjects;
  t["tcgen05"] = t["clusterlaunchcontrol"] = noBlackwell;
}

} // namespace hamlet::emu::HAMLET_ISA
