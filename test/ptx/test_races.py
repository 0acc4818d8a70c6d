"""Races of random programs: `test_races.py [COUNT] [FIRST SEED]`. Every program that races must be reported, none that does
not, and nothing but what races. HAMLET_TEST_ALL=1 runs 2,000 of them."""
import os, sys, tempfile
from harness import *
from race_programs import Maker


def main():
    everything = os.environ.get("HAMLET_TEST_ALL") == "1"
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000 if everything else 60
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    missed = wrong = racing = 0
    keep = os.environ.get("HAMLET_TEST_KEEP")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            program = Maker(seed).program()
            text = program.ptx()
            found = program.races()
            if found is None:  # without a meeting some wait for ever
                continue
            races, reports = found
            path = os.path.join(folder, "k.ptx")
            open(path, "w").write(text)
            run = Run(path, "k", str(program.grid), str(program.block), ["zeros:u32:4096", "zeros:u32:1024"], (),
                      ["--check", "--async", "eager", "--seed", str(seed % 5)])
            lines = {tuple(sorted((f["first"]["line"], f["second"]["line"]))) for f in run.errors() if f["kind"] == "race"}
            others = [f["kind"] + ": " + f["message"] for f in run.errors() if f["kind"] != "race"]
            racing += bool(races)
            bad = ""
            if run.status not in (0, 3) or others or run.stderr:
                bad = "status %d %s %s" % (run.status, others[:1], run.stderr[:300])
            elif races and not lines:
                bad = "missed %s" % sorted(races)
            elif lines - reports:
                bad = "no race %s of %s" % (sorted(lines - reports), sorted(races))
            missed += bad.startswith("missed")
            wrong += bool(bad) and not bad.startswith("missed")
            if bad:
                print("seed %d (block %d, grid %d): %s" % (seed, program.block, program.grid, bad), flush=True)
                if keep:
                    open(os.path.join(keep, "race%d.ptx" % seed), "w").write(text)
    print("%d programs, %d of them race: %d missed, %d wrong" % (count, racing, missed, wrong))
    return 1 if missed or wrong or racing < count // 8 or racing > count - count // 8 else 0


if __name__ == "__main__":
    sys.exit(main())
