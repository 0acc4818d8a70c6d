"""Where output goes: what is replaced and what is written in place, full disks, signals, two outputs with one name."""

import json
import os
import resource
import signal
import subprocess
import time
import unittest

import numpy as np

import harness
from harness import assert_fails

PACK = "minimax-window-top4"
MUL = """func.func @mul(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %z = nn.mul %x, %y : tensor<?x8xf32>
  %u = nn.mul %z, %y : tensor<?x8xf32>
  return %z, %u : tensor<?x8xf32>, tensor<?x8xf32>
}
"""


class Outputs(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.out = self.work / "out"
        self.out.mkdir()
        self.folder = harness.pack(PACK)

    def prompt(self):
        self.file = harness.compiled(self.folder, "--dtype", "f32")
        return ["run", self.file, "--weights", self.folder, "--prompt-ids", "1,2,3", "--max-tokens", 4]

    def batch(self, max_tokens=4, ids=("a",)):
        self.file = harness.compiled(self.folder, "--dtype", "f32")
        source = self.work / "in.jsonl"
        harness.write_requests(source, [harness.request(id, [1, 2, 3], max_tokens) for id in ids])
        return ["run", self.file, "--weights", self.folder, "--batch", source]

    def small_disk(self, size="64k"):
        """A file system of that size, or the test is skipped."""
        mount = self.work / "disk"
        mount.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(mount)]
        if subprocess.run(command, capture_output=True).returncode:
            self.skipTest("mounting a small tmpfs is not allowed here")
        self.addCleanup(subprocess.run, ["umount", str(mount)], check=True)
        return mount


class InPlace(Outputs):
    def test_links(self):
        """A link stays; the file that it leads to is replaced."""
        target = self.work / "target"
        target.write_text("old")
        (self.out / "link").symlink_to(target)
        harness.ok(*self.batch(), "--output", self.out / "link")
        self.assertEqual(os.listdir(self.out), ["link"])
        self.assertEqual(json.loads(target.read_text())["id"], "a")
        harness.ok("compile", self.folder, "-o", self.out / "link", *harness.CACHED)
        self.assertTrue((self.out / "link").is_symlink())
        harness.ok("inspect", target)

    def test_standard_output(self):
        """A name of standard output, here a file, is written after what stands there."""
        (self.out / "link").symlink_to("/proc/self/fd/1")
        for name in ("/proc/self/fd/1", self.out / "link"):
            with open(self.work / "stdout", "w") as stdout:
                stdout.write("before\n")
                stdout.flush()
                command = [str(harness.HAMLET), *map(str, self.batch()), "--output", str(name)]
                subprocess.run(command, stdout=stdout, check=True, timeout=60)
            before, answer = (self.work / "stdout").read_text().splitlines()
            self.assertEqual((before, json.loads(answer)["id"]), ("before", "a"))

    def test_logits_need_a_file(self):
        result = harness.run(*self.batch(), "--output", self.out / "o", "--dump-logits", "/proc/self/fd/1")
        assert_fails(self, result, "/proc/self/fd/1", "not a regular file")
        self.assertEqual(os.listdir(self.out), [])


class OneName(Outputs):
    def test_run(self):
        (self.out / "link").symlink_to("x")
        x = self.out / "x"
        for one, two in (
            (("--output", x), ("--dump-logits", x)), (("--output", x), ("--stats", self.out / "." / "x")),
            (("--stats", x), ("--profile", x)), (("--output", x), ("--profile", self.out / "link")),
        ):  # fmt: skip
            more = () if one[0] == "--output" else ("--output", self.out / "o")
            with self.subTest(one=one, two=two):
                assert_fails(self, harness.run(*self.batch(), *one, *two, *more), one[0], two[0], status=2)
                self.assertEqual(os.listdir(self.out), ["link"])

    def test_call(self):
        source = self.work / "mul.mlir"
        source.write_text(MUL)
        file = harness.compiled(source)
        for name in ("x", "y"):
            np.save(self.work / f"{name}.npy", np.ones((2, 8), np.float32))
        call = ["call", file, "--function", "mul", "--input", self.work / "x.npy", "--input", self.work / "y.npy"]
        a, b = self.out / "a.npy", self.out / "b.npy"
        assert_fails(self, harness.run(*call, "--output", a, "--output", a), "--output", "a.npy", status=2)
        assert_fails(self, harness.run(*call, "--output", a, "--output", b, "--stats", b), "--output", "--stats", status=2)
        self.assertEqual(os.listdir(self.out), [])
        harness.ok(*call, "--output", a, "--output", b)

    def test_compile(self):
        m = self.out / "m"
        result = harness.run("compile", self.folder, "-o", m, "--remarks", m, *harness.CACHED)
        assert_fails(self, result, "-o and --remarks", status=2)
        self.assertEqual(os.listdir(self.out), [])


