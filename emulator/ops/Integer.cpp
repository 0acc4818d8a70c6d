// Integer arithmetic and bits.
#include "emulator/ops/Families.h"
#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN
namespace {

template <class T>
using Wider = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, s32, u32>,
    std::conditional_t<
        sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, s64, u64>,
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;
template <class T> using Unsigned = std::make_unsigned_t<T>;

Type integerType(Decode &d) {
  Type t = d.takeType();
  if (!isInteger(t))
    d.fail(std::string("type .") + typeName(t) + " is not an integer type");
  return t;
}

constexpr auto kAddSat = [](s32 a, s32 b) -> s32 {
  s64 r = s64(a) + b;
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : s32(r);
};
constexpr auto kSubSat = [](s32 a, s32 b) -> s32 {
  s64 r = s64(a) - b;
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : s32(r);
};

// add.cc, addc, sub.cc, subc and the mad forms keep one carry a lane.
template <class T, bool Sub, bool In, bool Out>
Step carry(Warp &w, const Op &o, u32 m) {
  using U = Unsigned<T>;
  auto *a = lane<U>(w, o.a), *b = lane<U>(w, o.b), *r = lane<U>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 c = In ? w.carry >> l & 1 : 0;
    unsigned __int128 x = a[l], y = b[l];
    unsigned __int128 v = Sub ? x - y - c : x + y + c;
    bool out = Sub ? x < y + c : (v >> (8 * sizeof(U))) != 0;
    r[l] = static_cast<U>(v);
    if (Out)
      w.carry = (w.carry & ~(1u << l)) | (u32(out) << l);
  }
  return Step::Next;
}

template <class T, bool High, bool In, bool Out>
Step madCarry(Warp &w, const Op &o, u32 m) {
  using U = Unsigned<T>;
  auto *a = lane<T>(w, o.a), *b = lane<T>(w, o.b);
  auto *c = lane<U>(w, o.c), *r = lane<U>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Wider<T> p = Wider<T>(a[l]) * Wider<T>(b[l]);
    U part = static_cast<U>(High ? p >> (8 * sizeof(T)) : p);
    unsigned __int128 v =
        (unsigned __int128)part + c[l] + (In ? w.carry >> l & 1 : 0);
    r[l] = static_cast<U>(v);
    if (Out)
      w.carry =
          (w.carry & ~(1u << l)) | (u32((v >> (8 * sizeof(U))) != 0) << l);
  }
  return Step::Next;
}

template <bool Sub> Handler carryHandler(Decode &d, Type t, bool in, bool out) {
  return forInteger(d, t, [&]<class T>() -> Handler {
    if constexpr (sizeof(T) < 4)
      d.fail("carry needs 32 or 64 bits");
    else
      return in ? (out ? carry<T, Sub, true, true> : carry<T, Sub, true, false>)
                : carry<T, Sub, false, true>;
  });
}

template <bool Sub> void addSub(Decode &d) {
  bool in = d.inst().opcode == "addc" || d.inst().opcode == "subc";
  bool out = d.take("cc"), sat = d.take("sat");
  Type t = d.takeType();
  if (t == Type::U16x2 || t == Type::S16x2) {
    operands(d, t, 2);
    d.emit(each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
      return Sub ? ((a - b) & 0xffff) | ((a >> 16) - (b >> 16)) << 16
                 : ((a + b) & 0xffff) | ((a >> 16) + (b >> 16)) << 16;
    }>);
    return;
  }
  operands(d, t, 2);
  if (in || out)
    return d.emit(carryHandler<Sub>(d, t, in, out));
  if (sat) {
    if (t != Type::S32)
      d.fail(".sat needs .s32");
    return d.emit(Sub ? each2<s32, s32, s32, kSubSat>
                      : each2<s32, s32, s32, kAddSat>);
  }
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    using U = Unsigned<T>;
    return Sub ? bin<U, U, U, [](auto a, auto b) { return a - b; }>
               : bin<U, U, U, [](auto a, auto b) { return a + b; }>;
  }));
}

