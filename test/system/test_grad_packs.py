"""Gradients of the repository's own packs (tied embeddings, shared experts, windows, odd heads, no renormalisation) along
random directions, against central differences of the float64 reference."""

import unittest

import numpy as np

import harness
import reference
import tensors

LENGTHS = (1, 2, 63, 66)
STEP, BOUND = 1e-5, 2e-4  # of the norms of gradient and direction
MOST = 16  # tensors of a pack


def loss(model, sequences, routes=None):
    """The mean of -log p over all tokens but each sequence's first, with the experts of `routes` if they are given: their
    choice has no derivative."""
    total = count = 0
    model.routes = routes and iter(routes)
    for ids in sequences:
        if len(ids) > 1:
            logits = model.forward(ids[:-1])
            largest = logits.max(-1, keepdims=True)
            lse = (largest + np.log(np.exp(logits - largest).sum(-1, keepdims=True)))[:, 0]
            total += (lse - logits[np.arange(len(ids) - 1), ids[1:]]).sum()
            count += len(ids) - 1
    return total / count


class GradPacks(unittest.TestCase):
    def check(self, pack):
        rng = np.random.default_rng(7)
        model = reference.Model.load(pack)
        sequences = [rng.integers(0, len(model.weight("embed")), n) for n in LENGTHS]
        starts = np.cumsum([0, *LENGTHS]).astype(np.int32)
        mask = np.ones(starts[-1], np.float32)
        mask[starts[:-1]] = 0
        with harness.workspace() as work:
            batch = {"ids": np.concatenate(sequences).astype(np.int32), "starts": starts, "mask": mask}
            tensors.write(work / "batch.safetensors", batch)
            output = work / "gradients.safetensors"
            harness.ok("grad", pack, "--data", work / "batch.safetensors", "--output", output, "--dtype", "f32", *harness.family_options(pack))
            found = tensors.read(output)
        self.assertAlmostEqual(float(found["loss"][0]), loss(model, sequences), delta=1e-5)
        names = sorted(model.weights)
        routes = []
        for ids in sequences:
            if len(ids) > 1:
                model.routes = None
                model.forward(ids[:-1])
                routes += model.chosen
        # Those that occur once, and some of each layer's.
        names = [n for n in names if not any(c.isdigit() for c in n)] + list(
            rng.permutation([n for n in names if any(c.isdigit() for c in n)])[:MOST]
        )
        for name in names:
            gradient = found["gradient." + name].astype(np.float64)
            direction = rng.standard_normal(gradient.shape)
            direction /= np.linalg.norm(direction)
            if norm := np.linalg.norm(gradient):
                direction += gradient / norm
            kept = model.weights[name]
            losses = []
            for sign in (1, -1):
                model.weights[name] = kept + sign * STEP * direction
                losses.append(loss(model, sequences, routes))
            model.weights[name] = kept
            difference = (losses[0] - losses[1]) / (2 * STEP)
            error = abs(difference - (gradient * direction).sum())
            bound = BOUND * norm * np.linalg.norm(direction) + 1e-8
            self.assertLess(error, bound, f"{pack.name}: {name}, {difference} along the direction")


for pack in harness.own_packs():
    setattr(GradPacks, "test_" + pack.name.replace("-", "_"), lambda self, pack=pack: self.check(pack))


if __name__ == "__main__":
    unittest.main()