class Signals(Outputs):
    def check(self, command, files, number):
        """Sent once the temporary files are there. A run that has begun may have had something to keep."""
        for name in os.listdir(self.out):
            (self.out / name).unlink()
        process = subprocess.Popen(
            [str(harness.HAMLET), *map(str, command)], stderr=subprocess.DEVNULL, env={**os.environ, "HAMLET_CACHE": ""}
        )
        end = time.monotonic() + 60
        while len(os.listdir(self.out)) < files and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(len(os.listdir(self.out)), files)
        process.send_signal(number)
        self.assertEqual(process.wait(60), -number)
        left = set(os.listdir(self.out))
        kept = {"o.partial", "s", "p"} if number in (signal.SIGINT, signal.SIGTERM) and "run" in command else set()
        self.assertLessEqual(left, kept)

    def test_nothing_is_left(self):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        batch = self.batch(4000, [str(i) for i in range(500)])
        outputs = {"--output": "o", "--dump-logits": "l", "--stats": "s", "--profile": "p"}
        run = [*batch, *(a for option, name in outputs.items() for a in (option, self.out / name))]
        compile = ["compile", self.folder, "-o", self.out / "m", "--remarks", self.out / "r"]
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGXCPU, signal.SIGABRT):
            with self.subTest(signal=number):
                self.check(run, len(outputs), number)
                self.check(compile, 2, number)


class Unwritable(Outputs):
    """Said at once, before inputs are looked at, and what stands there stays."""

    def check(self, command, option, files):
        """`files`: the option's value for a path, and what else is written."""
        (self.work / "file").write_text("")
        for place, why in ((self.out, "Is a directory"), (self.out / "no" / "x", "No such file"), (self.work / "file" / "x", "Not a directory")):
            with self.subTest(option=option, why=why):
                kept = [self.out / f"kept{i}" for i in range(len(files))]
                for path in kept:
                    path.write_text("old")
                more = [a for other, path in zip(files, kept) if other != option for a in (other, path)]
                assert_fails(self, harness.run(*command, *more, option, place), option, str(place), why)
                self.assertEqual([p.read_text() for p in kept], ["old"] * len(kept))
                self.assertEqual(sorted(os.listdir(self.out)), [p.name for p in kept])

    def test_run(self):
        missing = self.work / "missing"
        for option in ("--output", "--dump-logits", "--stats", "--profile"):
            command = ["run", missing, "--weights", missing, "--batch", missing]
            self.check(command, option, ("--output", "--dump-logits", "--stats", "--profile"))

    def test_call(self):
        missing = self.work / "missing"
        for option in ("--output", "--stats", "--profile"):
            self.check(["call", missing, "--function", "f"], option, ("--output", "--stats", "--profile"))

    def test_compile(self):
        for option in ("-o", "--remarks"):
            self.check(["compile", self.work / "missing"], option, ("-o", "--remarks"))

    def test_number_of_outputs(self):
        """Counted before the call's operands are read."""
        source = self.work / "mul.mlir"
        source.write_text(MUL)
        call = ["call", harness.compiled(source), "--function", "mul", "--input", "no", "--input", "no", "--output", self.out / "a"]
        assert_fails(self, harness.run(*call), "2 results", "1 outputs")
        self.assertEqual(os.listdir(self.out), [])

    def test_the_source_is_not_an_output(self):
        source = self.work / "mul.mlir"
        source.write_text(MUL)
        for more in (("-o", source), ("-o", self.out / "m", "--remarks", source)):
            assert_fails(self, harness.run("compile", source, *more), "mul.mlir", "another file", status=2)
            self.assertEqual(source.read_text(), MUL)


