"""Examples of the dialects' documentation with faults: each compiles or is refused with a clear error, within seconds, and
what compiles can be called. HAMLET_TEST_ALL=1: thousands; HAMLET_FUZZ_SEED, HAMLET_FUZZ_CASES: others, or more."""

import json
import os
import random
import re
import resource
import signal
import unittest

import numpy as np

import harness
from test_examples import examples, parse

ALL = bool(os.environ.get("HAMLET_TEST_ALL"))
SEED = int(os.environ.get("HAMLET_FUZZ_SEED", 1))
CASES = int(os.environ.get("HAMLET_FUZZ_CASES", 3000 if ALL else 32))
SECONDS = 10  # of CPU: other tests share the machine
INTERNAL = ("internal:", "Assertion", "Stack dump", "LLVM ERROR", "UNREACHABLE", "Sanitizer", "terminate called", "PLEASE submit")

EXTENTS = ("0", "1", "2", "3", "5", "7", "16", "17", "31", "33", "64", "100", "257", "1024", "4096", "65536", "1048576", "2147483648",
           "4294967297", "4611686018427387904", "9223372036854775807", "?")  # fmt: skip
NUMBERS = ("0", "1", "-1", "2", "3", "7", "63", "64", "65", "4097", "2147483648", "-2147483649", "4611686018427387904",
           "9223372036854775807", "-9223372036854775808", "18446744073709551616")  # fmt: skip
FLOATS = ("0.0", "-1.0", "1.0e-45", "3.4e38", "1.0e39", "0x7F800000", "0xFF800000", "0x7FC00000", "0x80000000")
ELEMENTS = ("f32", "bf16", "f16", "f64", "i1", "i8", "i32", "i64", "ui8", "si32", "index", "f8E4M3FN", "complex<f32>", "tf32", "i128", "vector<4xf32>")
CONSTANTS = ("dense<1> : tensor<4xi8>", "dense<1.0> : tensor<2x2xf64>", "dense<true> : tensor<9xi1>", "dense<(1.0,2.0)> : tensor<2xcomplex<f32>>",
             'dense<"a"> : tensor<2x!nn.no>', "dense<3> : tensor<4xindex>", "dense<[]> : tensor<0xf32>", "1.0 : f32", "true", "3 : index",
             "dense<0.0> : tensor<1000000x1000000xf32>", "dense<2> : tensor<4xi32>", "dense<2.0> : tensor<bf16>", "dense<1> : vector<4xi32>",
             "sparse<[0], [1.0]> : tensor<4xf32>", "dense_resource<none> : tensor<4xf32>", "dense<1.0> : tensor<?xf32>")  # fmt: skip
ARGUMENTS = ("tensor<?xf64>", "tensor<4xi8>", "tensor<?x?x?xf32>", "tensor<*xf32>", "memref<4xf32>", "i32", "f32", "index", "tensor<f32>", "tensor<0xf32>",
             "tensor<?xi1>", "none", "tuple<f32>", "tensor<4xf32, 3>", "!attention.cache<2x16x16, f32, page 64>", "tensor<4xcomplex<f32>>",
             "!lightning.state<4x16x16, f32, chunk 64, tail 64>", "(f32) -> f32", "vector<4xf32>", "tensor<9223372036854775807x2xf32>")  # fmt: skip


def one_of(rng, found, text, make):
    """`text` with one of the matches replaced; None if there is none."""
    matches = list(found)
    if not matches:
        return None
    m = rng.choice(matches)
    return text[: m.start()] + make(m) + text[m.end() :]


def body(text):
    """Line numbers of the ops."""
    lines = text.split("\n")
    return lines, [i for i, line in enumerate(lines) if re.match(r"\s+(%|nn\.yield|return)", line)]


# Each gives a changed text, or None where there is nothing to change.
def extent_once(rng, text):
    return one_of(rng, re.finditer(r"(?<=[<x])(\d+|\?)(?=x)", text), text, lambda m: rng.choice(EXTENTS))


def extent_everywhere(rng, text):
    """As types and attributes have it: what verifiers compare stays equal."""
    sizes = sorted(set(re.findall(r"(?<=[<x ])\d+(?=x|[,}\s])", text)))
    if not sizes:
        return None
    old, new = rng.choice(sizes), rng.choice(EXTENTS)
    return re.sub(rf"(?<=[<x ]){old}(?=x|[,}}\s])", new, text)


def heads_everywhere(rng, text):
    """A factor for every extent after the first: large but consistent."""
    factor = rng.choice((2, 3, 8, 64, 1000))
    return re.sub(r"(?<=[<x])(\d+)(?=x)", lambda m: str(int(m[1]) * factor), text)