template <class T>
constexpr auto kMulHigh = [](T a, T b) -> T {
  return static_cast<T>((Wider<T>(a) * Wider<T>(b)) >> (8 * sizeof(T)));
};
template <class T>
constexpr auto kMadHigh = [](T a, T b, T c) -> T {
  return static_cast<T>(Unsigned<T>(kMulHigh<T>(a, b)) + Unsigned<T>(c));
};

template <class T> Step mulWide(Warp &w, const Op &o, u32 m) {
  if constexpr (sizeof(T) < 8) {
    using W = Wider<T>;
    Vec<W> a = __builtin_convertvector(get<T>(w, o.a), Vec<W>);
    Vec<W> b = __builtin_convertvector(get<T>(w, o.b), Vec<W>);
    put<W>(w, o.d, a * b, m);
  }
  return Step::Next;
}
template <class T> Step madWide(Warp &w, const Op &o, u32 m) {
  if constexpr (sizeof(T) < 8) {
    using W = Wider<T>;
    using U = Unsigned<W>;
    Vec<W> a = __builtin_convertvector(get<T>(w, o.a), Vec<W>);
    Vec<W> b = __builtin_convertvector(get<T>(w, o.b), Vec<W>);
    put<U>(w, o.d, __builtin_bit_cast(Vec<U>, a * b) + get<U>(w, o.c), m);
  }
  return Step::Next;
}

Type widened(Decode &d, Type t) {
  switch (t) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  case Type::S32:
    return Type::S64;
  default:
    d.fail(".wide needs 16 or 32 bits");
  }
}

void mulInteger(Decode &d) {
  int part = d.takeOf({"lo", "hi", "wide"});
  Type t = integerType(d);
  d.expectCount(3);
  if (part == 2) {
    d.op.d = d.sink(0, widened(d, t));
    d.op.a = d.source(1, t);
    d.op.b = d.source(2, t);
    return d.emit(
        forInteger(d, t, []<class T>() -> Handler { return mulWide<T>; }));
  }
  if (part < 0)
    d.fail("mul of integers needs .lo, .hi or .wide");
  operands(d, t, 2);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    using U = Unsigned<T>;
    if (part == 1)
      return each2<T, T, T, kMulHigh<T>>;
    return bin<U, U, U, [](auto a, auto b) { return a * b; }>;
  }));
}

void madInteger(Decode &d) {
  bool in = d.inst().opcode == "madc", out = d.take("cc"), sat = d.take("sat");
  int part = d.takeOf({"lo", "hi", "wide"});
  Type t = integerType(d);
  d.expectCount(4);
  if (part == 2) {
    Type wide = widened(d, t);
    d.op.d = d.sink(0, wide);
    d.op.a = d.source(1, t);
    d.op.b = d.source(2, t);
    d.op.c = d.source(3, wide);
    return d.emit(
        forInteger(d, t, []<class T>() -> Handler { return madWide<T>; }));
  }
  if (part < 0)
    d.fail("mad of integers needs .lo, .hi or .wide");
  operands(d, t, 3);
  if (sat) {
    if (part != 1 || t != Type::S32)
      d.fail(".sat needs .hi.s32");
    return d.emit(each3<s32, s32, s32, s32, [](s32 a, s32 b, s32 c) -> s32 {
      return kAddSat(kMulHigh<s32>(a, b), c);
    }>);
  }
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    using U = Unsigned<T>;
    if constexpr (sizeof(T) >= 4)
      if (in || out) {
        if (part == 1)
          return in ? (out ? madCarry<T, true, true, true>
                           : madCarry<T, true, true, false>)
                    : madCarry<T, true, false, true>;
        return in ? (out ? madCarry<T, false, true, true>
                         : madCarry<T, false, true, false>)
                  : madCarry<T, false, false, true>;
      }
    if (in || out)
      d.fail("carry needs 32 or 64 bits");
    if (part == 1)
      return each3<T, T, T, T, kMadHigh<T>>;
    return tri<U, U, U, U, [](auto a, auto b, auto c) { return a * b + c; }>;
  }));
}

