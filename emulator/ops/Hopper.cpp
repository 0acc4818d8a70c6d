// cp: tells sm_80's copies from sm_90's; families of sm_90.
#include "emulator/ops/Copy.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"

HAMLET_SIMD_BEGIN

void decodeCp(Decode &d) {
  if (!d.take("async"))
    d.fail("expected cp.async");
  decodeCopy(d);
}

void registerHopper(OpTable &) {}

HAMLET_SIMD_END
