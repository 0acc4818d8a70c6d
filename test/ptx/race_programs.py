"""Random small programs of threads that share memory, as PTX, and what of them races: a second happens-before,
over lanes one by one, that knows nothing of warps."""
import random
import numpy as np

CELLS = 4        # words of each space that all threads use
ROWS = 2         # arrays of a word a thread
FLAG = 64        # first word of the flags, one for each signal
HEAD = """.version 8.0
.target sm_80
.address_size 64
.shared .align 16 .b8 s[4096];
.visible .entry k(.param .u64 out, .param .u64 slots)
{
 .reg .pred %p, %q, %r; .reg .b16 %h; .reg .b32 %t, %c, %u, %v, %m, %n, %i, %a, %x<4>; .reg .b64 %d, %g, %o;
 ld.param.u64 %g, [out]; ld.param.u64 %o, [slots]; mov.u32 %t, %tid.x; mov.u32 %c, %ctaid.x;
 mad.lo.u32 %u, %c, BLOCK, %t; mad.wide.u32 %o, %u, 16, %o;
"""
SIZES = {"u8": 1, "u16": 2, "u32": 4, "v2.u32": 8, "v4.u32": 16}


class Access:
    """`how`: ld, st, atom or red; `order`: weak, volatile, relaxed. At `at` bytes, or a word a thread from there: the thread's
    number is rotated by `turn`. What is stored is `value`, plus the thread's number where `own`."""

    def __init__(self, rng):
        self.space = rng.choice(["shared", "shared", "global"])
        self.how = rng.choice(["ld", "ld", "ld", "st", "st", "st", "atom", "red"])
        self.order = "relaxed" if self.how in ("atom", "red") else rng.choice(["weak", "weak", "weak", "volatile", "relaxed"])
        self.scope = rng.choice(["cta", "gpu"])
        self.type = "u32" if self.how in ("atom", "red") else rng.choice(["u32", "u32", "u32", "u32", "u8", "u16", "v2.u32", "v4.u32"])
        size = SIZES[self.type]
        self.turn = rng.choice([None, None, 0, 0, 1, 31])
        self.at = rng.randrange(CELLS * 4 // size) * size if self.turn is None else 1024 * (1 + rng.randrange(ROWS)) // 4 * 4
        if self.order != "weak" and self.type.startswith("v"):
            self.type, size = "u32", 4
        if self.turn is not None:
            self.type = "v4.u32" if self.type == "v4.u32" else "u32"
            if self.type == "v4.u32":
                self.at = 1024
        self.value, self.own = rng.choice([0, 0, 3, rng.randrange(200)]), rng.random() < 0.3
        self.line = 0

    def place(self, t, block):
        """Bytes that thread `t` touches and what it stores in each."""
        size = SIZES[self.type]
        at = self.at if self.turn is None else self.at + (t + self.turn) % block * size
        value = (self.value + (t if self.own else 0)) & (255 if self.type == "u8" else 65535 if self.type == "u16" else ~0)
        word = min(size, 4)
        return [(at + i, value >> 8 * (i % word) & 255) for i in range(size)]

    def ptx(self, block, guard):
        size = SIZES[self.type]
        lines = []
        if self.turn is None:
            address = "s+%d" % self.at if self.space == "shared" else "%%g+%d" % self.at
        else:
            lines.append("add.u32 %%a, %%t, %d; rem.u32 %%a, %%a, %d; mul.lo.u32 %%a, %%a, %d;" % (self.turn, block, size))
            if self.space == "shared":
                lines.append("mov.u32 %%v, s; add.u32 %%a, %%a, %%v; add.u32 %%a, %%a, %d;" % self.at)
                address = "%a"
            else:
                lines.append("cvt.u64.u32 %d, %a; add.u64 %d, %d, %g;")
                address = "%%d+%d" % self.at
        small = self.type in ("u8", "u16")
        n = size // 4 if size > 4 else 1
        values = "{" + ", ".join("%%x%d" % i for i in range(n)) + "}" if n > 1 else "%h" if small else "%x0"
        kind = {"weak": "", "volatile": ".volatile", "relaxed": ".relaxed." + self.scope}[self.order]
        if self.how == "ld":
            text = "ld%s.%s.%s %s, [%s];" % (kind, self.space, self.type, values, address)
        elif self.how == "st":
            lines += ["add.u32 %%x%d, %%t, %d;" % (i, self.value) if self.own else "mov.u32 %%x%d, %d;" % (i, self.value) for i in range(n)]
            if small:
                lines.append("cvt.u16.u32 %h, %x0;")
            text = "st%s.%s.%s [%s], %s;" % (kind, self.space, self.type, address, values)
        elif self.how == "red":
            text = "red.%s.%s.add.u32 [%s], 1;" % (self.scope, self.space, address)
        else:
            text = "atom.%s.%s.add.u32 %%x0, [%s], 1;" % (self.scope, self.space, address)
        lines.append((guard or "") + text)
        self.line = len(lines)  # within this text; made absolute by the writer
        if self.how in ("ld", "atom"):
            # A value that is not used would be no race.
            lines.append("%sst.global.v%d.u32 [%%o], %s;" % (guard or "", n, values) if n > 1 else
                         "%sst.global.%s [%%o], %s;" % (guard or "", "u16" if small else "u32", values))
        return lines


class Meet:
    """A barrier. `kind`: all, named (whose lanes are `members`), arrive (half of them do not wait), warp."""

    def __init__(self, kind, text, members, number=0, split=False):
        self.kind, self.text, self.members, self.number, self.split = kind, text, members, number, split


class Signal:
    """Thread `source` releases a flag, `targets` poll and acquire it; by fences or by order."""

    def __init__(self, source, targets, number, fenced, ordered):
        self.source, self.targets, self.number, self.fenced, self.ordered = source, targets, number, fenced, ordered


class Branch:
    """Lanes of `mask` run `then`, `times` times, the others `other`."""

    def __init__(self, mask, then, other, times=1, guard=False):
        self.mask, self.then, self.other, self.times, self.guard = mask, then, other, times, guard


class Leave:
    def __init__(self, mask):
        self.mask = mask


class Program:
    def __init__(self, block, grid, body):
        self.block, self.grid, self.body = block, grid, body

    # ---- PTX ----
    def ptx(self):
        self.lines = (HEAD.replace("BLOCK", str(self.block))).rstrip("\n").split("\n")
        self.labels = 0
        # Everything is written before it is read.
        for i in range(0, 4096, 4 * self.block):
            self.emit("mad.lo.u32 %%a, %%t, 4, %d;" % i)
            self.emit("setp.lt.u32 %p, %a, 4096; mov.u32 %v, s; add.u32 %a, %a, %v; @%p st.shared.u32 [%a], 0;")
        self.emit("bar.sync 0;")
        self.write(self.body)
        self.emit("ret;")
        self.emit("}")
        return "\n".join(self.lines) + "\n"

    def emit(self, text):
        self.lines.append(" " + text)

    def predicate(self, mask, register="%p"):
        """Whether the thread is one of `mask`."""
        words = [mask >> 32 * i & 0xffffffff for i in range((self.block + 31) // 32)]
        self.emit("shr.u32 %%v, %%t, 5; and.b32 %%i, %%t, 31; mov.u32 %%m, %d;" % words[0])
        for i, word in enumerate(words[1:], 1):
            self.emit("setp.eq.u32 %%q, %%v, %d; selp.u32 %%m, %d, %%m, %%q;" % (i, word))
        self.emit("shr.u32 %%m, %%m, %%i; and.b32 %%m, %%m, 1; setp.ne.u32 %s, %%m, 0;" % register)

    def label(self):
        self.labels += 1
        return "L%d" % self.labels

    def access(self, a, guard=None):
        lines = a.ptx(self.block, guard)
        a.line += len(self.lines)
        for line in lines:
            self.emit(line)

    def write(self, body):
        for s in body:
            if isinstance(s, Access):
                self.access(s)
            elif isinstance(s, Meet):
                self.meet(s)
            elif isinstance(s, Signal):
                self.signal(s)
            elif isinstance(s, Leave):
                self.predicate(s.mask)
                self.emit("@%p ret;")
            elif s.guard:
                self.predicate(s.mask, "%r")
                self.access(s.then[0], "@%r ")
            else:
                self.branch(s)

    def branch(self, s):
        other, end, loop = self.label(), self.label(), self.label()
        self.predicate(s.mask)
        self.emit("@!%%p bra %s;" % other)
        if s.times > 1:
            self.emit("mov.u32 %%n, %d;" % s.times)
            self.emit(loop + ":")
        self.write(s.then)
        if s.times > 1:
            self.emit("sub.u32 %%n, %%n, 1; setp.ne.u32 %%p, %%n, 0; @%%p bra %s;" % loop)
        self.emit("bra %s;" % end)
        self.emit(other + ":")
        self.write(s.other)
        self.emit(end + ":")

    def meet(self, m):
        if m.kind in ("all", "here"):
            return self.emit(m.text)
        if m.kind == "warp":
            members = [m.members >> 32 * i & 0xffffffff for i in range((self.block + 31) // 32)]
            self.emit("shr.u32 %%v, %%t, 5; mov.u32 %%x0, %d;" % members[0])
            for i, word in enumerate(members[1:], 1):
                self.emit("setp.eq.u32 %%q, %%v, %d; selp.u32 %%x0, %d, %%x0, %%q;" % (i, word))
        end, other = self.label(), self.label()
        self.predicate(m.members)
        self.emit("@!%%p bra %s;" % end)
        if m.split:  # half of them elsewhere
            self.predicate(m.split)
            self.emit("@%%p bra %s;" % other)
            self.emit(m.text)
            self.emit("bra %s;" % end)
            self.emit(other + ":")
            self.emit(m.text if m.kind == "warp" else m.text.replace("sync", "arrive") if m.kind == "arrive" else m.text)
        else:
            self.emit(m.text)
        self.emit(end + ":")

    def signal(self, s):
        end, poll, on = self.label(), self.label(), self.label()
        flag = "s+%d" % (4 * (FLAG + s.number))
        self.emit("setp.ne.u32 %%p, %%t, %d; @%%p bra %s;" % (s.source, on))
        if s.fenced and s.ordered:
            self.emit("fence.acq_rel.cta;")
        self.emit("st.%s.cta.shared.u32 [%s], 1;" % ("release" if s.ordered and not s.fenced else "relaxed", flag))
        self.emit(on + ":")
        self.predicate(s.targets)
        self.emit("@!%%p bra %s;" % end)
        self.emit(poll + ":")
        self.emit("ld.%s.cta.shared.u32 %%x0, [%s]; setp.eq.u32 %%q, %%x0, 0; @%%q bra %s;" % ("acquire" if s.ordered and not s.fenced else "relaxed", flag, poll))
        if s.fenced and s.ordered:
            self.emit("fence.acq_rel.cta;")
        self.emit(end + ":")

    # ---- the truth ----
    def traces(self):
        result = [[] for _ in range(self.block)]
        gone = set()

        def walk(body, lanes):
            for s in body:
                here = [t for t in lanes if t not in gone]
                if isinstance(s, Access):
                    for t in here:
                        result[t].append(("access", s))
                elif isinstance(s, Leave):
                    for t in here:
                        if s.mask >> t & 1:
                            result[t].append(("leave",))
                            gone.add(t)
                elif isinstance(s, Branch):
                    for _ in range(s.times):
                        walk(s.then, [t for t in here if s.mask >> t & 1])
                    walk(s.other, [t for t in here if not s.mask >> t & 1])
                elif isinstance(s, Signal):
                    for t in here:
                        if t == s.source:
                            result[t].append(("release", s))
                        if s.targets >> t & 1:
                            result[t].append(("acquire", s))
                elif s.kind in ("all", "here"):
                    for t in here:
                        result[t].append(("all",))
                else:
                    for t in here:
                        if s.members >> t & 1:
                            waits = not (s.kind == "arrive" and s.split >> t & 1)
                            result[t].append(("meet", s, waits))
        walk(self.body, range(self.block))
        return result

    def run(self):
        """Lists of accesses by CTA: (thread, own clock, what it knew, Access); None where threads wait for ever."""
        traces = self.traces()
        n = self.block
        known = [np.zeros(n, np.int64) for _ in range(n)]
        clock = [1] * n
        at = [0] * n
        live = set(range(n))
        accesses, seen = [], set()
        arrived, flags = {}, {}
        passed = {}  # (thread, position): what it learns

        def release(t):
            view = known[t].copy()
            view[t] = clock[t]
            clock[t] += 1
            return view

        def complete(key, members):
            """All of `members` arrived."""
            got = arrived.get(key, {})
            if not got or not members <= set(got):
                return False
            view = np.maximum.reduce([v for v, _, _ in got.values()])
            for t, (_, waits, where) in got.items():
                if waits:
                    passed[t, where] = view
            del arrived[key]
            return True

        moved = True
        while moved:
            moved = False
            for t in range(n):
                while t in live and at[t] < len(traces[t]):
                    e = traces[t][at[t]]
                    if e[0] == "access":
                        key = (t, e[1].line, clock[t], id(known[t]))
                        if key not in seen:
                            seen.add(key)
                            accesses.append((t, clock[t], known[t], e[1]))
                    elif e[0] == "leave":
                        live.discard(t)
                        moved = complete("all", live) or True
                        break
                    elif e[0] == "release":
                        flags[e[1].number] = release(t)
                    elif e[0] == "acquire":
                        if e[1].number not in flags:
                            break
                        if e[1].ordered:
                            known[t] = np.maximum(known[t], flags[e[1].number])
                    else:
                        where = (t, at[t])
                        if where in passed:
                            known[t] = np.maximum(known[t], passed.pop(where))
                        else:
                            if e[0] == "all":
                                key, members, waits = "all", live, True
                            else:
                                s, waits = e[1], e[2]
                                group = s.members
                                if s.kind == "warp":
                                    group &= 0xffffffff << t // 32 * 32
                                members = {k for k in range(n) if group >> k & 1}
                                if s.kind == "warp":
                                    members &= live
                                key = (s.kind == "warp", s.number, group)
                            got = arrived.setdefault(key, {})
                            if t in got:
                                if got[t][2] == at[t]:
                                    break
                                return None  # a second arrival in one phase
                            got[t] = (release(t), waits, at[t])
                            moved = True
                            complete(key, set(members))
                            if waits:
                                continue
                    at[t] += 1
                    moved = True
        if any(t in live and at[t] < len(traces[t]) for t in range(n)):
            return None
        return accesses

    def races(self):
        """{(line, line)} of what races, and with it what may be reported where something races; None: no legal program."""
        accesses = self.run()
        if accesses is None:
            return None
        rows = {}
        for cta in range(self.grid):
            for index, (t, clock, view, a) in enumerate(accesses):
                for byte, value in a.place(t, self.block):
                    key = (a.space, cta if a.space == "shared" else 0, byte)
                    rows.setdefault(key, []).append((cta, t, clock, index, value))
        views = np.array([a[2] for a in accesses])
        races, reports = set(), set()
        # Bytes of one word mostly see the same.
        done = set()
        for key, list_ in rows.items():
            if all(x[:2] == list_[0][:2] for x in list_) or all(accesses[x[3]][3].how == "ld" for x in list_):
                continue
            mark = (key[0], tuple(list_))
            if mark in done:
                continue
            done.add(mark)
            self.pairs(key, list_, accesses, views, races, reports)
        return races, races | reports

    def pairs(self, key, list_, accesses, views, races, reports):
        cta, t, clock, index, value = (np.array(x) for x in zip(*list_))
        acc = [accesses[i][3] for i in index]
        write = np.array([a.how != "ld" for a in acc])
        atomic = np.array([a.how in ("atom", "red") for a in acc])
        strong = np.array([0 if a.order == "weak" else 1 if a.order != "volatile" and a.scope == "cta" else 2 for a in acc])
        same = (cta[:, None] == cta[None, :])
        # before[i, j]: i happens before j
        before = same & ((views[index][:, t].T >= clock[:, None]) | ((t[:, None] == t[None, :]) & (np.arange(len(t))[:, None] < np.arange(len(t))[None, :])))
        other = ~same | (t[:, None] != t[None, :])
        bad = other & ~before & ~before.T & (write[:, None] | write[None, :])
        reach = np.minimum(strong[:, None], strong[None, :])
        bad &= ~((reach == 2) | ((reach == 1) & same))
        stores = (write & ~atomic)[:, None] & (write & ~atomic)[None, :]
        bad &= ~(stores & (value[:, None] == value[None, :]))
        if not bad.any():
            return

        def lines(m):
            return {tuple(sorted((acc[i].line, acc[j].line))) for i, j in np.argwhere(m) if i <= j}
        if key[0] == "shared":
            # Two stores matter once something reads what they left. Whether a read that is not ordered after both does depends
            # on the order of execution.
            reads = ~write | atomic
            unread, perhaps = bad & stores, np.zeros_like(bad)
            for i, j in np.argwhere(unread):
                after = before[i] & before[j]
                for r in np.nonzero(after & reads)[0]:
                    if not (after & write & before[:, r]).any():
                        unread[i, j] = False
                        break
                perhaps[i, j] = (reads & ~before[:, i] & ~before[:, j] & ~after).any()
            bad &= ~unread
            reports |= lines(unread & perhaps)
        races |= lines(bad)


# ---- making them ----
def some(rng, lanes, whole=0.3):
    """A part of a mask that is not empty, or all of it."""
    if rng.random() < whole:
        return lanes
    bits = [i for i in range(lanes.bit_length()) if lanes >> i & 1]
    style = rng.randrange(4)
    if style == 0:
        return 1 << rng.choice(bits)
    if style == 1:
        chosen = bits[:len(bits) // 2] or bits
    elif style == 2:
        chosen = [b for b in bits if b % 2 == 0] or bits
    else:
        chosen = [b for b in bits if rng.random() < 0.5] or bits
    return sum(1 << b for b in chosen)


class Maker:
    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.block = rng.choice([32, 32, 64, 64, 96, 48])
        self.grid = 1 if rng.random() < 0.85 else 2
        self.all = (1 << self.block) - 1
        self.left = 0
        self.signals = 0
        self.once = 3  # number of the last named barrier
        # Named barriers: each has its lanes once for all.
        self.named = []
        if self.block % 32 == 0:
            for number in range(1, 4):
                members = self.warps() if rng.random() < 0.6 else self.pieces()
                self.named.append((number, members))

    def warps(self):
        n = self.block // 32
        chosen = [i for i in range(n) if self.rng.random() < 0.6] or [self.rng.randrange(n)]
        return sum(0xffffffff << 32 * i for i in chosen)

    def pieces(self):
        """Lanes of several warps, 32 in all."""
        lanes = self.rng.sample(range(self.block), 32)
        return sum(1 << i for i in lanes)

    def meeting(self, inside=False):
        rng = self.rng
        k = rng.random()
        if k < 0.4:
            text = rng.choice(["bar.sync 0;", "barrier.sync 0;", "barrier.sync.aligned 0;", "{ .reg .pred %z; setp.eq.u32 %z, %t, 0; bar.red.popc.u32 %x0, 0, %z; }"])
            return Meet("all", text, self.all)
        if k < 0.8 or not self.named or self.left:
            members = 0
            for w in range((self.block + 31) // 32):
                lanes = self.all & ~self.left & 0xffffffff << 32 * w
                if lanes and rng.random() < 0.8:
                    members |= some(rng, lanes, 0.5)
            if not members:
                return Meet("all", "bar.sync 0;", self.all)
            split = some(rng, members, 0) if rng.random() < 0.3 else 0
            if split == members:
                split = 0
            return Meet("warp", "bar.warp.sync %x0;", members, 0, split)
        number, members = rng.choice(self.named)
        count = bin(members).count("1")
        split = 0
        whole = all((members >> 32 * w & 0xffffffff) in (0, 0xffffffff) for w in range(self.block // 32))
        kind = "named"
        if whole and count > 32 and self.once < 15 and rng.random() < 0.4:
            # Who does not wait may come again too early: a barrier for this once.
            kind, split = "arrive", 0xffffffff << 32 * min(w for w in range(self.block // 32) if members >> 32 * w & 1)
            self.once += 1
            number = self.once
        return Meet(kind, "barrier.sync %d, %d;" % (number, count), members, number, split)

    def statement(self):
        rng = self.rng
        k = rng.random()
        lanes = self.all & ~self.left
        if k < 0.4:
            return Branch(some(rng, lanes, 0.1), [Access(rng)], [], 1, True)
        if k < 0.5:
            return Access(rng)
        if k < 0.72:
            return self.meeting()
        if k < 0.77 and self.grid == 1:
            self.signals += 1
            bits = [i for i in range(self.block) if lanes >> i & 1]
            source = rng.choice(bits)
            targets = some(rng, lanes & ~(1 << source), 0.2) if lanes & ~(1 << source) else 0
            return Signal(source, targets, self.signals, rng.random() < 0.5, rng.random() < 0.7) if targets else Access(rng)
        if k < 0.79 and not self.left:
            self.left = some(rng, self.all, 0)
            if self.left == self.all:
                self.left = 1
            return Leave(self.left)
        then = [Access(rng) for _ in range(rng.randrange(1, 3))]
        other = [Access(rng) for _ in range(rng.randrange(0, 3))]
        times = 1
        if rng.random() < 0.3:
            # Both sides pass the barrier of all.
            for side in (then, other):
                side.insert(rng.randrange(len(side) + 1), Meet("here", "barrier.sync 0;", self.all))
        elif rng.random() < 0.4:
            times = rng.randrange(2, 5)
        return Branch(some(rng, lanes, 0), then, other, times)

    def program(self):
        rng = self.rng
        body = []
        tries = 0
        racy = False
        while len(body) < rng.randrange(8, 16) and tries < 60:
            tries += 1
            before = self.left
            p = Program(self.block, self.grid, body + [self.statement()])
            p.ptx()
            races = p.races()
            if races is None or (races[0] and not racy and rng.random() < 0.8):
                self.left = before
                continue
            racy = bool(races[0])
            body = p.body
        # Without one of its meetings it may race.
        meetings = [i for i, s in enumerate(body) if isinstance(s, (Meet, Signal))]
        if meetings and not racy and rng.random() < 0.7:
            del body[rng.choice(meetings)]
        return Program(self.block, self.grid, body)
