"""mbarrier, cp.async.mbarrier.arrive (ISA 9.7.13.15), each thread with a barrier of
its own: a few arrivals, the instruction, then what tests and the state say."""
from form import form

OWN = "{ .reg .b32 %l, %own, %n, %t; .reg .b64 %s, %s2, %g; .reg .pred %p, %q; mov.u32 %l, %tid.x; mov.u32 %own, scratch;" \
      " mad.lo.u32 %own, %l, 64, %own; cvt.u64.u32 %g, %own; cvta.shared.u64 %g, %g; "


class Barrier:
    """The ISA's object: a phase ends when nothing is pending and no bytes are expected."""
    def __init__(self, count):
        self.expected = self.pending = count
        self.phase = self.bytes = 0

    def settle(self):
        if self.pending == 0 and self.bytes == 0:
            self.phase += 1
            self.pending = self.expected

    def arrive(self, count=1, drop=False, complete=True):
        state = (self.phase, self.pending)
        self.pending -= count
        self.expected -= count if drop else 0
        if complete:
            self.settle()
        return state

    def expect(self, n):
        self.bytes += n

    def complete(self, n):
        self.bytes -= n
        self.settle()

    def passed(self, parity):
        """The phase before the current one has this parity; the current one has not ended."""
        return int(self.phase & 1 != parity)


def looks(bits="{d0}", pending="{d1}"):
    """What is observed at the end; `look` is the model's answer."""
    def bit(n, wait):
        return "%s selp.b32 %%t, %d, 0, %%p; or.b32 %s, %s, %%t; " % (wait, 1 << n, bits, bits)
    return "mov.b32 %s, 0; " % bits + bit(0, "mbarrier.test_wait.parity.shared::cta.b64 %p, [%own], 0;") + \
        bit(1, "mbarrier.test_wait.parity.shared::cta.b64 %p, [%own], 1;") + \
        "mbarrier.arrive.shared::cta.b64 %%s2, [%%own]; mbarrier.pending_count.b64 %s, %%s2; " % pending + \
        bit(2, "mbarrier.test_wait.shared::cta.b64 %p, [%own], %s2;")


def look(b):
    bits = b.passed(0) | b.passed(1) << 1
    phase, pending = b.arrive()
    return bits | int(b.phase != phase) << 2, pending


def values(operand, least=1):
    """a0: count of the barrier; a1: arrivals before; a2: the instruction's operand."""
    def draw(rng, count):
        columns = [[], [], []]
        for _ in range(count):
            n = rng.randint(2 + least, 9)
            k = rng.randint(1, n - least)
            b = Barrier(n)
            b.arrive(k)
            for c, v in zip(columns, (n, k, operand(rng, b))):
                c.append(v)
        return columns
    return draw


BEGIN = "mbarrier.init.shared::cta.b64 [%own], {a0}; mbarrier.arrive.noComplete.shared::cta.b64 %s, [%own], {a1}; "
bytes_of = values(lambda rng, b: rng.randint(1, 1 << rng.randint(1, 19)))
fewer = values(lambda rng, b: rng.randint(1, b.pending))
none = values(lambda rng, b: 0)


def barrier(name, body, change, draw=none, target="sm_90", begin=BEGIN):
    def ref(n, k, x):
        b = Barrier(n)
        b.arrive(k)
        change(b, x)
        return look(b)
    form(name, "b32 b32", "b32 b32 b32", ref, OWN + begin + body + looks() + "}", values=draw, target=target)


at = {"": "[%g]", ".shared": "[%own]", ".shared::cta": "[%own]", ".shared::cluster": "[%own]"}
for space in ("", ".shared", ".shared::cta"):
    name = "mbarrier.init%s.b64" % space
    barrier(name, "", lambda b, x: None, target="sm_80",
            begin="%s %s, {a0}; mbarrier.arrive.noComplete.shared::cta.b64 %%s, [%%own], {a1}; " % (name, at[space]))
    name = "mbarrier.inval%s.b64" % space
    def renewed(b, x):
        b.__init__(b.expected)
    barrier(name, "%s %s; mbarrier.init.shared::cta.b64 [%%own], {a0}; " % (name, at[space]), renewed, target="sm_80")
