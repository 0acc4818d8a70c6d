"""The one command line: what is said of mistakes, help, versions, the kernel cache, what a stopped run leaves."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

import harness

PACK = "minimax-7p1-tied"


class CommandLine(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.folder = harness.pack(PACK)

    def test_what_was_meant(self):
        for arguments, meant in (
            (("rnu", "x"), "did you mean 'run'?"),
            (("insepct", "x"), "did you mean 'inspect'?"),
            (("run", "x", "--weigths", "y"), "did you mean '--weights'?"),
            (("compile", "x", "--taget", "cpu"), "did you mean '--target'?"),
            (("compile", self.folder, "-o", self.work / "x", "--target", "sm_81"), "did you mean 'sm_8"),
            (("plan", "x", "--jsno"), "did you mean '--json'?"),
            (("call", "x", "--functoin=f"), "unknown option '--functoin' (did you mean '--function'?)"),
        ):
            with self.subTest(arguments=arguments):
                harness.assert_fails(self, harness.run(*arguments), "hamlet: error: ", meant, status=2)
        nothing = harness.run("run", "x", "--zzzzzzzzzz")
        harness.assert_fails(self, nothing, "unknown option '--zzzzzzzzzz'", "'hamlet run --help'", status=2)
        self.assertNotIn("did you mean", nothing.err)

    def test_one_style(self):
        """Every command's errors begin alike, and each line of help fits a terminal."""
        missing = self.work / "missing"
        for command in (("compile", missing, "-o", self.work / "x"), ("plan", missing), ("run", missing, "--prompt-ids", 1),
                        ("call", missing, "--function", "f"), ("inspect", missing), ("inspect", missing, "--program"), ("explain", missing)):
            with self.subTest(command=command):
                result = harness.run(*command)
                harness.assert_fails(self, result, str(missing))
                self.assertTrue(result.err.startswith("hamlet: error: "), result.err)
        for command in ("compile", "plan", "run", "call", "inspect", "explain"):
            text = harness.ok("help", command).out
            self.assertEqual(text, harness.ok(command, "--help").out)
            self.assertIn("Examples:\n  hamlet " + command, text)
            self.assertLessEqual(max(map(len, text.splitlines())), 120)
        self.assertEqual(harness.ok("help").out, harness.ok("--help").out)

    def test_version(self):
        out = harness.ok("--version").out
        self.assertRegex(out, r"^hamlet \d+\.\d+\.\d+\n")
        for fact in (r"commit +\S+", r"CPU +\S+", r"GPU +\S", r"compiler +LLVM 22\.", r"ptxas +\S"):
            self.assertRegex(out, "(?m)^" + fact)

    def test_native(self):
        file = self.work / "x.hmlt"
        harness.ok("compile", self.folder, "-o", file, "--target", "native", *harness.CACHED)
        images = json.loads(harness.ok("inspect", file, "--json").out)["images"]
        self.assertEqual(len(images), 1)
        self.assertIn(images[0]["target"], harness.targets())
        answer = harness.ok("run", file, "--weights", self.folder, "--prompt-ids", "1,2", "--max-tokens", 3)
        wanted = harness.ok("run", harness.compiled(self.folder), "--weights", self.folder, "--prompt-ids", "1,2", "--max-tokens", 3)
        self.assertEqual(answer.out, wanted.out)

    def test_one_kernel(self):
        def stage(name, *options):
            return harness.ok("compile", self.folder, "--compile-to", name, "--target", "x86-64-v3,sm_80", *options).out

        for name, mark in (("tile", "func.func @"), ("llvm", "llvm.func @"), ("ptx", ".visible .entry ")):
            found = set(re.findall(re.escape(mark) + r"(\w+)\(", stage(name, "--kernel", "linear_1")))
            self.assertTrue(found and all(re.fullmatch(r"linear_1_r\d+", f) for f in found), (name, found))
            one = re.findall(re.escape(mark) + r"(\w+)\(", stage(name, "--kernel", "linear_1_r8"))
            self.assertEqual(one, ["linear_1_r8"], name)
        text = stage("asm", "--kernel", "linear_1_r8")
        self.assertIn("# linear_1_r8, x86-64-v3\n", text)
        self.assertIn("vfmadd", text)
        result = harness.run("compile", self.folder, "--compile-to", "tile", "--kernel", "linear_99")
        harness.assert_fails(self, result, "linear_99", "linear_1_r8")
        result = harness.run("compile", self.folder, "--compile-to", "asm", "--target", "sm_80")
        harness.assert_fails(self, result, "--compile-to=ptx")
        result = harness.run("compile", self.folder, "--compile-to", "graph", "--kernel", "linear_1")
        harness.assert_fails(self, result, "--kernel", status=2)

    def test_times_are_one_table(self):
        result = harness.ok("compile", self.folder, "-o", self.work / "x", "--target", "x86-64-v3", "--time-passes", "--no-cache")
        self.assertEqual(result.err.count("where the time went"), 1)
        total = float(re.search(r"([\d.]+) +100%  Total", result.err).group(1))
        parts = [float(s) for s in re.findall(r"(?m)^ +([\d.]+) +\d+%  (?!Total)", result.err)]
        self.assertGreater(len(parts), 3)
        self.assertEqual(parts[:-1], sorted(parts[:-1], reverse=True))
        self.assertAlmostEqual(sum(parts), total, delta=0.1 * total)

    def test_cache_is_on(self):
        """Unless it is turned off, or others could write to it; it stays within its bound."""
        home = self.work / "home"

        def compile(*options, **env):
            result = harness.ok("compile", self.folder, "-o", self.work / "x", "--target", "x86-64-v3", "--time-passes", *options,
                                env={"XDG_CACHE_HOME": str(home), "HAMLET_CACHE": None, **env})  # fmt: skip
            return tuple(map(int, re.search(r"kernel cache: (\d+) found, (\d+) compiled", result.err).groups())), result

        kept = lambda: [f for f in (home / "hamlet").rglob("*") if f.is_file()]
        self.assertEqual(compile("--no-cache")[0], (0, 0))
        self.assertFalse(home.exists())
        (found, made), _ = compile()
        self.assertEqual((found, len(kept())), (0, made))
        self.assertEqual((home / "hamlet").stat().st_mode & 0o777, 0o700)
        self.assertEqual(compile()[0], (made, 0))
        size = sum(f.stat().st_size for f in kept())
        compile("--lightning-chunk", "32", "--cache-bytes", str(size))
        self.assertLessEqual(sum(f.stat().st_size for f in kept()), size)
        (home / "hamlet").chmod(0o777)
        counts, result = compile()
        self.assertEqual(counts, (0, 0))
        self.assertIn("every user can write to it", result.out)

    def test_where_it_comes_from(self):
        """The provenance names every option and file that changes what is compiled."""
        schedules, file = self.work / "s.yaml", self.work / "x.hmlt"
        schedules.write_text("- block: {rows: 2, panels: 1, depth: 32}\n")
        harness.ok("compile", self.folder, "-o", file, "--target", "x86-64-v3", "--schedules", schedules, "--split", 16, *harness.CACHED)
        provenance = json.loads(harness.ok("inspect", file, "--json").out)["provenance"]
        self.assertEqual(provenance["source"], str(self.folder))
        self.assertIn("--split 16", provenance["flags"])
        self.assertEqual(len(provenance["files"]), 1)
        self.assertRegex(provenance["files"][0], re.escape(str(schedules)) + " [0-9a-f]{16}$")

    def test_weights_of_the_source(self):
        """--weights may be left out while the checkpoint stands where it stood, and is the same."""
        folder = harness.copy_pack(self.folder, self.work / "model")
        file = self.work / "x.hmlt"
        harness.compile_pack(folder, file, "--target", harness.targets()[-1])
        prompt = ("--prompt-ids", "1,2,3", "--max-tokens", 5)
        wanted = harness.ok("run", file, "--weights", folder, *prompt).out
        self.assertEqual(harness.ok("run", file, *prompt).out, wanted)
        harness.edit_config(folder, rms_norm_eps=0.25)
        harness.assert_fails(self, harness.run("run", file, *prompt), "--weights is missing", "rms_norm_eps")
        folder.rename(self.work / "other")
        harness.assert_fails(self, harness.run("run", file, *prompt), "--weights is missing", str(folder))

    def test_standard_streams(self):
        requests = [harness.request(id, [1, 2, 3], 4) for id in "ab"]
        text = "".join(json.dumps(r) + "\n" for r in requests)
        file = harness.compiled(self.folder)
        command = [str(harness.HAMLET), "run", str(file), "--weights", str(self.folder), "--batch", "-", "--output", "-"]
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([json.loads(l)["id"] for l in done.stdout.splitlines()], ["a", "b"])
        done = subprocess.run(command, input=b"{}\n", capture_output=True, timeout=harness.TIMEOUT)
        self.assertIn(b"standard input:1: ", done.stderr)


