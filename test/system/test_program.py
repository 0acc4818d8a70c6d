"""A container's program as text: the same bytes again, and what passes change is
what runs."""

import subprocess
import unittest

import numpy as np

import harness

TWO_WAYS = """
#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>
func.func @two_ways(%x: tensor<?x32xf32>, %a: tensor<48x32xf32>, %b: tensor<48x32xf32>) -> tensor<?x48xf32> {
  %0 = nn.linear #f32 %x, %a : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  %1 = nn.linear #f32 %x, %b : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  %2 = nn.mul %0, %1 : tensor<?x48xf32>
  %3 = nn.activation sigmoid %2 : tensor<?x48xf32>
  return %3 : tensor<?x48xf32>
}
"""

# A state that a function writes, a scalar that is given by value: what no graph
# makes yet. The kernel's code is PTX, which the text holds as bytes.
COUNTER_PTX = """.version 8.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 state, .param .f32 by, .param .u64 out)
{
  .reg .pred %p;
  .reg .b32 %r;
  .reg .f32 %f<3>;
  .reg .b64 %d<3>;
  mov.u32 %r, %tid.x;
  setp.ne.u32 %p, %r, 0;
  @%p ret;
  ld.param.u64 %d0, [state];
  ld.param.f32 %f0, [by];
  ld.param.u64 %d1, [out];
  ld.global.f32 %f1, [%d0];
  add.f32 %f2, %f1, %f0;
  st.global.f32 [%d0], %f2;
  st.global.f32 [%d1], %f2;
  ret;
}
"""

COUNTER = """
program.state @count : tensor<1xf32>
program.kernel @add "add" (state: !program.memory<f32>, by: f32, out: !program.memory<f32>) over [] by <one> {
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [plain, plain, plain] "one thread" {
    program.variant @add rows 1 threads 32
  }
}
program.func @count extents [] {
  %by = program.operand "by" [] : f32
  %out = program.result "out" [1] : !program.memory<f32>
  %state = program.get state @count : !program.memory<f32>
  program.launch @add [] (state = %state, by = %by, out = %out) : !program.memory<f32>, f32, !program.memory<f32>
  program.launch @add [] (state = %state, by = %by, out = %out) : !program.memory<f32>, f32, !program.memory<f32>
}
program.image "sm_80" dense<"0xCODE"> : tensor<SIZExi8>
"""


def program_of(file):
    return harness.ok("inspect", file, "--program").out


def opt(text, *passes):
    """`text` through hamlet-opt."""
    flags = ["--mlir-print-elementsattrs-with-hex-if-larger=64"]
    command = [harness.BIN / "hamlet-opt", *passes, *flags]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(harness.workspace())

    def assemble(self, text, name="program"):
        source, file = self.folder / f"{name}.mlir", self.folder / f"{name}.hmlt"
        source.write_text(text)
        harness.ok("compile", source, "-o", file)
        return file

    def test_the_same_bytes(self):
        """A model for three levels of CPU and two GPUs, to text and back, by
        hamlet-opt too."""
        file = self.folder / "model.hmlt"
        options = ("--target", "cpu,sm_80,sm_90a")
        harness.compile_pack(harness.pack("minimax-bf16"), file, *options)
        text = program_of(file)
        for one in (text, opt(text)):
            self.assertEqual(self.assemble(one).read_bytes(), file.read_bytes())
        targets = ("x86-64-v3", "x86-64-v4", "x86-64-v4-bf16", "sm_80", "sm_90a")
        for kernel in text.split("\n  program.kernel ")[1:]:
            body = kernel.split("\n  }")[0]
            for target in targets:
                self.assertEqual(body.count(f'program.realization "{target}"'), 1, body[:300])

    def test_streams(self):
        """What a pass puts on a second stream, with events, gives the same
        bits, on the CPU and through the driver."""
        source = self.folder / "two.mlir"
        source.write_text(TWO_WAYS)
        file = self.folder / "two.hmlt"
        harness.ok("compile", source, "-o", file, "--target", f"{harness.targets()[-1]},sm_80")
        text = opt(program_of(file), "-program-streams=streams=2")
        self.assertIn("stream = 1", text)
        self.assertIn("wait = array<i64:", text)
        apart = self.assemble(text)
        rng = np.random.default_rng(3)
        for name, shape in (("x", (70, 32)), ("a", (48, 32)), ("b", (48, 32))):
            np.save(self.folder / f"{name}.npy", rng.standard_normal(shape, np.float32))
        found = {}
        for which, device in ((file, "cpu"), (apart, "cpu"), (file, "emulated"), (apart, "emulated")):
            out = self.folder / "y.npy"
            inputs = [w for n in "xab" for w in ("--input", self.folder / f"{n}.npy")]
            harness.ok(
                "call", which, "--function", "two_ways", *inputs, "--output", out, "--device", device,
                env={"EMU_CHECK": "1"},
            )
            found[which.name, device] = np.load(out)
        for device in ("cpu", "emulated"):
            one, other = found["two.hmlt", device], found["program.hmlt", device]
            harness.assert_same_bits(self, other, one, device)

    def test_states(self):
        """A state begins as zeros, is written, and outlives a run; a scalar is
        given by value."""
        code = COUNTER_PTX.encode()
        text = COUNTER.replace("CODE", code.hex()).replace("SIZE", str(len(code)))
        file = self.assemble(text)
        self.assertEqual(self.assemble(program_of(file), "again").read_bytes(), file.read_bytes())
        by, out = self.folder / "by.npy", self.folder / "out.npy"
        np.save(by, np.float32(1.5))
        arguments = ("call", file, "--function", "count", "--input", by, "--output", out)
        harness.ok(*arguments, "--device", "emulated")
        self.assertEqual(np.load(out).tolist(), [3.0])
        harness.ok(*arguments, "--device", "emulated", "--repeat", 3, "--stats", self.folder / "s.json")
        # One run to warm up, if there is one, counts as well.
        count = np.load(out)[0]
        self.assertIn(count, (9.0, 12.0))

    def test_errors(self):
        text = program_of(harness.compiled(self.write(TWO_WAYS)))
        source = self.write(text)
        result = harness.run("compile", source, "-o", self.folder / "x.hmlt", "--target", "cpu")
        harness.assert_fails(self, result, "--target is for graphs")
        unknown = self.write(text.replace("program.launch @linear", "program.launch @none", 1))
        result = harness.run("compile", unknown, "-o", self.folder / "x.hmlt")
        harness.assert_fails(self, result, "launches @none, expected a kernel of the module")
        self.assertFalse((self.folder / "x.hmlt").exists())
        result = harness.run("inspect", self.folder / "absent.hmlt", "--program")
        harness.assert_fails(self, result, "No such file")

    def write(self, text):
        source = self.folder / "source.mlir"
        source.write_text(text)
        return source


if __name__ == "__main__":
    unittest.main()