template <class T>
constexpr auto k24 = [](T a) -> s64 {
  return std::is_signed_v<T> ? s64(s32(u32(a) << 8) >> 8)
                             : s64(u32(a) & 0xffffff);
};
template <class T>
constexpr auto kMul24Lo =
    [](T a, T b) -> T { return static_cast<T>(k24<T>(a) * k24<T>(b)); };
template <class T>
constexpr auto kMul24Hi =
    [](T a, T b) -> T { return static_cast<T>((k24<T>(a) * k24<T>(b)) >> 16); };

void mul24(Decode &d) {
  bool mad = d.inst().opcode == "mad24";
  int part = d.takeOf({"lo", "hi"});
  bool sat = d.take("sat");
  Type t = integerType(d);
  if (part < 0 || (t != Type::U32 && t != Type::S32))
    d.fail("mul24 and mad24 need .lo or .hi and .u32 or .s32");
  if (sat && (!mad || part == 0 || t != Type::S32))
    d.fail(".sat needs mad24.hi.s32");
  operands(d, t, mad ? 3 : 2);
  if (sat)
    return d.emit(each3<s32, s32, s32, s32, [](s32 a, s32 b, s32 c) -> s32 {
      return kAddSat(kMul24Hi<s32>(a, b), c);
    }>);
  auto choose = [&]<class T>() -> Handler {
    if (mad)
      return part ? each3<T, T, T, T,
                          [](T a, T b, T c) -> T {
                            return T(u32(kMul24Hi<T>(a, b)) + u32(c));
                          }>
                  : each3<T, T, T, T, [](T a, T b, T c) -> T {
                      return T(u32(kMul24Lo<T>(a, b)) + u32(c));
                    }>;
    return part ? each2<T, T, T, kMul24Hi<T>> : each2<T, T, T, kMul24Lo<T>>;
  };
  d.emit(t == Type::U32 ? choose.operator()<u32>() : choose.operator()<s32>());
}

void divRem(Decode &d) {
  bool rem = d.inst().opcode == "rem";
  Type t = integerType(d);
  operands(d, t, 2);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    if (rem)
      return each2<T, T, T, [](T a, T b) -> T {
        if (b == 0)
          return a;
        if (std::is_signed_v<T> && b == T(-1))
          return 0;
        return T(a % b);
      }>;
    return each2<T, T, T, [](T a, T b) -> T {
      if (b == 0)
        return T(-1); // unspecified by the ISA
      if (std::is_signed_v<T> && b == T(-1))
        return T(Unsigned<T>(0) - Unsigned<T>(a));
      return T(a / b);
    }>;
  }));
}

void absNeg(Decode &d) {
  bool neg = d.inst().opcode == "neg";
  Type t = integerType(d);
  operands(d, t, 1);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    using U = Unsigned<T>;
    if (neg)
      return un<U, U, [](auto a) { return Vec<U>(0) - a; }>;
    return each1<U, T, [](T a) -> U { return a < 0 ? U(0) - U(a) : U(a); }>;
  }));
}

