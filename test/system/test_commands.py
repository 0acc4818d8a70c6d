"""The commands beside `run`: what they print, and their exit statuses."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import numpy as np

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import make_bench_model

PACK = "minimax-7p1-tied"


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Compile(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.folder = harness.pack(PACK)

    def test_same_bytes_twice(self):
        for options in ((), ("--dtype", "bf16"), ("--lightning-chunk", 100)):
            again = self.work / "again.hmlt"
            harness.ok("compile", self.folder, "-o", again, *options)
            self.assertEqual(digest(harness.compiled(self.folder, "--target", "cpu", *options)), digest(again), options)

    def test_kernel_cache(self):
        """The same bytes with a cache, full or damaged, as without."""
        plain, cached, folder = self.work / "plain.hmlt", self.work / "cached.hmlt", self.work / "cache"
        targets = ("--target", "x86-64-v3,sm_80")

        def compile(output, *options, **more):
            result = harness.ok("compile", self.folder, "-o", output, *targets, "--time-passes", *options, **more)
            found, made = re.search(r"kernel cache: (\d+) found, (\d+) compiled", result.err).groups()
            return int(found), int(made), result

        self.assertEqual(compile(plain)[:2], (0, 0))
        found, made, _ = compile(cached, "--cache", folder)
        self.assertEqual(found, 0)
        self.assertEqual(digest(cached), digest(plain))
        self.assertEqual(compile(cached, env={"HAMLET_CACHE": str(folder)})[:2], (made, 0))
        self.assertEqual(digest(cached), digest(plain))
        # Another chunk has other lightning kernels, and all others in common.
        found, other, _ = compile(cached, "--cache", folder, "--lightning-chunk", 32)
        self.assertGreater(found, other)
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        self.assertEqual(len(files), made + other)
        for i, file in enumerate(files):
            whole = bytearray(file.read_bytes())
            whole[(i * 37) % len(whole)] ^= 1 << i % 8
            file.write_bytes(whole if i % 3 else whole[: len(whole) // 2])
        found, again, result = compile(cached, "--cache", folder)
        self.assertEqual((found, again), (0, made))
        self.assertRegex(result.out, "note .*kernel cache: .* is damaged")
        self.assertEqual(digest(cached), digest(plain))
        self.assertEqual(compile(cached, "--cache", folder)[:2], (made, 0))
        blocked = self.work / "file"
        blocked.write_text("")
        self.assertRegex(compile(cached, "--cache", blocked / "cache")[2].out, "note .*kernel cache: cannot")
        self.assertEqual(digest(cached), digest(plain))

    def test_targets(self):
        """A file has code for the targets that were named, each once; it runs with the best that it has."""
        file = self.work / "m.hmlt"
        for dtype, target, images in (
            ("f32", "x86-64-v3", ["x86-64-v3"]),
            ("f32", "x86-64-v4-bf16", ["x86-64-v4"]),  # the same code without bf16
            ("bf16", "x86-64-v4-bf16", ["x86-64-v4-bf16"]),
            ("f32", "cpu,x86-64-v3,cpu", ["x86-64-v3", "x86-64-v4"]),
            ("f32", "sm_80,x86-64-v3,sm_80", ["x86-64-v3", "sm_80"]),
        ):
            with self.subTest(dtype=dtype, target=target):
                harness.ok("compile", self.folder, "-o", file, "--dtype", dtype, "--target", target, *harness.CACHED)
                facts = json.loads(harness.ok("inspect", file, "--json").out)
                self.assertEqual([i["target"] for i in facts["images"]], images)
                levels = {s["target"] for k in facts["kernels"] for v in k["variants"] for s in v["schedules"]}
                self.assertEqual(levels, {i for i in images if i.startswith("x86")})
                if set(images) & set(harness.targets()):
                    harness.ok("run", file, "--weights", self.folder, "--prompt-ids", "1,2", "--max-tokens", 2)
        harness.ok("compile", self.folder, "-o", file, "--target", "x86-64-v4", *harness.CACHED)
        result = harness.run("run", file, "--weights", self.folder, "--prompt-ids", "1", env={"HAMLET_CPU": "avx2"})
        harness.assert_fails(self, result, "has no x86-64-v3 code; it has: x86-64-v4")

    def test_nothing_but_the_file_is_left(self):
        harness.ok("compile", self.folder, "-o", self.work / "m.hmlt", *harness.CACHED)
        self.assertEqual(os.listdir(self.work), ["m.hmlt"])

    def test_stages(self):
        for stage in ("graph", "fused", "tile", "llvm", "ptx", "program"):
            with self.subTest(stage=stage):
                text = harness.ok("compile", self.folder, "--compile-to", stage, *harness.CACHED).out
                self.assertGreater(len(text), 500, stage)
                if stage == "graph":
                    self.assertIn("lightning.", text)
                    self.assertIn("moe.", text)
                if stage == "tile":
                    self.assertIn("tile.", text)
                    self.assertNotRegex(text, r"\b(lightning|moe|attention|nn)\.[a-z]")
                if stage == "ptx":
                    self.assertIn(".visible .entry", text)
                if stage == "llvm":
                    self.assertRegex(text, r"llvm\.|define ")

    def test_graph_compiles_again(self):
        """--compile-to=graph, compiled again: the same kernels and program."""
        for pack in (PACK, "minimax-m1-shared"):
            folder = harness.pack(pack)
            graph = self.work / f"{pack}.mlir"
            graph.write_text(harness.ok("compile", folder, "--compile-to", "graph").out)
            harness.ok("compile", graph, "-o", self.work / "again.hmlt", *harness.CACHED, "--target", harness.targets()[-1])
            facts = [json.loads(harness.ok("inspect", f, "--json").out) for f in (harness.compiled(folder), self.work / "again.hmlt")]
            for each in facts:
                del each["content_hash"], each["provenance"]
            self.assertEqual(*facts)
            requests = [harness.request("a", range(30), 5), harness.request("b", [5] * 70)]
            one = harness.batch(harness.compiled(folder), folder, requests)
            two = harness.batch(self.work / "again.hmlt", folder, requests)
            for id in ("a", "b"):
                harness.assert_same_bits(self, two.logits[id], one.logits[id], f"{pack} {id}")
            self.assertEqual(one.answers, two.answers)

    def test_configuration_alone(self):
        """A config.json has all that the container needs; its dtype rules."""
        lone = self.work / "config.json"
        folder = harness.pack("minimax-bf16")
        shutil.copy(folder / "config.json", lone)
        harness.ok("compile", lone, "-o", self.work / "lone.hmlt", *harness.CACHED)
        requests = [harness.request("a", range(70))]
        one = harness.batch(harness.compiled(folder), folder, requests)
        two = harness.batch(self.work / "lone.hmlt", folder, requests)
        harness.assert_same_bits(self, two.logits["a"], one.logits["a"], "lone configuration")

    def test_time_passes_and_remarks(self):
        remarks = self.work / "remarks"
        result = harness.ok("compile", self.folder, "-o", self.work / "m.hmlt", "--time-passes", "--remarks", remarks, *harness.CACHED)
        self.assertRegex(result.out + result.err, r"(?i)(wall|total|time)")
        self.assertGreater(remarks.stat().st_size, 100)

    def provenance(self, source, *options):
        file = self.work / "p.hmlt"
        harness.ok("compile", source, "-o", file, *options, *harness.CACHED)
        facts = json.loads(harness.ok("inspect", file, "--json").out)
        return facts["provenance"]["flags"], facts["model"]["chunk"]

    def test_what_a_graph_fixes(self):
        """Options that a .mlir has settled are errors; the provenance has what was applied."""
        graph = self.work / "graph.mlir"
        graph.write_text(harness.ok("compile", self.folder, "--compile-to", "graph", "--lightning-chunk", 32).out)
        flags = "--target cpu --dtype as-stored --lightning-chunk 32"
        self.assertEqual(self.provenance(self.folder, "--lightning-chunk", 32), (flags, 32))
        applied = ("--target cpu --lightning-chunk 32", 32)
        self.assertEqual(self.provenance(graph), applied)
        self.assertEqual(self.provenance(graph, "--lightning-chunk", 32, "--dtype", "as-stored"), applied)
        command = ("compile", graph, "-o", self.work / "no.hmlt")
        result = harness.run(*command, "--lightning-chunk", 64)
        harness.assert_fails(self, result, "chunk 32", "--lightning-chunk asks for 64")
        for dtype in ("f32", "bf16"):
            harness.assert_fails(self, harness.run(*command, "--dtype", dtype), f"--dtype {dtype}", status=2)
        harness.assert_fails(self, harness.run(*command, "--split", 8), "--split", "#tile.numerics", status=2)
        for options in (("--loss", "cispo"), ("--set", "algorithm.entropy=0.1"), ("--loss", "ppo", "--functions", "step,logprob")):
            done = harness.run("compile", self.folder, "-o", self.work / "no.hmlt", *options)
            harness.assert_fails(self, done, "expected --functions with train_step", status=2)
        self.assertFalse((self.work / "no.hmlt").exists())
        self.assertEqual(self.provenance(self.folder, "--split", 8)[0], flags.replace("--lightning-chunk 32", "--split 8 --lightning-chunk 64"))
        plain = self.work / "plain.mlir"
        plain.write_text("func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {\n  %y = nn.mul %x, %x : tensor<?x8xf32>\n  return %y : tensor<?x8xf32>\n}\n")
        self.assertEqual(self.provenance(plain), ("--target cpu", 64))

    def test_short_messages(self):
        """The place and the reason, not the module behind them."""
        (self.work / "bad.yaml").write_text("- blok: 3\n")
        for options, words in (
            (("--schedules", self.work / "nowhere"), ("nowhere", "No such file")),
            (("--schedules", self.work / "bad.yaml"), ("bad.yaml:1",)),
            (("--targets", self.work / "nowhere"), ("nowhere", "No such file")),
        ):  # fmt: skip
            result = harness.run("compile", self.folder, "-o", self.work / "m.hmlt", *options)
            harness.assert_fails(self, result, *words)
            self.assertLess(len(result.err), 1000, str(result)[:2000])

    def test_made_up_family_needs_its_description(self):
        folder = harness.pack("lantern")
        result = harness.run("compile", folder, "-o", self.work / "m.hmlt")
        harness.assert_fails(self, result, "lantern")
        harness.ok("compile", folder, "-o", self.work / "m.hmlt", "--models", harness.FAMILIES, *harness.CACHED)

    def test_decay_ladder_of_each_dialect(self):
        """The number of kernels does not grow with the layers: decays are
        operands."""
        kernels = []
        for layers in (8, 16):
            model = harness.copy_pack(self.folder, self.work / f"m{layers}")
            config = json.loads((model / "config.json").read_text())
            types = (["linear_attention"] * 7 + ["full_attention"]) * (layers // 8)
            harness.edit_config(model, num_hidden_layers=layers, layer_types=types)
            (model / "model.safetensors").unlink()
            file = self.work / f"{layers}.hmlt"
            harness.ok("compile", model / "config.json", "-o", file, "--dtype", "f32", *harness.CACHED)
            self.assertEqual(config["model_type"], "minimax")
            kernels.append(len(json.loads(harness.ok("inspect", file, "--json").out)["kernels"]))
        self.assertEqual(kernels[0], kernels[1])


class Plan(unittest.TestCase):
    CONFIG = harness.SHARED / "models" / "minimax-m1" / "config.json"

    def plan(self, *options):
        path = self.CONFIG
        own = harness.ROOT / "models" / "minimax-m1" / "config.json"
        if own.exists():
            path = own
        elif not path.exists():
            self.skipTest(f"no {path}")
        return json.loads(harness.ok("plan", path, "--json", *options).out)

    def test_real_model(self):
        plan = self.plan()
        self.assertEqual(plan["parameters"], 456_089_655_296)
        self.assertIn(plan["active_parameters"], (45_944_920_064, 48_403_306_496))
        # Router weights in f32, the rest bf16: the published total.
        self.assertEqual(plan["weight_bytes"], 912_210_767_872)
        self.assertEqual(plan["anchor_bytes_per_sequence"], 280 << 20)
        self.assertEqual(plan["tail_bytes_per_sequence"], 140 << 20)
        self.assertEqual(plan["kv_bytes_per_token"], 40 << 10)
        self.assertIn("flops_per_token", plan)

    def test_ranks(self):
        one, eight = self.plan(), self.plan("--tp", 8)
        self.assertEqual(eight["anchor_bytes_per_sequence"] * 8, one["anchor_bytes_per_sequence"])
        self.assertEqual(eight["kv_bytes_per_token"] * 8, one["kv_bytes_per_token"])
        self.assertLess(eight["weight_bytes"] * 8, one["weight_bytes"] * 1.01)
        self.assertGreaterEqual(eight["weight_bytes"] * 8, one["weight_bytes"])

    def test_text(self):
        result = harness.ok("plan", harness.pack(PACK) / "config.json")
        self.assertGreater(len(result.out.splitlines()), 4)


class RealModel(unittest.TestCase):
    FOLDER = harness.SHARED / "models" / "minimax-m1"

    @unittest.skipUnless(FOLDER.exists(), f"no {FOLDER}")
    def test_compiles_in_time_and_memory(self):
        """The 80-layer MiniMax-M1: 20 s and 2 GB on two cores, same bytes
        twice; every name of the index maps."""
        with harness.workspace() as work:
            digests = []
            for name in ("one.hmlt", "two.hmlt"):
                # The bounds are of a compiler without sanitizers.
                command = [str(harness.COMPILER_BIN / "hamlet"), "compile", str(self.FOLDER), "-o", str(work / name)]
                with open(work / "log", "wb") as log:
                    process = subprocess.Popen(command, stdout=log, stderr=log)
                    _, status, usage = os.wait4(process.pid, 0)
                    process.returncode = os.waitstatus_to_exitcode(status)
                text = (work / "log").read_text()
                self.assertEqual(process.returncode, 0, text)
                seconds = usage.ru_utime + usage.ru_stime
                print(f"\nMiniMax-M1: {seconds:.1f} s of processor time, {usage.ru_maxrss / 1e6:.2f} GB")
                # Two cores for 20 s; the machine may be busy with other tests.
                self.assertLessEqual(seconds, 40)
                self.assertLessEqual(usage.ru_maxrss * 1024, 2e9)
                digests.append(digest(work / name))
            self.assertEqual(*digests)
            inspected = harness.ok("inspect", work / "one.hmlt", "--json").out
            index = json.loads((self.FOLDER / "model.safetensors.index.json").read_text())
            names = sorted(index["weight_map"])
            self.assertEqual(len(names), 8243)
            for name in names:
                self.assertIn(f'"{name}"', inspected)


class Usage(unittest.TestCase):
    def test_help(self):
        for command, words in {
            "compile": ("--target", "--models", "--lightning-chunk", "--split", "--compile-to", "--dump-dir", "--time-passes", "--remarks", "--dtype", "--cache"),
            "run": (
                "--weights", "--prompt-ids", "--batch", "--output", "--max-tokens", "--temperature",
                "--dump-logits", "--prefill-chunk", "--max-batch", "--max-context", "--threads",
                "--device", "--stats",
            ),
            "call": ("--function", "--input", "--output", "--repeat", "--stats", "--profile"),
            "plan": ("--tp", "--json"),
            "inspect": ("--json", "--full", "--program"),
            "explain": ("--json", "--full", "--kernel", "--target", "--tokens"),
        }.items():  # fmt: skip
            with self.subTest(command=command):
                shown = harness.ok(command, "--help").out
                for word in words:
                    self.assertIn(word, shown)
        shown = harness.ok("--help").out
        for command in ("compile", "run", "call", "plan", "inspect", "explain"):
            self.assertIn(command, shown)

    def test_wrong_usage_is_status_2(self):
        file = harness.compiled(harness.pack(PACK))
        weights = harness.pack(PACK)
        for arguments in (
            (), ("bogus",), ("run",), ("compile",), ("inspect",), ("--no-such-flag",),
            ("run", file), ("run", file, "--weights", weights),
            ("run", file, "--weights", weights, "--prompt-ids", "1", "--no-such-flag"),
            ("run", file, "--weights", weights, "--prompt-ids", "1", "--threads", "many"),
            ("call", file), ("plan",), ("plan", weights, "--tp", "0"), ("plan", weights, "--tp", "-2"),
            ("compile", weights, "--compile-to", "graph", "-o", "/proc/self/x"),
        ):  # fmt: skip
            with self.subTest(arguments=arguments):
                result = harness.run(*arguments)
                self.assertEqual(result.status, 2, str(result))
                self.assertTrue(result.err.strip(), str(result))

    def test_bad_values_of_options(self):
        """Numbers are decimal and in range; else status 2, and the option is named, in few words."""
        file = harness.compiled(harness.pack(PACK))
        base = ("run", file, "--weights", harness.pack(PACK), "--prompt-ids", "1,2", "--max-tokens", "1")
        for option, values in {
            "--seed": ("18446744073709551616", "-1", "0x1", ""),
            "--max-tokens": ("99999999999999999999", "-1", "1e3", "1.5", ""),
            "--temperature": ("", "-1", "hot", "inf", "nan", "1x"),
            "--top-k": ("-1", "x"),
            "--top-p": ("0", "-0.5", "1.01", "nan"),
            "--early-stop-count": ("0",),
            "--early-stop-probability": ("2", "-1"),
            "--stop-ids": ("1,x", "1,,2", "-1"),
            "--prompt-ids": ("1,x", "1,,2", "1,-3", "99999999999"),
            "--max-context": ("0",),
            "--prefill-chunk": ("0",),
            "--max-batch": ("0", "65537"),
            "--threads": ("0", "many"),
            "--device": ("bogus", "cuda:", "cuda:-1", "cuda:x", "cuda:99999999999"),
        }.items():  # fmt: skip
            for value in values:
                with self.subTest(option=option, value=value):
                    arguments = [a for i, a in enumerate(base) if option not in (a, base[i - 1])]
                    result = harness.run(*arguments, f"{option}={value}" if value.startswith("-") else option, *[value][value.startswith("-") :])
                    harness.assert_fails(self, result, option, status=2)
                    self.assertLess(len(result.err), 300, str(result))
        tokens = lambda *more: harness.ok(*base[:-2], *more).out.split()
        self.assertEqual(len(tokens("--max-tokens", "010")), 10)
        tokens("--seed", "18446744073709551615", "--temperature", "1e-1", "--top-p", "0.5", "--stop-ids", "3,4", "--device", "cpu")

    def test_messages_say_what_to_do(self):
        folder = harness.pack(PACK)
        result = harness.run("bogus")
        harness.assert_fails(self, result, "'bogus'", "compile, plan, run, call, inspect, explain", status=2)
        with harness.workspace() as work:
            missing = harness.run("compile", work / "none.mlir", "-o", work / "m.hmlt")
            harness.assert_fails(self, missing, "none.mlir", "No such file")
            for name in ("a.hmlt", "model.safetensors"):
                (work / name).write_text("")
                result = harness.run("compile", work / name, "-o", work / "m.hmlt")
                harness.assert_fails(self, result, name, "folder", "config.json", ".mlir")
            source = work / "f.mlir"
            source.write_text("func.func @twice(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {\n  %y = nn.mul %x, %x : tensor<?x8xf32>\n  return %y : tensor<?x8xf32>\n}\n")
            result = harness.run("compile", source, "-o", work / "f.hmlt", "--schedules", work / "none.yaml")
            harness.assert_fails(self, result, "hamlet: error: ", "none.yaml: cannot be read")
            self.assertNotIn("unknown", result.err)
            harness.ok("compile", source, "-o", work / "f.hmlt")
            result = harness.run("run", work / "f.hmlt", "--weights", folder, "--prompt-ids", "1")
            harness.assert_fails(self, result, "hamlet call", "twice")
        self.assertRegex(harness.ok("compile", "--help").out, r"as-stored\|f32\|bf16 \(as-stored\)")

    def test_no_llvm(self):
        """hamlet itself links no LLVM or MLIR."""
        text = subprocess.run(["ldd", str(harness.HAMLET)], capture_output=True, text=True).stdout
        self.assertNotRegex(text, r"(?i)llvm|mlir|clang")
        self.assertIn("libc.so", text)

    def test_runs_without_the_compiler(self):
        """A copy of the command alone runs a compiled file."""
        folder = harness.pack(PACK)
        file = harness.compiled(folder)
        with harness.workspace() as work:
            shutil.copy(harness.HAMLET, work / "hamlet")
            done = subprocess.run(
                [str(work / "hamlet"), "run", str(file), "--weights", str(folder), "--prompt-ids", "1,2,3", "--max-tokens", "4"],
                capture_output=True, text=True, timeout=60, env={**os.environ, "LD_LIBRARY_PATH": str(harness.BIN.parent / "lib")},
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_stats(self):
        folder = harness.pack(PACK)
        run = harness.batch(
            harness.compiled(folder), folder,
            [harness.request("a", range(50), 7), harness.request("b", range(9), 3), harness.request("c", [1])],
            logits=False,
        )  # fmt: skip
        stats = run.stats
        for key in (
            "load_seconds", "prefill_tokens", "prefill_seconds", "prefill_tokens_per_second",
            "decode_tokens", "decode_seconds", "decode_tokens_per_second", "peak_bytes", "rows_per_launch",
            "launches_per_step", "barriers_per_step",
        ):  # fmt: skip
            self.assertIn(key, stats)
        self.assertEqual(stats["prefill_tokens"], 60)
        self.assertEqual(stats["decode_tokens"], 6 + 2)
        self.assertGreater(stats["peak_bytes"], 100_000)
        rate = stats["prefill_tokens"] / stats["prefill_seconds"]
        self.assertAlmostEqual(stats["prefill_tokens_per_second"] / rate, 1, delta=0.01)

    @unittest.skipIf("HAMLET_TEST_COMPILER" in os.environ, "sanitized programs keep memory of their own beside")
    def test_resident_memory(self):
        """The checkpoint, more than 100 MB, does not stay beside the packed weights."""
        with harness.workspace() as work:
            make_bench_model.make(work / "model", "float32", "lightning")
            harness.ok("compile", work / "model", "-o", work / "model.hmlt")
            run = harness.batch(work / "model.hmlt", work / "model", [harness.request("a", range(200), 5)], logits=False)
        planned, peak = run.stats["device_bytes"], run.stats["peak_bytes"]
        self.assertGreater(planned, 100_000_000)
        self.assertLess(peak, 1.1 * planned)

    def test_levels_that_are_not_there(self):
        folder = harness.pack(PACK)
        file = harness.compiled(folder)
        missing = [l for l in ("avx512", "avx512bf16") if l not in harness.cpu_levels()] + ["mmx"]
        for level in missing:
            result = harness.run(
                "run", file, "--weights", folder, "--prompt-ids", "1", env={"HAMLET_CPU": level}
            )
            harness.assert_fails(self, result, level)

    def test_threads_by_environment(self):
        folder = harness.pack(PACK)
        file = harness.compiled(folder)
        for value, status in (("1", 0), ("2", 0), ("none", 1), ("0", 1)):
            result = harness.run(
                "run", file, "--weights", folder, "--prompt-ids", "1", env={"HAMLET_THREADS": value}
            )
            with self.subTest(value=value):
                self.assertIn(result.status, (status, 2 if status else 0), str(result))


if __name__ == "__main__":
    unittest.main()