class Lost(Outputs):
    """Tokens that nobody can read are not computed."""

    def spent(self, stdout, **more):
        """(exit status, error, seconds of CPU) of a long answer."""
        command = [str(harness.HAMLET), *map(str, [*self.prompt()[:-1], 4000])]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120, **more)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return done.returncode, done.stderr, after.ru_utime - before.ru_utime

    def test_the_run_stops(self):
        status, error, whole = self.spent(subprocess.DEVNULL)
        self.assertEqual(status, 0, error)

        def ignore():
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)

        reader, writer = os.pipe()
        os.close(reader)
        with open("/dev/full", "w") as full, open(writer, "w") as pipe:
            for stdout, why in ((full, "No space left"), (pipe, "Broken pipe")):
                status, error, spent = self.spent(stdout, restore_signals=False, preexec_fn=ignore)
                self.assertEqual(status, 1, error)
                self.assertIn("cannot write to standard output", error)
                self.assertIn(why, error)
                self.assertLess(spent, whole / 2)

    def test_help(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(harness.HAMLET), "run", "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual((done.returncode, "No space left" in done.stderr), (1, True))


class Full(Outputs):
    def test_standard_output(self):
        source = self.work / "mul.mlir"
        source.write_text(MUL)
        for command in (self.prompt(), ["inspect", self.prompt()[1]], ["explain", self.file], ["plan", self.folder / "config.json"],
                        ["compile", source, "--compile-to", "graph"], ["compile", source, "-o", self.out / "m.hmlt"]):  # fmt: skip
            with self.subTest(command=command[0]), open("/dev/full", "w") as full:
                done = subprocess.run([str(harness.HAMLET), *map(str, command)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("standard output", done.stderr)
                self.assertNotIn("LLVM ERROR", done.stderr)

    def test_temporary_folder_is_not_used(self):
        """Kernels are linked in memory: with nowhere to write the same bytes."""
        missing = {"TMPDIR": str(self.work / "none")}
        for i, env in enumerate(({}, missing)):
            harness.ok("compile", self.folder, "-o", self.work / f"{i}.hmlt", *harness.CACHED, env=env)
        self.assertEqual((self.work / "0.hmlt").read_bytes(), (self.work / "1.hmlt").read_bytes())

    def test_dump_dir(self):
        disk = self.small_disk()
        result = harness.run("compile", self.folder, "-o", self.out / "m.hmlt", "--dump-dir", disk, *harness.CACHED)
        assert_fails(self, result, str(disk), ".mlir", "No space left")
        self.assertNotIn("LLVM ERROR", result.err)
        self.assertEqual([p.name for p in disk.iterdir() if p.stat().st_size == 0 or "tmp" in p.name], [])
        self.assertEqual(os.listdir(self.out), [])

    def test_remarks(self):
        disk = self.small_disk("4k")
        (disk / "filler").write_bytes(bytes(4096))
        result = harness.run("compile", self.folder, "-o", self.out / "m.hmlt", "--remarks", disk / "r", *harness.CACHED)
        assert_fails(self, result, str(disk / "r"), "No space left")
        self.assertEqual((os.listdir(self.out), os.listdir(disk)), ([], ["filler"]))


class Remarks(Outputs):
    def test_old_ones_stay_when_compiling_fails(self):
        remarks, source = self.out / "r", self.work / "bad.mlir"
        remarks.write_text("old")
        source.write_text("nonsense")
        assert_fails(self, harness.run("compile", source, "-o", self.out / "m.hmlt", "--remarks", remarks), "bad.mlir")
        self.assertEqual((os.listdir(self.out), remarks.read_text()), (["r"], "old"))
        source.write_text(MUL)
        harness.ok("compile", source, "-o", self.out / "m.hmlt", "--remarks", remarks)
        self.assertIn("nn-fuse", remarks.read_text())
        harness.ok("compile", source, "--compile-to", "fused", "--remarks", remarks)
        self.assertEqual(sorted(os.listdir(self.out)), ["m.hmlt", "r"])

    def test_unwritable(self):
        result = harness.run("compile", self.folder, "-o", self.out / "m.hmlt", "--remarks", self.work / "no" / "r")
        assert_fails(self, result, "--remarks", "no/r", "No such file")
        self.assertEqual(os.listdir(self.out), [])


class DumpDir(Outputs):
    def test_every_stage(self):
        dump = self.work / "deep" / "dump"
        target = ("--target", "cpu,sm_80")
        harness.ok("compile", self.folder, "-o", self.out / "m.hmlt", "--dump-dir", dump, *target, *harness.CACHED)
        names = {"graph": "graph.mlir", "fused": "fused.mlir", "tile": "tile.mlir", "program": "program.mlir", "llvm": "llvm.mlir", "ptx": "kernels.ptx"}
        self.assertEqual(sorted(os.listdir(dump)), sorted(names.values()))
        for stage, name in names.items():
            with self.subTest(stage=stage):
                printed = harness.ok("compile", self.folder, "--compile-to", stage, *target, *harness.CACHED).out
                self.assertEqual((dump / name).read_text(), printed)

    def test_only_what_is_compiled(self):
        for target, name in (("cpu", "llvm.mlir"), ("sm_80", "kernels.ptx")):
            dump = self.work / target
            harness.ok("compile", self.folder, "-o", self.out / "m.hmlt", "--dump-dir", dump, "--target", target, *harness.CACHED)
            self.assertEqual({"llvm.mlir", "kernels.ptx"} & set(os.listdir(dump)), {name})

    def test_no_folder(self):
        (self.work / "file").write_text("")
        for more in (("-o", self.out / "m.hmlt"), ("--compile-to", "graph")):
            result = harness.run("compile", self.folder, "--dump-dir", self.work / "file" / "d", *more)
            assert_fails(self, result, "file/d", "--dump-dir")
            self.assertEqual((result.out, os.listdir(self.out)), ("", []))


if __name__ == "__main__":
    unittest.main()