class Stopped(unittest.TestCase):
    """A run that is interrupted, or fails, keeps what it had finished."""

    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.folder = harness.pack(PACK)
        self.file = harness.compiled(self.folder)
        self.requests = [harness.request(f"r{i}", [1 + i % 7, 2, 3], 600 if i == 1 else 10, seed=i, temperature=1) for i in range(200)]
        self.source, self.out = self.work / "in.jsonl", self.work / "out.jsonl"
        self.partial, self.stats = self.work / "out.jsonl.partial", self.work / "s.json"
        harness.write_requests(self.source, self.requests)
        self.command = ["run", self.file, "--weights", self.folder, "--batch", self.source, "--output", self.out, "--max-batch", 4]

    def interrupt(self, number, after):
        command = [str(harness.HAMLET), *map(str, self.command), "--stats", str(self.stats), "--profile", str(self.work / "p.json")]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        time.sleep(after)
        process.send_signal(number)
        err = process.communicate(timeout=60)[1].decode()
        return process.returncode, err

    def test_interrupted_and_resumed(self):
        wanted = self.work / "whole.jsonl"
        begin = time.monotonic()
        harness.ok(*(wanted if a == self.out else a for a in self.command))
        seconds = time.monotonic() - begin
        for number in (signal.SIGINT, signal.SIGTERM):
            # A machine may be slower or faster than it was: try at several times.
            for share in (0.5, 0.3, 0.7, 0.2, 0.85):
                for old in (self.out, self.partial, self.stats):
                    old.unlink(missing_ok=True)
                status, err = self.interrupt(number, seconds * share)
                if self.partial.exists():
                    break
            else:
                self.fail(f"never interrupted with answers: {status}, {err}")
            self.assertEqual(status, -number)
            self.assertRegex(err, "hamlet: error: interrupted; .* finished answers are in '.*out.jsonl.partial'")
            self.assertFalse(self.out.exists())
            self.assertTrue(json.loads(self.stats.read_text())["interrupted"])
            self.assertTrue(json.loads((self.work / "p.json").read_text())["traceEvents"])
            lines = self.partial.read_text().splitlines(keepends=True)
            self.assertLess(len(lines), len(self.requests))
            self.assertLessEqual(set(lines), set(wanted.read_text().splitlines(keepends=True)))
            # The last line may have been cut by something worse than a signal.
            self.partial.write_text("".join(lines) + lines[0][:20])
            harness.ok(*self.command, "--resume")
            self.assertEqual(self.out.read_text(), wanted.read_text())
            self.assertFalse(self.partial.exists())

    def test_resume_of_another_batch(self):
        self.partial.write_text('{"id": "stranger", "tokens": []}\n')
        result = harness.run(*self.command, "--resume")
        harness.assert_fails(self, result, "out.jsonl.partial:1", "stranger", "without --resume")
        self.assertTrue(self.partial.exists())

    def test_resume_of_nothing(self):
        self.requests = self.requests[:2]
        harness.write_requests(self.source, self.requests)
        harness.ok(*self.command, "--resume")
        self.assertEqual(len(self.out.read_text().splitlines()), 2)

    def test_failed(self):
        """A disk that fills up while logits are dumped: the answers before it are kept."""
        disk = self.work / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", disk], capture_output=True).returncode:
            self.skipTest("mounting a small tmpfs is not allowed here")
        self.addCleanup(subprocess.run, ["umount", disk])
        result = harness.run(*self.command, "--dump-logits", disk / "l", "--stats", self.stats)
        harness.assert_fails(self, result, "No space left", "finished answers are in")
        self.assertTrue(self.partial.read_text().endswith("\n"))
        self.assertFalse(json.loads(self.stats.read_text())["interrupted"])
        self.assertEqual(os.listdir(disk), [])


if __name__ == "__main__":
    unittest.main()