template <bool Max> void minMax(Decode &d) {
  bool relu = d.take("relu");
  Type t = d.takeType();
  operands(d, t, 2);
  if (t == Type::U16x2 || t == Type::S16x2) {
    if (t == Type::U16x2)
      return d.emit(each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
        u16 l = Max ? std::max(u16(a), u16(b)) : std::min(u16(a), u16(b));
        u16 h = Max ? std::max(u16(a >> 16), u16(b >> 16))
                    : std::min(u16(a >> 16), u16(b >> 16));
        return u32(h) << 16 | l;
      }>);
    return d.emit(relu ? each2<u32, u32, u32,
                               [](u32 a, u32 b) -> u32 {
                                 s16 l = Max ? std::max(s16(a), s16(b))
                                             : std::min(s16(a), s16(b));
                                 s16 h =
                                     Max ? std::max(s16(a >> 16), s16(b >> 16))
                                         : std::min(s16(a >> 16), s16(b >> 16));
                                 return u32(u16(std::max<s16>(h, 0))) << 16 |
                                        u16(std::max<s16>(l, 0));
                               }>
                       : each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
                           s16 l = Max ? std::max(s16(a), s16(b))
                                       : std::min(s16(a), s16(b));
                           s16 h = Max ? std::max(s16(a >> 16), s16(b >> 16))
                                       : std::min(s16(a >> 16), s16(b >> 16));
                           return u32(u16(h)) << 16 | u16(l);
                         }>);
  }
  if (relu) {
    if (t != Type::S32)
      d.fail(".relu needs .s32");
    return d.emit(each2<s32, s32, s32, [](s32 a, s32 b) -> s32 {
      return std::max(0, Max ? std::max(a, b) : std::min(a, b));
    }>);
  }
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    return Max ? bin<T, T, T,
                     [](auto a, auto b) {
                       return __builtin_elementwise_max(a, b);
                     }>
               : bin<T, T, T, [](auto a, auto b) {
                   return __builtin_elementwise_min(a, b);
                 }>;
  }));
}

// and or xor not; predicates are lane masks.
enum Logic { And, Or, Xor, Not };
template <Logic K> Step predicateLogic(Warp &w, const Op &o, u32 m) {
  u32 a = pred(w, o.a), b = K == Not ? 0 : pred(w, o.b);
  putPred(w, o.d,
          K == And   ? a & b
          : K == Or  ? a | b
          : K == Xor ? a ^ b
                     : ~a,
          m);
  return Step::Next;
}
template <Logic K> void logic(Decode &d) {
  Type t = d.takeType();
  operands(d, t, K == Not ? 1 : 2);
  if (t == Type::Pred)
    return d.emit(predicateLogic<K>);
  if (t != Type::B16 && t != Type::B32 && t != Type::B64)
    d.fail("logic needs .pred, .b16, .b32 or .b64");
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    if constexpr (K == And)
      return bin<T, T, T, [](auto a, auto b) { return a & b; }>;
    else if constexpr (K == Or)
      return bin<T, T, T, [](auto a, auto b) { return a | b; }>;
    else if constexpr (K == Xor)
      return bin<T, T, T, [](auto a, auto b) { return a ^ b; }>;
    else
      return un<T, T, [](auto a) { return ~a; }>;
  }));
}

void cnot(Decode &d) {
  Type t = integerType(d);
  operands(d, t, 1);
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    return each1<T, T, [](T a) -> T { return a == 0; }>;
  }));
}

// Shift amounts are 32 bits and clamp to the width.
template <class T> Step shiftLeft(Warp &w, const Op &o, u32 m) {
  Vec<T> a = get<T>(w, o.a);
  Vec<u32> n = get<u32>(w, o.b);
  Vec<T> s = __builtin_convertvector(n & Vec<u32>(8 * sizeof(T) - 1), Vec<T>);
  Vec<T> r = a << s;
  put<T>(w, o.d, lanesOf(maskOf(n < Vec<u32>(8 * sizeof(T)))) ? r : Vec<T>(0),
         m);
  return Step::Next;
}
template <class T> Step shiftRight(Warp &w, const Op &o, u32 m) {
  Vec<T> a = get<T>(w, o.a);
  Vec<u32> n = get<u32>(w, o.b);
  n = __builtin_elementwise_min(n, Vec<u32>(8 * sizeof(T)));
  if constexpr (std::is_signed_v<T>) {
    n = __builtin_elementwise_min(n, Vec<u32>(8 * sizeof(T) - 1));
    put<T>(w, o.d, a >> __builtin_convertvector(n, Vec<T>), m);
  } else {
    Vec<T> r =
        a >> __builtin_convertvector(n & Vec<u32>(8 * sizeof(T) - 1), Vec<T>);
    put<T>(w, o.d, lanesOf(maskOf(n < Vec<u32>(8 * sizeof(T)))) ? r : Vec<T>(0),
           m);
  }
  return Step::Next;
}
void shift(Decode &d) {
  bool left = d.inst().opcode == "shl";
  Type t = integerType(d);
  d.expectCount(3);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::U32);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    return left ? shiftLeft<Unsigned<T>> : shiftRight<T>;
  }));
}