def static_rows(rng, text):
    return text.replace("<?x", f"<{rng.choice(EXTENTS)}x")


def element_once(rng, text):
    return one_of(rng, re.finditer(r"(?<=x)(f32|bf16|f16|i32)(?=>)", text), text, lambda m: rng.choice(ELEMENTS))


def element_everywhere(rng, text):
    old, new = rng.choice(("f32", "bf16", "i32")), rng.choice(ELEMENTS)
    return re.sub(rf"(?<=x){old}(?=>)", new, text) if f"x{old}>" in text else None


def bf16(rng, text):
    """The products' operands too, as a bf16 model has them."""
    text = text.replace("operands = f32, accumulate = f32, group = 1", "operands = bf16, accumulate = f32, group = 2")
    return re.sub(r"(?<=x)f32(?=>)", "bf16", text)


def attribute(rng, text):
    return one_of(rng, re.finditer(r"(?<== )-?\d+(?=[,}\s])", text), text, lambda m: rng.choice(NUMBERS))


def real_attribute(rng, text):
    return one_of(rng, re.finditer(r"(?<== )-?\d+\.[\de.+-]+", text), text, lambda m: rng.choice(FLOATS))


def attribute_lost(rng, text):
    return one_of(rng, re.finditer(r"\w+ = [^,{}<>]+(, )?", text), text, lambda m: "")


def attribute_more(rng, text):
    more = rng.choice(("groups = {}", "sum_blocks = {}", "chunk = {}", "window = {}", "topk_groups = {}", "offset = {}", "unit_offset = true"))
    return one_of(rng, re.finditer(r"\{(?=\w+ = )", text), text, lambda m: "{" + more.format(rng.choice(NUMBERS)) + ", ")


def keyword(rng, text):
    words = r"\b(silu|sigmoid|softmax|gated|linear|delta|gated_delta)\b(?= [#%])"
    return one_of(rng, re.finditer(words, text), text, lambda m: rng.choice(("silu", "sigmoid", "softmax", "gated", "linear", "delta", "gated_delta", "gelu")))


def value(rng, text):
    names = sorted(set(re.findall(r"%\w+", text)))
    return one_of(rng, re.finditer(r"%\w+(?=[,\s)]|$)", text), text, lambda m: rng.choice(names))


def line_lost(rng, text):
    lines, ops = body(text)
    del lines[rng.choice(ops)]
    return "\n".join(lines)


def line_moved(rng, text):
    lines, ops = body(text)
    lines.insert(rng.choice(ops), lines.pop(rng.choice(ops)))
    return "\n".join(lines)


def line_twice(rng, text):
    lines, ops = body(text)
    i = rng.choice(ops)
    lines.insert(i, re.sub(r"^(\s+)%\w+(, %\w+)* =", r"\1", lines[i]))
    return "\n".join(lines)


def without_results(rng, text):
    text = re.sub(r"\) -> .*? \{\n", ") {\n", text, count=1)
    return re.sub(r"return %.*", "return", text)


def argument_returned(rng, text):
    arguments = re.findall(r"%(\w+): ((?:tensor)<[^>]*>)", text.split("\n")[0])
    if not arguments:
        return None
    name, type = rng.choice(arguments)
    text = re.sub(r"\) -> .*? \{\n", f") -> {type} {{\n", text, count=1)
    return re.sub(r"return %.*", f"return %{name} : {type}", text)


def result_twice(rng, text):
    m = re.search(r"return (%\w+) : (\S+)\n", text)
    if not m:
        return None
    text = re.sub(r"\) -> .*? \{\n", f") -> ({m[2]}, {m[2]}) {{\n", text, count=1)
    return text.replace(m[0], f"return {m[1]}, {m[1]} : {m[2]}, {m[2]}\n")


def external(rng, text):
    if not re.match(r"(.*?) \{\n", text):
        return None
    head = re.match(r"(.*?) \{\n", text)[1]
    return text + re.sub(r"%\w+: ", "", head.replace("@", "private @other_")) + "\n"


def recursion(rng, text):
    m = re.search(r"\) -> (.*?) \{\n", text)
    if not m or "@" not in text:
        return None
    name, arguments, _ = parse(text)
    values = ", ".join(f"%{n}" for n, _ in arguments)
    types = ", ".join(t for _, t in arguments)
    lines, ops = body(text)
    lines.insert(rng.choice(ops), f"  %call{'' if ',' not in m[1] else ':2'} = func.call @{name}({values}) : ({types}) -> {m[1]}")
    return "\n".join(lines)


