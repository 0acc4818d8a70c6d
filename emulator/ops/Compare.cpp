//===- Compare.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// setp, set, selp, slct.
#include "emulator/ops/Families.h"
#include "emulator/ops/Real.h"

HAMLET_SIMD_BEGIN
namespace {

enum Cmp { Eq, Ne, Lt, Le, Gt, Ge, Num, Nan };
enum Flag : u32 {
  kUnordered = 1,
  kFtz = 2,
  kAnd = 4,
  kOr = 8,
  kXor = 12,
  kBool = 12
};

template <Cmp C, class V> FORCE u32 compareVectors(V a, V b) {
  if constexpr (C == Eq)
    return maskOf(a == b);
  else if constexpr (C == Ne)
    return maskOf(a != b);
  else if constexpr (C == Lt)
    return maskOf(a < b);
  else if constexpr (C == Le)
    return maskOf(a <= b);
  else if constexpr (C == Gt)
    return maskOf(a > b);
  else
    return maskOf(a >= b);
}

template <class T, Cmp C> FORCE u32 compared(Warp &w, const Op &o) {
  if constexpr (std::is_integral_v<T>) {
    return compareVectors<C>(get<T>(w, o.a), get<T>(w, o.b));
  } else {
    Vec<T> a = get<T>(w, o.a), b = get<T>(w, o.b);
    if constexpr (sizeof(T) == 4)
      if (o.flags & kFtz) {
        a = flush(a);
        b = flush(b);
      }
    if constexpr (C == Num || C == Nan) {
      u32 nan = maskOf(a != a) | maskOf(b != b);
      return C == Nan ? nan : ~nan;
    } else if constexpr (C == Ne) {
      u32 differ = maskOf(a != b);
      if (o.flags & kUnordered)
        return differ;
      return differ & ~(maskOf(a != a) | maskOf(b != b));
    } else {
      u32 r = compareVectors<C>(a, b);
      if (o.flags & kUnordered)
        r |= maskOf(a != a) | maskOf(b != b);
      return r;
    }
  }
}

FORCE u32 combine(Warp &w, const Op &o, u32 r, u32 where) {
  u32 kind = o.flags & kBool;
  if (!kind)
    return r;
  u32 c = pred(w, where);
  return kind == kAnd ? r & c : kind == kOr ? r | c : r ^ c;
}

// regs, where there: [0] the second result.
template <class T, Cmp C> Step setp(Warp &w, const Op &o, u32 m) {
  u32 r = compared<T, C>(w, o);
  u32 p = combine(w, o, r, o.c);
  if (o.regCount)
    putPred(w, o.regs[0], combine(w, o, ~r, o.c), m);
  putPred(w, o.d, p, m);
  return Step::Next;
}

/// f16, bf16 and the packed ones through f32; bytes: 1 brain, 2 packed.
template <Cmp C> Step setpHalf(Warp &w, const Op &o, u32 m) {
  auto half = [&](u32 shift) -> u32 {
    u32 r = 0;
    for (u32 l = 0; l < 32; ++l) {
      auto read = [&](u32 reg) -> float {
        u32 h = lane<u32>(w, reg)[l] >> shift & 0xffff;
        if ((o.flags & kFtz) && !(h & (o.bytes & 1 ? 0x7f80 : 0x7c00)))
          h &= 0x8000;
        if (o.bytes & 1)
          return std::bit_cast<float>(h << 16);
        return static_cast<float>(std::bit_cast<_Float16>(static_cast<u16>(h)));
      };
      float a = read(o.a), b = read(o.b);
      bool nan = a != a || b != b, v;
      if constexpr (C == Num)
        v = !nan;
      else if constexpr (C == Nan)
        v = nan;
      else {
        v = C == Eq   ? a == b
            : C == Ne ? a != b && !nan
            : C == Lt ? a < b
            : C == Le ? a <= b
            : C == Gt ? a > b
                      : a >= b;
        v = nan ? o.flags & kUnordered : v;
      }
      r |= u32(v) << l;
    }
    return r;
  };
  if (o.bytes & 2) {
    u32 low = half(0), high = half(16);
    u32 p = combine(w, o, low, o.c), q = combine(w, o, high, o.c);
    putPred(w, o.d, p, m);
    if (o.regCount)
      putPred(w, o.regs[0], q, m);
    return Step::Next;
  }
  u32 r = half(0);
  u32 p = combine(w, o, r, o.c), q = combine(w, o, ~r, o.c);
  putPred(w, o.d, p, m);
  if (o.regCount)
    putPred(w, o.regs[0], q, m);
  return Step::Next;
}

struct Comparison {
  Cmp cmp;
  bool makeUnsigned;
};
Comparison takeComparison(Decode &d, bool real) {
  int k = d.takeOf({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs",
                    "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  static constexpr Cmp table[] = {Eq, Ne, Lt, Le, Gt, Ge, Lt, Le,  Gt,
                                  Ge, Eq, Ne, Lt, Le, Gt, Ge, Num, Nan};
  if (k < 0)
    d.fail("no comparison");
  if ((k >= 10) && !real)
    d.fail("this comparison needs a floating-point type");
  if (k >= 6 && k < 10 && real)
    d.fail("this comparison needs an unsigned type");
  if (k >= 10 && k < 16)
    d.op.flags |= kUnordered;
  return {table[k], k >= 6 && k < 10};
}
void takeBool(Decode &d) {
  int b = d.takeOf({"and", "or", "xor"});
  if (b >= 0)
    d.op.flags |= static_cast<u32>(b + 1) * 4;
}

bool isReal(const Decode &d) {
  for (const std::string &m : d.remaining())
    if (Type t = typeNamed(m); t != Type::None && isFloat(t))
      return true;
  return false;
}

template <template <class, Cmp> class H, class T> Handler withCmp(Cmp c) {
  switch (c) {
  case Eq:
    return H<T, Eq>::run;
  case Ne:
    return H<T, Ne>::run;
  case Lt:
    return H<T, Lt>::run;
  case Le:
    return H<T, Le>::run;
  case Gt:
    return H<T, Gt>::run;
  case Ge:
    return H<T, Ge>::run;
  case Num:
    if constexpr (!std::is_integral_v<T>)
      return H<T, Num>::run;
    break;
  case Nan:
    if constexpr (!std::is_integral_v<T>)
      return H<T, Nan>::run;
    break;
  }
  return nullptr;
}
template <class T, Cmp C> struct SetpOf {
  static Step run(Warp &w, const Op &o, u32 m) { return setp<T, C>(w, o, m); }
};
struct HalfTag {};
template <class T, Cmp C> struct SetpHalfOf {
  static Step run(Warp &w, const Op &o, u32 m) { return setpHalf<C>(w, o, m); }
};

Handler setpHandler(Decode &d, Type t, Comparison c) {
  switch (t) {
  case Type::F32:
    return withCmp<SetpOf, float>(c.cmp);
  case Type::F64:
    return withCmp<SetpOf, double>(c.cmp);
  case Type::F16:
  case Type::BF16:
  case Type::F16x2:
  case Type::BF16x2:
    d.op.bytes = (t == Type::BF16 || t == Type::BF16x2 ? 1 : 0) |
                 (t == Type::F16x2 || t == Type::BF16x2 ? 2 : 0);
    return withCmp<SetpHalfOf, HalfTag>(c.cmp);
  default:
    return forInteger(d, t, [&]<class T>() -> Handler {
      if (c.makeUnsigned)
        return withCmp<SetpOf, std::make_unsigned_t<T>>(c.cmp);
      return withCmp<SetpOf, T>(c.cmp);
    });
  }
}

void decodeSetp(Decode &d) {
  bool real = isReal(d);
  Comparison c = takeComparison(d, real);
  takeBool(d);
  d.op.flags |= d.take("ftz") ? kFtz : 0;
  Type t = d.takeType();
  bool boolean = d.op.flags & kBool;
  d.expectCount(boolean ? 4 : 3);
  const ast::Operand &dst = d.operand(0);
  if (dst.kind == ast::Operand::Kind::Pair) {
    d.op.d = d.sink(dst.elems[0], Type::Pred);
    d.list({d.sink(dst.elems[1], Type::Pred)});
  } else {
    d.op.d = d.sink(dst, Type::Pred);
  }
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, t);
  if (boolean)
    d.op.c = d.predicate(d.operand(3));
  d.emit(setpHandler(d, t, c));
}

/// set: a comparison into a predicate, then its value. regs of the second
/// operation: none; flags: the value for true in `imm`.
template <class T> Step spread(Warp &w, const Op &o, u32 m) {
  put<T>(w, o.d,
         lanesOf(pred(w, o.a)) ? Vec<T>(static_cast<T>(o.imm)) : Vec<T>(0), m);
  return Step::Next;
}
Step spreadPair(Warp &w, const Op &o, u32 m) {
  u32 one = static_cast<u32>(o.imm);
  Vec<u32> low = lanesOf(pred(w, o.a)) ? Vec<u32>(one) : Vec<u32>(0);
  Vec<u32> high = lanesOf(pred(w, o.b)) ? Vec<u32>(one) : Vec<u32>(0);
  put<u32>(w, o.d, low | high << Vec<u32>(16), m);
  return Step::Next;
}
void decodeSet(Decode &d) {
  // The types stand last: result, then operands.
  Type s = d.takeType(), t = d.takeType();
  bool real = isFloat(s);
  Comparison c = takeComparison(d, real);
  takeBool(d);
  d.op.flags |= d.take("ftz") ? kFtz : 0;
  bool boolean = d.op.flags & kBool;
  d.expectCount(boolean ? 4 : 3);
  bool packed = s == Type::F16x2 || s == Type::BF16x2;
  u32 p = d.temporary(4);
  u32 q = packed ? d.temporary(4) : p;
  Op compare;
  compare.a = d.source(1, s);
  compare.b = d.source(2, s);
  if (boolean)
    compare.c = d.predicate(d.operand(3));
  compare.flags = d.op.flags;
  compare.d = p;
  if (packed) {
    d.list({q});
    compare.regs = d.op.regs;
    compare.regCount = 1;
  }
  Handler h = setpHandler(d, s, c);
  compare.bytes = d.op.bytes;
  compare.run = h;
  d.emitHelper(compare);
  d.op = Op();
  d.op.a = p;
  d.op.b = q;
  d.op.d = d.sink(0, t);
  switch (t) {
  case Type::U16:
  case Type::S16:
    d.op.imm = 0xffff;
    return d.emit(spread<u32>);
  case Type::U32:
  case Type::S32:
    d.op.imm = packed ? 0xffff : 0xffffffff;
    return d.emit(packed ? spreadPair : spread<u32>);
  case Type::F32:
    d.op.imm = 0x3f800000;
    return d.emit(spread<u32>);
  case Type::F16:
    d.op.imm = 0x3c00;
    return d.emit(spread<u32>);
  case Type::BF16:
    d.op.imm = 0x3f80;
    return d.emit(spread<u32>);
  case Type::F16x2:
    d.op.imm = 0x3c00;
    return d.emit(spreadPair);
  case Type::BF16x2:
    d.op.imm = 0x3f80;
    return d.emit(spreadPair);
  default:
    d.fail("result type does not fit set");
  }
}

template <class T> Step selp(Warp &w, const Op &o, u32 m) {
  put<T>(w, o.d, lanesOf(pred(w, o.c)) ? get<T>(w, o.a) : get<T>(w, o.b), m);
  return Step::Next;
}
void decodeSelp(Decode &d) {
  Type t = d.takeType();
  d.expectCount(4);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, t);
  d.op.c = d.predicate(d.operand(3));
  d.info.selects = true;
  d.emit(laneBytes(t) == 8 ? selp<u64> : selp<u32>);
}

template <class T, class C> Step slct(Warp &w, const Op &o, u32 m) {
  Vec<C> c = get<C>(w, o.c);
  if constexpr (!std::is_integral_v<C>)
    if (o.flags & kFtz)
      c = flush(c);
  put<T>(w, o.d,
         lanesOf(maskOf(c >= Vec<C>(0))) ? get<T>(w, o.a) : get<T>(w, o.b), m);
  return Step::Next;
}
void decodeSlct(Decode &d) {
  d.op.flags = d.take("ftz") ? kFtz : 0;
  Type c = d.takeType(), t = d.takeType();
  d.expectCount(4);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, t);
  d.op.c = d.source(3, c);
  if (c != Type::S32 && c != Type::F32)
    d.fail("slct decides on .s32 or .f32");
  if (laneBytes(t) == 8)
    return d.emit(c == Type::S32 ? slct<u64, s32> : slct<u64, float>);
  d.emit(c == Type::S32 ? slct<u32, s32> : slct<u32, float>);
}
} // namespace

void registerCompare(OpTable &t) {
  t["setp"] = decodeSetp;
  t["set"] = decodeSet;
  t["selp"] = decodeSelp;
  t["slct"] = decodeSlct;
}

HAMLET_SIMD_END