void funnelShift(Decode &d) {
  int side = d.takeOf({"l", "r"}), mode = d.takeOf({"clamp", "wrap"});
  Type t = d.takeType();
  if (side < 0 || mode < 0 || t != Type::B32)
    d.fail("shf needs .l or .r, .clamp or .wrap and .b32");
  operands(d, t, 3);
  auto choose = [&]<bool Wrap>() -> Handler {
    if (side == 0)
      return each3<u32, u32, u32, u32, [](u32 a, u32 b, u32 c) -> u32 {
        u32 n = Wrap ? c & 31 : std::min(c, 32u);
        return u32(((u64(b) << 32 | a) << n) >> 32);
      }>;
    return each3<u32, u32, u32, u32, [](u32 a, u32 b, u32 c) -> u32 {
      u32 n = Wrap ? c & 31 : std::min(c, 32u);
      return u32((u64(b) << 32 | a) >> n);
    }>;
  };
  d.emit(mode ? choose.operator()<true>() : choose.operator()<false>());
}

template <class T> Step bitField(Warp &w, const Op &o, u32 m) {
  constexpr u32 kBits = 8 * sizeof(T);
  auto *a = lane<T>(w, o.a), *r = lane<T>(w, o.d);
  auto *b = lane<u32>(w, o.b), *c = lane<u32>(w, o.c);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 pos = b[l] & 0xff, len = c[l] & 0xff;
    T v = a[l];
    using U = Unsigned<T>;
    U field = 0;
    bool sign = false;
    if (std::is_signed_v<T> && len != 0)
      sign = U(v) >> std::min(pos + len - 1, kBits - 1) & 1;
    if (pos < kBits)
      field = U(v) >> pos;
    if (len < kBits) {
      U keep = (U(1) << len) - 1;
      // Beyond the top the sign goes on.
      if (pos < kBits && pos + len > kBits && sign)
        field |= ~(U(~U(0)) >> pos);
      field &= keep;
      if (pos >= kBits && sign)
        field = keep;
      if (sign)
        field |= ~keep;
    } else if (sign) {
      field |= pos < kBits ? (pos ? ~(U(~U(0)) >> pos) : 0) : U(~U(0));
    }
    if (len == 0)
      field = 0;
    r[l] = T(field);
  }
  return Step::Next;
}
void bfe(Decode &d) {
  Type t = integerType(d);
  d.expectCount(4);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::U32);
  d.op.c = d.source(3, Type::U32);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    if constexpr (sizeof(T) < 4)
      d.fail("bfe needs 32 or 64 bits");
    else
      return bitField<T>;
  }));
}

template <class T> Step bitInsert(Warp &w, const Op &o, u32 m) {
  constexpr u32 kBits = 8 * sizeof(T);
  auto *a = lane<T>(w, o.a), *b = lane<T>(w, o.b), *r = lane<T>(w, o.d);
  auto *c = lane<u32>(w, o.c), *e = lane<u32>(w, o.e);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 pos = c[l] & 0xff, len = e[l] & 0xff;
    T mask = len >= kBits ? ~T(0) : (T(1) << len) - 1;
    mask = pos >= kBits ? 0 : mask << pos;
    T field = pos >= kBits ? 0 : a[l] << pos;
    r[l] = (b[l] & ~mask) | (field & mask);
  }
  return Step::Next;
}
void bfi(Decode &d) {
  Type t = d.takeType();
  d.expectCount(5);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, t);
  d.op.c = d.source(3, Type::U32);
  d.op.e = d.source(4, Type::U32);
  if (t != Type::B32 && t != Type::B64)
    d.fail("bfi needs .b32 or .b64");
  d.emit(t == Type::B32 ? bitInsert<u32> : bitInsert<u64>);
}