def same_name(rng, text):
    return text + text


def second_function(rng, text):
    """Of another example: two functions of one file."""
    return text + rng.choice([t for _, t in examples()]).replace("func.func @", "func.func @second_")


def nested(rng, text):
    return rng.choice(("module {{\n{}\n}}\n", "module {{ module {{\n{}\n}} }}\n", "module attributes {{hamlet.model = {{vocab = 5}}}} {{\n{}\n}}\n",
                       "module {{\n{}\nnn.weight @w : tensor<4xf32>\n}}\n")).format(text)  # fmt: skip


def branches(rng, text):
    return text.replace("\n  return", "\n  cf.br ^b\n^b:\n  return") if rng.random() < 0.5 else "func.func @f() {\n^a:\n  cf.br ^a\n}\n"


def constant(rng, text):
    lines, ops = body(text)
    lines.insert(rng.choice(ops), f"  %constant = arith.constant {rng.choice(CONSTANTS)}")
    return "\n".join(lines)


def argument_constant(rng, text):
    """A constant in the place of an argument."""
    arguments = re.findall(r"%(\w+): (tensor<[^>]*>)", text.split("\n")[0])
    if not arguments:
        return None
    name, type = rng.choice(arguments)
    fixed = type.replace("?", "5")
    literal = "1" if type.endswith("i32>") else "1.0"
    lines = text.split("\n")
    lines[0] = re.sub(rf"%{name}: tensor<[^>]*>(, )?", "", lines[0]).replace(", )", ")")
    lines.insert(1, f"  %{name} = arith.constant dense<{literal}> : {fixed}")
    return "\n".join(lines).replace(type, fixed) if "?" in type else "\n".join(lines)


def argument_more(rng, text):
    return text.replace("(%", f"(%unused: {rng.choice(ARGUMENTS)}, %", 1)


def argument_step(rng, text):
    name = rng.choice(("token_ids", "positions", "starts", "cache", "rows", "pages", "nonsense"))
    return one_of(rng, re.finditer(r"(?<=: )tensor<[^>]*>(?=[,)])", text.split("\n")[0]), text, lambda m: f'{m[0]} {{hamlet.input = "{name}"}}')


def chained(rng, text):
    """Many elementwise ops after the last result."""
    m = re.search(r"  return (%\w+) : (tensor<\?x\w+>)\n", text)
    if not m or m[2].endswith("i32>"):
        return None
    count = rng.choice((3, 40, 300))
    ops, last = [], m[1]
    for i in range(count):
        kind = rng.choice((f"nn.activation silu {last} : {m[2]}", f"nn.mul {last}, {last} : {m[2]}",
                           f"nn.residual {last}, {m[1]} {{alpha = 1.0 : f32, beta = 2.0 : f32}} : {m[2]}"))  # fmt: skip
        ops.append(f"  %chain{i} = {kind}\n")
        last = f"%chain{i}"
    return text.replace(m[0], "".join(ops) + f"  return {last} : {m[2]}\n")


def noise(rng, text):
    i = rng.randrange(len(text))
    return text[:i] + rng.choice(("", '"', "{", ")", "<" * 300, "loc(", "^bb0:", "\x00", "é", "-", "999999999999999999999", "//")) + text[i + rng.randrange(4) :]


def deep(rng, text):
    return text.replace("{", "{hamlet.deep = " + "[" * 100000 + "]" * 100000 + ", ", 2) if rng.random() < 0.5 else "(" * 200000


MUTATIONS = [f for f in globals().values() if callable(f) and getattr(f, "__code__", None) and f.__code__.co_varnames[:2] == ("rng", "text")]