for sem in ("", ".release.cta", ".release.cluster", ".relaxed.cta", ".relaxed.cluster"):
    for space in ("", ".shared", ".shared::cta", ".shared::cluster"):
        # Without a state to return where the barrier may be another CTA's.
        to = "_" if space == ".shared::cluster" else "%s"
        target = "sm_90" if sem or space == ".shared::cluster" else "sm_80"
        for drop in ("", "_drop"):
            d = bool(drop)
            name = "mbarrier.arrive%s%s%s.b64" % (drop, sem, space)
            barrier(name, "%s %s, %s; " % (name, to, at[space]), lambda b, x, d=d: b.arrive(1, d),
                    values(lambda rng, b: 0, 2), target=target)
            barrier(name + " count", "%s %s, %s, {a2}; " % (name, to, at[space]), lambda b, x, d=d: b.arrive(x, d), fewer)
            name = "mbarrier.arrive%s.expect_tx%s%s.b64" % (drop, sem, space)
            barrier(name, "%s %s, %s, {a2}; " % (name, to, at[space]), lambda b, x, d=d: (b.expect(x), b.arrive(1, d)),
                    values(lambda rng, b: rng.randint(1, 1 << 19), 2))
            barrier(name + " and complete_tx", "%s %s, %s, {a2}; mbarrier.complete_tx.shared::cta.b64 [%%own], {a2}; " % (name, to, at[space]),
                    lambda b, x, d=d: (b.expect(x), b.arrive(1, d), b.complete(x)), values(lambda rng, b: rng.randint(1, 1 << 19), 2))
            if space != ".shared::cluster" and sem in ("", ".release.cta"):
                name = "mbarrier.arrive%s.noComplete%s%s.b64" % (drop, sem, space)
                barrier(name, "%s %%s, %s, {a2}; " % (name, at[space]), lambda b, x, d=d: b.arrive(x, d, False),
                        values(lambda rng, b: rng.randint(1, b.pending - 1), 2), target=target)
for sem in ("", ".relaxed.cta", ".relaxed.cluster"):
    for space in ("", ".shared", ".shared::cta", ".shared::cluster"):
        name = "mbarrier.expect_tx%s%s.b64" % (sem, space)
        barrier(name, "%s %s, {a2}; " % (name, at[space]), lambda b, x: b.expect(x), bytes_of)
        name = "mbarrier.complete_tx%s%s.b64" % (sem, space)
        barrier(name, "mbarrier.expect_tx.shared::cta.b64 [%%own], {a2}; %s %s, {a2}; " % (name, at[space]),
                lambda b, x: (b.expect(x), b.complete(x)), bytes_of)
# Bytes that complete before they are expected.
barrier("mbarrier.complete_tx before expect_tx", "mbarrier.complete_tx.shared::cta.b64 [%own], {a2};"
        " mbarrier.expect_tx.shared::cta.b64 [%own], {a2}; ", lambda b, x: (b.complete(x), b.expect(x)), bytes_of)
for wait in ("test_wait", "try_wait"):
    for sem in ("", ".acquire.cta", ".acquire.cluster", ".relaxed.cta", ".relaxed.cluster"):
        for space in ("", ".shared", ".shared::cta"):
            for hint in ("", " hint") if wait == "try_wait" else ("",):
                more = ", 20" if hint else ""
                target = "sm_90" if sem or wait == "try_wait" else "sm_80"
                # One arrival short of the end, or not: the state and the parity say so.
                name = "mbarrier.%s%s%s.b64" % (wait, sem, space)
                def by_state(n, k, x):
                    b = Barrier(n)
                    state = b.arrive(k)
                    b.arrive()
                    return int(b.phase != state[0]),
                form(name + hint, "b32", "b32 b32 b32", by_state,
                     OWN + BEGIN + "mbarrier.arrive.shared::cta.b64 %%s2, [%%own]; %s %%p, %s, %%s%s; selp.b32 {d0}, 1, 0, %%p; }"
                     % (name, at[space], more), values=none, target=target)
                name = "mbarrier.%s.parity%s%s.b64" % (wait, sem, space)
                def by_parity(n, k, x):
                    b = Barrier(n)
                    b.arrive(k)
                    b.arrive()
                    return b.passed(k & 1),
                form(name + hint, "b32", "b32 b32 b32", by_parity,
                     OWN + BEGIN + "mbarrier.arrive.shared::cta.b64 %%s2, [%%own]; and.b32 %%n, {a1}, 1; %s %%p, %s, %%n%s;"
                     " selp.b32 {d0}, 1, 0, %%p; }" % (name, at[space], more), values=none, target=target)
form("mbarrier.pending_count.b64", "b32 b32", "b32 b32 b32", lambda n, k, x: (n, n - k),
     OWN + BEGIN + "mbarrier.arrive.shared::cta.b64 %s2, [%own]; mbarrier.pending_count.b64 {d0}, %s;"
     " mbarrier.pending_count.b64 {d1}, %s2; }", values=none)
# A thread's copies arrive: .noinc takes one of the counted arrivals, else it adds its own first.
for space in ("", ".shared", ".shared::cta"):
    for noinc in ("", ".noinc"):
        name = "cp.async.mbarrier.arrive%s%s.b64" % (noinc, space)
        def copied(n, k, x, v, noinc=noinc):
            b = Barrier(n)
            b.arrive(k)
            if noinc:
                b.arrive()
            return (v,) + look(b)
        waited = "cp.async.ca.shared.global [%own+16], [%at], 4; " + name + " " + at[space] + "; cp.async.wait_all; "
        form(name, "b32 b32 b32", "b32 b32 b32 b32", copied,
             OWN + BEGIN + "mad.lo.u64 %at, %idx64, 4, %in; add.u64 %at, %at, {place3}; " + waited
             + looks("{d1}", "{d2}") + "ld.shared.b32 {d0}, [%own+16]; }",
             values=lambda rng, count: values(lambda rng, b: 0, 2)(rng, count) + [[rng.getrandbits(32) for _ in range(count)]])