void bmsk(Decode &d) {
  int mode = d.takeOf({"clamp", "wrap"});
  Type t = d.takeType();
  if (mode < 0 || t != Type::B32)
    d.fail("bmsk needs .clamp or .wrap and .b32");
  operands(d, t, 2);
  d.emit(mode ? each2<u32, u32, u32,
                      [](u32 a, u32 b) -> u32 {
                        u32 n = b & 31, s = a & 31;
                        return u32(((u64(1) << n) - 1) << s);
                      }>
              : each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
                  if (a >= 32)
                    return 0;
                  u32 n = std::min(b, 32u);
                  return u32(((u64(1) << n) - 1) << a);
                }>);
}

void szext(Decode &d) {
  int mode = d.takeOf({"clamp", "wrap"});
  Type t = d.takeType();
  d.expectCount(3);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::U32);
  if (mode < 0 || (t != Type::U32 && t != Type::S32))
    d.fail("szext needs .clamp or .wrap and .u32 or .s32");
  auto choose = [&]<class T>() -> Handler {
    return mode ? each2<T, T, u32,
                        [](T a, u32 b) -> T {
                          u32 n = b & 31;
                          return n == 0 ? 0
                                        : T(T(u32(a) << (32 - n)) >> (32 - n));
                        }>
                : each2<T, T, u32, [](T a, u32 b) -> T {
                    return b == 0    ? 0
                           : b >= 32 ? a
                                     : T(T(u32(a) << (32 - b)) >> (32 - b));
                  }>;
  };
  d.emit(t == Type::U32 ? choose.operator()<u32>() : choose.operator()<s32>());
}

template <class T>
constexpr auto kFind = [](T a) -> u32 {
  using U = Unsigned<T>;
  U v = std::is_signed_v<T> && a < 0 ? U(~U(a)) : U(a);
  return v == 0 ? ~0u : 8 * sizeof(T) - 1 - u32(std::countl_zero(v));
};

// popc, clz, bfind: the result is .u32.
void countBits(Decode &d) {
  std::string name = d.inst().opcode;
  bool shiftAmount = d.take("shiftamt");
  Type t = d.takeType();
  d.expectCount(2);
  d.op.d = d.sink(0, Type::U32);
  d.op.a = d.source(1, t);
  if (shiftAmount && name != "bfind")
    d.fail("unknown modifier '.shiftamt'");
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    if constexpr (sizeof(T) < 4) {
      d.fail(name + " needs 32 or 64 bits");
    } else {
      using U = Unsigned<T>;
      constexpr u32 kBits = 8 * sizeof(T);
      if (name == "popc")
        return each1<u32, U, [](U a) -> u32 { return u32(std::popcount(a)); }>;
      if (name == "clz")
        return each1<u32, U,
                     [](U a) -> u32 { return u32(std::countl_zero(a)); }>;
      if (shiftAmount)
        return each1<u32, T, [](T a) -> u32 {
          u32 p = kFind<T>(a);
          return p == ~0u ? p : kBits - 1 - p;
        }>;
      return each1<u32, T, kFind<T>>;
    }
  }));
}

void brev(Decode &d) {
  Type t = d.takeType();
  operands(d, t, 1);
  if (t != Type::B32 && t != Type::B64)
    d.fail("brev needs .b32 or .b64");
  d.emit(t == Type::B32
             ? un<u32, u32,
                  [](auto a) { return __builtin_elementwise_bitreverse(a); }>
             : un<u64, u64,
                  [](auto a) { return __builtin_elementwise_bitreverse(a); }>);
}

