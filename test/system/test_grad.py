"""`hamlet grad` on golden packs: loss, log-probabilities, entropies and every gradient against float64; the same bits for
any micro-batches and threads."""

import json
import os
import unittest

import numpy as np

import harness
import tensors

PACKS = [p for p in harness.shared_packs() if (p / "train.json").exists()]
F32_BOUND = 2e-5  # of a tensor's largest


def write_batch(path, golden, names=("ids", "starts", "mask", "advantages", "old_logprobs"), **changes):
    batch = {name: golden[name] for name in names} | changes
    for name in ("ids", "starts"):
        batch[name] = batch[name].astype(np.int32)
    tensors.write(path, batch)


def options(loss, truth):
    """What `train.json` says of a loss, as flags."""
    if loss == "cross_entropy":
        return ()
    if loss == "ppo":
        low, high = truth["ppo_clip"]
        return ("--loss", "ppo", "--set", f"algorithm.clip_low={1 - low},algorithm.clip_high={1 + high}")
    more = ""
    if loss == "cispo_entropy_balance":
        more = f",algorithm.entropy={truth['entropy_coefficient']},algorithm.balance={truth['balance_coefficient']}"
    return ("--loss", "cispo", "--set", f"algorithm.is_high={1 + truth['clip_high']}{more}")


class Grad(unittest.TestCase):
    def grad(self, pack, work, loss, *more):
        golden, truth = tensors.read(pack / "train.safetensors"), json.loads((pack / "train.json").read_text())
        write_batch(work / "batch.safetensors", golden)
        output = work / "gradients.safetensors"
        arguments = ["grad", pack, "--data", work / "batch.safetensors", "--output", output, "--dtype", "f32"]
        harness.ok(*arguments, *options(loss, truth), *more)
        return golden, truth, tensors.read(output)

    def test_golden(self):
        for pack in PACKS:
            for loss in ("cross_entropy", "cispo", "ppo", "cispo_entropy_balance"):
                with self.subTest(pack=pack.name, loss=loss), harness.workspace() as work:
                    golden, truth, found = self.grad(pack, work, loss)
                    self.assertAlmostEqual(float(found["loss"][0]), truth["loss"][loss], delta=2e-6 * abs(truth["loss"][loss]) + 1e-6)
                    for name in ("logprobs", "entropies"):
                        np.testing.assert_allclose(found[name], golden[name], atol=1e-5)
                    squares = sum(float((g.astype(np.float64) ** 2).sum()) for n, g in found.items() if n.startswith("gradient."))
                    self.assertAlmostEqual(squares**0.5, truth["gradient_norm"][loss], delta=1e-6)
                    for name, exact in golden.items():
                        if name.startswith(loss + "."):
                            error = np.abs(found["gradient." + name[len(loss) + 1 :]] - exact).max() / np.abs(exact).max()
                            self.assertLess(error, F32_BOUND, name)

    def test_bits(self):
        pack = next(p for p in PACKS if p.name == "minimax-7p1")
        with harness.workspace() as work:
            _, _, whole = self.grad(pack, work, "cispo_entropy_balance", "--threads", "2")
            for more in (("--threads", "1"), ("--micro-batch-tokens", "1"), ("--micro-batch-tokens", "200")):
                _, _, found = self.grad(pack, work, "cispo_entropy_balance", *more)
                for name, array in whole.items():
                    harness.assert_same_bits(self, found[name], array, f"{name} with {more}")

    @unittest.skipUnless(os.environ.get("HAMLET_TEST_ALL"), "skipped: a training step on the emulated GPU, in ./check --all")
    def test_emulated(self):
        """The PTX of every gradient, on short sequences: in f32 the CPU's bits."""
        pack, starts = harness.pack("minimax-7p1-tied"), np.int32([0, 5, 12])
        mask = np.ones(12, np.float32)
        mask[starts[:-1]] = 0
        found = {}
        with harness.workspace() as work:
            batch = {"ids": np.arange(12, dtype=np.int32) * 7 % 96, "starts": starts, "mask": mask}
            tensors.write(work / "batch.safetensors", batch)
            for device in ("cpu", "emulated"):
                output = work / f"{device}.safetensors"
                options = ("--dtype", "f32", "--device", device)
                harness.ok("grad", pack, "--data", work / "batch.safetensors", "--output", output, *options, timeout=1200)
                found[device] = tensors.read(output)
        for name, array in found["cpu"].items():
            harness.assert_same_bits(self, found["emulated"][name], array, name)

    def test_aggregations(self):
        """A weight of each token: of a mask that is not 0 or 1 the sum divides; sequences count alike where it says so."""
        pack = harness.pack("mixtral-window")
        starts = np.int32([0, 3, 9])
        ids, mask = np.arange(9, dtype=np.int32), np.float32([0, 1, 0.5, 0, 0.25, 1, 1, 0, 1])
        of = {
            "token-mean": mask / mask.sum(),
            "token_sum": mask,
            "seq-mean-token-sum": mask / 2,
            "seq-mean-token-mean": np.concatenate([m / (2 * m.sum()) for m in (mask[:3], mask[3:])]),
        }
        with harness.workspace() as work:
            tensors.write(work / "batch.safetensors", {"ids": ids, "starts": starts, "mask": mask})
            common = ["grad", pack, "--data", work / "batch.safetensors", "--dtype", "f32", "--output"]
            for name, weights in of.items():
                harness.ok(*common, work / "g.safetensors", "--set", f"algorithm.aggregation={name}")
                found = tensors.read(work / "g.safetensors")
                want = -(weights * found["logprobs"].astype(np.float64)).sum()
                self.assertAlmostEqual(float(found["loss"][0]), want, delta=1e-6 * abs(want), msg=name)
            for name, words in (("prompt-mean-token", "prompt of each sequence"), ("length", "most tokens"), ("mean", "unknown aggregation")):
                done = harness.run(*common, work / "no.safetensors", "--set", f"algorithm.aggregation={name}")
                harness.assert_fails(self, done, words)
            self.assertFalse((work / "no.safetensors").exists())

    def test_bad_batches(self):
        pack = PACKS[0]
        golden = tensors.read(pack / "train.safetensors")
        cases = [
            (dict(starts=np.array([0, 3], np.float32)), "boundaries from 0 to the"),
            (dict(mask=golden["mask"][:-1]), "'mask': expected"),
            (dict(mask=np.ones_like(golden["mask"])), "first token of a sequence"),
            (dict(mask=-golden["mask"]), "expected 0 or more"),
            (dict(ids=np.full_like(golden["ids"], 10**6)), "below"),
        ]
        with harness.workspace() as work:
            for changes, words in cases:
                write_batch(work / "bad.safetensors", golden, **changes)
                done = harness.run("grad", pack, "--data", work / "bad.safetensors", "--output", work / "out.safetensors")
                harness.assert_fails(self, done, words)
            write_batch(work / "few.safetensors", golden, names=("ids", "starts", "mask"))
            done = harness.run("grad", pack, "--data", work / "few.safetensors", "--output", work / "out.safetensors", "--loss", "cispo")
            harness.assert_fails(self, done, "advantages")
            self.assertFalse((work / "out.safetensors").exists())


if __name__ == "__main__":
    unittest.main()
