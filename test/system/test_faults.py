"""Each driver call of a run on the emulated device fails in turn: the run goes on or fails with a clear error that names the
call; it never crashes, hangs, leaves files or objects of the driver. HAMLET_LONG=1: the first 200 calls with several codes, else a sample."""

import json
import os
import re
import unittest

import harness

LONG = bool(os.environ.get("HAMLET_LONG"))
CODES = (2, 700, 719) if LONG else (2, 719)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.pack("minimax-alternating-6x24")
        cls.file = harness.compiled(cls.folder, "--dtype", "f32", "--target", "sm_80")
        _, truth = harness.golden(cls.folder)
        cls.requests = [harness.request("a", truth["t0003.input_ids"], 2), harness.request("b", truth["t0065.input_ids"], 1)]

    def run_with(self, fault, work):
        work.mkdir()
        harness.write_requests(work / "in.jsonl", self.requests)
        return harness.run(
            "run", self.file, "--weights", self.folder, "--device", "emulated", "--batch", work / "in.jsonl",
            "--output", work / "out.jsonl", "--dump-logits", work / "l.safetensors", timeout=60,
            env={"EMU_FAULT": fault, "EMU_LIVE": str(work.parent / (work.name + ".live"))},
        )  # fmt: skip

    def check(self, fault, work):
        result = self.run_with(fault, work)
        left = sorted(p.name for p in work.iterdir())
        self.check_freed(fault, work, result)
        if result.status == 0:
            self.assertEqual(left, ["in.jsonl", "l.safetensors", "out.jsonl"], fault)
            return False
        harness.assert_fails(self, result)
        self.assertRegex(result.err, r"\bcu[A-Z]\w+", f"{fault}: no driver call is named\n{result}")
        self.assertLessEqual(len(result.err.strip().splitlines()), 3, f"{fault}\n{result}")
        self.assertEqual(left, ["in.jsonl"], f"{fault}: files are left behind")
        return True

    def check_freed(self, fault, work, result):
        """Nothing is alive at the end. A sticky error leaves freeing to the context's end, as does a free that fails."""
        account = json.loads((work.parent / (work.name + ".live")).read_text())
        released = "DevicePrimaryCtxRelease" in result.err
        if not released:
            self.assertEqual(account["live"], 0, f"{fault}\n{result}")
        # Of a run that goes on the call that failed freed something.
        if fault.endswith("=2") and not released:
            most = 1 if result.status == 0 or re.search(r"\bcu(MemFree|ModuleUnload|StreamDestroy|EventDestroy)", result.err) else 0
            self.assertLessEqual(account["abandoned"], most, f"{fault}: objects were left to the context's end\n{result}")

    def test_each_call(self):
        failed = 0
        with harness.workspace() as work:
            for n in range(1, 201) if LONG else list(range(1, 30, 2)) + list(range(30, 201, 17)):
                for code in CODES:
                    with self.subTest(call=n, code=code):
                        failed += self.check(f"any@{n}={code}", work / f"{n}-{code}")
        self.assertGreater(failed, 10)

    def test_named_calls(self):
        """The message names the call that failed."""
        with harness.workspace() as work:
            for name in ("cuInit", "cuDeviceGet", "cuModuleLoadDataEx", "cuMemAlloc_v2", "cuLaunchKernel", "cuStreamSynchronize",
                         "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2"):  # fmt: skip
                with self.subTest(call=name):
                    result = self.run_with(f"{name}@1=2", work / name)
                    if result.status:
                        harness.assert_fails(self, result)
                        self.assertRegex(result.err, re.sub(r"(_v2|Ex)$", "", name), str(result))

    def test_memory_budget(self):
        with harness.workspace() as work:
            os.environ["EMU_MEMORY"] = "65536"
            try:
                result = self.run_with("", work / "budget")
            finally:
                del os.environ["EMU_MEMORY"]
            harness.assert_fails(self, result, "cannot allocate", "cuMemAlloc")


if __name__ == "__main__":
    unittest.main()