void fns(Decode &d) {
  d.takeType();
  operands(d, Type::B32, 3);
  d.emit(each3<u32, u32, u32, s32, [](u32 mask, u32 base, s32 offset) -> u32 {
    if (offset == 0)
      return base < 32 && mask >> base & 1 ? base : ~0u;
    s32 step = offset > 0 ? 1 : -1, left = offset > 0 ? offset : -offset;
    for (s32 i = s32(base); i >= 0 && i < 32; i += step)
      if (mask >> i & 1 && --left == 0)
        return u32(i);
    return ~0u;
  }>);
}

constexpr auto kPrmt = [](u32 a, u32 b, u32 c) -> u32 {
  u64 v = u64(b) << 32 | a;
  u32 r = 0;
  for (u32 i = 0; i < 4; ++i) {
    u32 s = c >> (4 * i) & 15;
    u32 byte = u32(v >> (8 * (s & 7))) & 0xff;
    if (s & 8)
      byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * i);
  }
  return r;
};
template <u32 Mode>
constexpr auto kPrmtMode = [](u32 a, u32 b, u32 c) -> u32 {
  // f4e b4e rc8 ecl ecr rc16 (ISA, prmt)
  constexpr u16 table[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123},
      {0x0000, 0x1111, 0x2222, 0x3333}, {0x3210, 0x3211, 0x3222, 0x3333},
      {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
  return kPrmt(a, b, table[Mode][c & 3]);
};
void prmt(Decode &d) {
  Type t = d.takeType();
  int mode = d.takeOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  if (t != Type::B32)
    d.fail("prmt needs .b32");
  operands(d, t, 3);
  static const Handler modes[] = {each3<u32, u32, u32, u32, kPrmtMode<0>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<1>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<2>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<3>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<4>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<5>>};
  d.emit(mode < 0 ? each3<u32, u32, u32, u32, kPrmt> : modes[mode]);
}

Step lop3(Warp &w, const Op &o, u32 m) {
  Vec<u32> a = get<u32>(w, o.a), b = get<u32>(w, o.b), c = get<u32>(w, o.c),
           r = 0;
  u32 f = o.flags;
  for (u32 i = 0; i < 8; ++i)
    if (f >> i & 1)
      r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  put<u32>(w, o.d, r, m);
  if (o.regCount) {
    u32 p = maskOf(r != Vec<u32>(0)), q = pred(w, o.regs[1]);
    putPred(w, o.regs[0], o.bytes ? p & q : p | q, m);
  }
  return Step::Next;
}
void decodeLop3(Decode &d) {
  int boolean = d.takeOf({"or", "and"});
  Type t = d.takeType();
  if (t != Type::B32)
    d.fail("lop3 needs .b32");
  size_t n = boolean >= 0 ? 6 : 5;
  d.expectCount(n);
  const ast::Operand &dst = d.operand(0);
  if (boolean >= 0) {
    if (dst.kind != ast::Operand::Kind::Pair)
      d.fail("expected d|p");
    d.op.d = d.sink(dst.elems[0], t);
    u32 p = d.sink(dst.elems[1], Type::Pred);
    d.list({p, d.predicate(d.operand(5))});
    d.op.bytes = static_cast<u8>(boolean);
  } else {
    d.op.d = d.sink(0, t);
  }
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, t);
  d.op.c = d.source(3, t);
  if (d.operand(4).kind != ast::Operand::Kind::Immediate ||
      d.operand(4).imm > 255)
    d.fail("the look-up table is a constant from 0 to 255");
  d.op.flags = static_cast<u32>(d.operand(4).imm);
  d.emit(lop3);
}

void sad(Decode &d) {
  Type t = integerType(d);
  operands(d, t, 3);
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    using U = Unsigned<T>;
    return each3<U, T, T, U, [](T a, T b, U c) -> U {
      return U(c + (a > b ? U(a) - U(b) : U(b) - U(a)));
    }>;
  }));
}