class Fuzz(unittest.TestCase):
    def run_limited(self, *arguments):
        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)

        result = harness.run(*arguments, preexec_fn=limit)
        self.assertIn(result.status, (0, 1), f"{SECONDS} s of CPU are allowed\n{result}")
        for word in INTERNAL:
            self.assertNotIn(word, result.err, str(result))
        if result.status:
            self.assertTrue(result.err.strip(), str(result))
        return result

    def call(self, rng, file, work):
        """With whatever shapes and values: a result or an error."""
        for function in json.loads(harness.ok("inspect", file, "--json").out)["functions"]:
            rows = rng.choice((0, 1, 3, 9))
            arguments = ["call", file, "--function", function["name"]]
            for i, operand in enumerate(function["operands"]):
                shape = [rows + 1 if isinstance(d, str) and "starts" in d else rows if isinstance(d, str) else d for d in operand["shape"]]
                if np.prod([float(d) for d in shape]) > 1e7:
                    return
                dtype = {"f32": np.float32, "bf16": np.float32, "f16": np.float16, "i32": np.int32, "i64": np.int64}[operand["dtype"]]
                np.save(work / f"{i}.npy", np.full(shape, rng.choice((0, 1, -1, 1000)), dtype))
                arguments += ["--input", work / f"{i}.npy"]
            for i in range(len(function["results"])):
                arguments += ["--output", work / f"o{i}.npy"]
            self.run_limited(*arguments)

    def try_text(self, rng, text, work):
        source, file = work / "m.mlir", work / "m.hmlt"
        source.write_text(text)
        file.unlink(missing_ok=True)
        result = self.run_limited("compile", source, "-o", file, "--quiet", "--target", harness.targets()[-1], *harness.CACHED)
        self.assertEqual(result.status == 0, file.exists())
        if result.status == 0:
            self.call(rng, file, work)

    def test_examples_with_faults(self):
        texts = [re.sub(r"^    ", "", t, flags=re.M) for _, t in examples() if "!" not in t]
        self.assertGreater(len(texts), 25)
        with harness.workspace() as work:
            for case in range(CASES):
                rng = random.Random(f"{SEED}-{case}")
                text = rng.choice(texts)
                names = []
                # Each kind comes in its turn, at times with others.
                kinds = [MUTATIONS[case % len(MUTATIONS)]] + rng.sample(MUTATIONS, rng.choice((0, 0, 1, 2)))
                for mutation in kinds:
                    try:
                        changed = mutation(rng, text)
                    except IndexError:  # an earlier one left nothing to choose from
                        continue
                    if changed is not None:
                        text = changed
                        names.append(mutation.__name__)
                with self.subTest(case=f"{SEED}-{case}", mutations=names):
                    try:
                        self.try_text(rng, text, work)
                    except AssertionError:
                        print(f"\n--- {SEED}-{case} {names}\n{text[:3000]}\n---")
                        raise


LINEAR = """func.func @f(%x: tensor<?x32xf32>MORE, %w: tensor<NxKxf32>) -> RESULT {
  %y = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<NxKxf32>) -> tensor<?xNxf32>
  return %y : tensor<?xNxf32>
}
"""


def linear(more="", n="48", result=None):
    text = LINEAR.replace("MORE", "".join(f", %u{i}: {t}" for i, t in enumerate(more.split("; ") if more else [])))
    return text.replace("RESULT", result or f"tensor<?x{n}xf32>").replace("N", n).replace("xK", "x32")


def step(argument='tensor<?xi32> {hamlet.input = "token_ids"}', result="tensor<?x96xf32>", model="vocab = 96 : i64, max_positions = 9 : i64", more=""):
    return f"""module attributes {{hamlet.model = {{{model}}}}} {{
func.func @step(%ids: {argument}, %rows: tensor<?xi32> {{hamlet.input = "rows"}}) -> {result} {{
  %t = nn.weight @embed : tensor<96x32xf32>
  %x = nn.embedding %ids, %t : ({argument.split()[0]}, tensor<96x32xf32>) -> tensor<?x32xf32>
  %l = nn.select_rows %x, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %y = nn.lm_head #tile.numerics<operands = f32, accumulate = f32, group = 1> %l, %t : (tensor<?x32xf32>, tensor<96x32xf32>) -> tensor<?x96xf32>
  return %y : {result}
}}
{more}}}
"""


class Refused(unittest.TestCase):
    """What the grammar allows and nothing can run, by name."""

    def check(self, text, *words):
        with harness.workspace() as work:
            (work / "m.mlir").write_text(text)
            result = harness.run("compile", work / "m.mlir", "-o", work / "m.hmlt", "--quiet", "--target", harness.targets()[-1])
            if not words:
                self.assertEqual(result.status, 0, str(result))
                return
            harness.assert_fails(self, result, *words)
            self.assertNotIn("internal", result.err)
            self.assertRegex(result.err, r"m\.mlir:\d+")
            self.assertEqual(os.listdir(work), ["m.mlir"])

    def test_functions(self):
        self.check(linear())
        self.check("func.func @f() {\n return\n}", "'f'", "no results")
        self.check(linear() + "func.func private @g(tensor<4xf32>) -> tensor<4xf32>\n", "'g'", "no body")
        self.check(linear() + linear(), "redefinition")
        self.check("module {\n module {\n" + linear() + "}\n}", "'builtin.module'", "functions only")
        self.check(linear().replace("  return", "  %z = func.call @f(%x, %w) : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>\n  return"),
                   "'func.call' is not compiled")  # fmt: skip
        self.check("func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n return %x : tensor<4xf32>\n}", "result 0", "computes")
        self.check("(" * 100000, "nested")

    def test_arguments(self):
        for type in ("tensor<?xf32>", "tensor<4xi64>", "tensor<f16>"):  # unused, and all the same to anyone
            self.check(linear(type))
        for type in ("tensor<?xi8>", "tensor<?xf64>", "tensor<4xi1>", "tensor<4xindex>", "tensor<4xcomplex<f32>>", "tensor<4xui32>"):
            self.check(linear(type), "argument 1", "'f'", "expected elements of f32", type)
        for type in ("i32", "memref<4xf32>", "tensor<*xf32>", "index", "!attention.cache<2x16x16, f32, page 64>"):
            self.check(linear(type), "argument 1", "expected a", type)
        self.check(linear("tensor<4x?xf32>"), "argument 1", "static extents")
        self.check(linear("tensor<4x0xf32>"), "argument 1", "at least 1")
        self.check(linear("tensor<9223372036854775807x2xf32>"), "argument 1", "elements")
        self.check(linear("tensor<4xf32, 3>"), "argument 1", "encoding")

    def test_constants(self):
        def constant(literal):
            return linear().replace("  %y", f"  %c = arith.constant {literal}\n  %y")

        self.check(constant("dense<2.0> : tensor<4xbf16>"))
        for literal in ("dense<1> : tensor<4xi8>", "dense<1.0> : tensor<4xf64>", "dense<true> : tensor<9xi1>", "dense<3> : tensor<4xindex>",
                        "dense<(1.0,2.0)> : tensor<2xcomplex<f32>>", "1.0 : f32", "true", "dense<1> : vector<4xi32>"):  # fmt: skip
            self.check(constant(literal), "expected")
        self.check(constant("dense<0.0> : tensor<1000000x1000xf32>"), "constants of more than")

    def test_sizes(self):
        self.check(linear(n="0"), "extents")
        self.check(linear(n="4611686018427387904"), "extents")
        route = """func.func @f(%x: tensor<?x32xf32>, %w: tensor<512x32xf32>) -> (tensor<?x99xi32>, tensor<?x99xf32>) {
  %i, %g = moe.route softmax %x, %w {top_k = 99, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<512x32xf32>) -> (tensor<?x99xi32>, tensor<?x99xf32>)
  return %i, %g : tensor<?x99xi32>, tensor<?x99xf32>
}
"""
        self.check(route, "'moe.route' with 99", "at most 64")

    def test_weights(self):
        def weights(second):
            return f"""func.func @f(%x: tensor<?x32xf32>) -> (tensor<?x48xf32>, tensor<?x48xf32>) {{
  %w = nn.weight @w : tensor<48x32xf32>
  %v = nn.weight {second}
  %y = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  %z = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %v : (tensor<?x32xf32>, tensor<48x32xTYPE>) -> tensor<?x48xf32>
  return %y, %z : tensor<?x48xf32>, tensor<?x48xf32>
}}
""".replace("TYPE", second[-4:-1])

        self.check(weights("@v : tensor<48x32xf32>"))
        self.check(weights("@w : tensor<48x32xf16>"), "weight 'w'", "twice")
        self.check(weights("@w {recipe = {add_one}} : tensor<48x32xf32>"), "weight 'w'", "twice")

    def test_steps(self):
        self.check(step())
        self.check(step('tensor<?xi32> {hamlet.input = "tokens"}'), "argument 0", "'tokens'")
        self.check(step('tensor<4xi32> {hamlet.input = "token_ids"}'), "argument 0", "token_ids")
        self.check(step('tensor<?xi32> {hamlet.input = "rows"}'), "argument 1", "rows")
        self.check(step('tensor<?xi32> {hamlet.input = "cache"}'), "argument 0", "cache")
        self.check(step("tensor<?xi32>"), "argument 0", "'hamlet.input'")
        self.check(step(model=""), "vocab")
        self.check(step(model="vocab = 96 : i64"), "max_positions")
        self.check(step(model="vocab = 95 : i64, max_positions = 9 : i64"), "logits")
        self.check(step(model="vocab = 96 : i64, layers = -1 : i64"), "'layers'")
        self.check(step(model="vocab = 96 : i64, chunk = 99999999999 : i64"), "'chunk'")
        self.check(step(model='vocab = 96 : i64, dtype = "f64"'), "'dtype'")
        self.check(step(model='vocab = "many"'), "'vocab'")
        self.check(step(more=step().split("\n", 1)[1].rsplit("}", 2)[0].replace("@step", "@other") + "}\n"), "second step")


if __name__ == "__main__":
    unittest.main()