template <bool SA, bool SB> Step dot4(Warp &w, const Op &o, u32 m) {
  auto *a = lane<u32>(w, o.a), *b = lane<u32>(w, o.b), *c = lane<u32>(w, o.c);
  auto *r = lane<u32>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 s = c[l];
    for (u32 i = 0; i < 4; ++i) {
      s32 x = SA ? s8(a[l] >> (8 * i)) : s32(u8(a[l] >> (8 * i)));
      s32 y = SB ? s8(b[l] >> (8 * i)) : s32(u8(b[l] >> (8 * i)));
      s += u32(x * y);
    }
    r[l] = s;
  }
  return Step::Next;
}
template <bool SA, bool SB> Step dot2(Warp &w, const Op &o, u32 m) {
  auto *a = lane<u32>(w, o.a), *b = lane<u32>(w, o.b), *c = lane<u32>(w, o.c);
  auto *r = lane<u32>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 s = c[l];
    for (u32 i = 0; i < 2; ++i) {
      s32 x = SA ? s16(a[l] >> (16 * i)) : s32(u16(a[l] >> (16 * i)));
      u32 k = i + (o.flags ? 2 : 0);
      s32 y = SB ? s8(b[l] >> (8 * k)) : s32(u8(b[l] >> (8 * k)));
      s += u32(x * y);
    }
    r[l] = s;
  }
  return Step::Next;
}
void dot(Decode &d) {
  bool two = d.inst().opcode == "dp2a";
  int half = two ? d.takeOf({"lo", "hi"}) : 0;
  Type tb = d.takeType(), ta = d.takeType();
  auto check = [&](Type t) {
    if (t != Type::U32 && t != Type::S32)
      d.fail("expected .u32 or .s32 twice");
    return t == Type::S32;
  };
  bool sa = check(ta), sb = check(tb);
  operands(d, Type::B32, 3);
  d.op.flags = half == 1;
  if (half < 0)
    d.fail("dp2a needs .lo or .hi");
  d.emit(two ? (sa ? (sb ? dot2<true, true> : dot2<true, false>)
                   : (sb ? dot2<false, true> : dot2<false, false>))
             : (sa ? (sb ? dot4<true, true> : dot4<true, false>)
                   : (sb ? dot4<false, true> : dot4<false, false>)));
}
} // namespace

bool decodeIntegerArithmetic(Decode &d) {
  const std::string &n = d.inst().opcode;
  if (n == "add" || n == "addc")
    addSub<false>(d);
  else if (n == "sub" || n == "subc")
    addSub<true>(d);
  else if (n == "mul")
    mulInteger(d);
  else if (n == "mad" || n == "madc")
    madInteger(d);
  else if (n == "div" || n == "rem")
    divRem(d);
  else if (n == "abs" || n == "neg")
    absNeg(d);
  else if (n == "min")
    minMax<false>(d);
  else if (n == "max")
    minMax<true>(d);
  else
    return false;
  return true;
}

void registerInteger(OpTable &t) {
  auto plain = [](Decode &d) { decodeIntegerArithmetic(d); };
  t["addc"] = t["subc"] = t["madc"] = t["rem"] = plain;
  t["mul24"] = t["mad24"] = mul24;
  t["and"] = logic<And>;
  t["or"] = logic<Or>;
  t["xor"] = logic<Xor>;
  t["not"] = logic<Not>;
  t["cnot"] = cnot;
  t["shl"] = t["shr"] = shift;
  t["shf"] = funnelShift;
  t["bfe"] = bfe;
  t["bfi"] = bfi;
  t["bmsk"] = bmsk;
  t["szext"] = szext;
  t["popc"] = t["clz"] = t["bfind"] = countBits;
  t["brev"] = brev;
  t["fns"] = fns;
  t["prmt"] = prmt;
  t["lop3"] = decodeLop3;
  t["sad"] = sad;
  t["dp4a"] = t["dp2a"] = dot;
}

HAMLET_SIMD_END
