"""Every instruction form on random and edge inputs against a second
implementation written from the ISA's text."""
import argparse, json, os, re, subprocess, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import batch as batching
from form import FORMS
import integer, real
for name in ("convert", "compare", "warp", "memory", "matrix", "warpgroup", "barrier", "bulk", "tensor", "im2col", "atomics", "wmma", "video", "cluster", "spaces"):
    if os.path.exists(os.path.join(HERE, name + ".py")):
        __import__(name)

COMMAND = os.environ.get("HAMLET_PTX") or os.path.join(HERE, "../../../build/bin/hamlet-ptx")


HARDWARE = os.path.join(HERE, "hardware.json")  # device.py --record
UNSEEN = os.path.join(HERE, "unseen.txt")


def unseen():
    """Names of the forms that no device has run."""
    seen = json.load(open(HARDWARE))["forms"] if os.path.exists(HARDWARE) else {}
    return sorted(f.name for f in FORMS if f.name not in seen)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--only", help="regular expression of form names")
    p.add_argument("--ptxas", action="store_true", help="assemble every kernel too, to prove that the forms exist")
    p.add_argument("--list", action="store_true")
    p.add_argument("--write-unseen", action="store_true", help="write unseen.txt from hardware.json")
    a = p.parse_args()
    forms = [f for f in FORMS if not a.only or re.search(a.only, f.name)]
    if a.list:
        print("\n".join(f.name for f in forms))
        return 0
    if a.write_unseen:
        open(UNSEEN, "w").write("\n".join(unseen()) + "\n")
        return 0
    assert len({f.name for f in FORMS}) == len(FORMS), "a form stands twice"
    failed, vectors = [], 0
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        for b in batching.batches(forms):
            status, message, out = batching.execute(b, folder, COMMAND)
            if a.ptxas:
                assemble(b, folder)
            if out is None:
                # One form at a time finds which.
                for f in b.forms:
                    one = batching.Batch("one", [f])
                    status, message, out = batching.execute(one, folder, COMMAND)
                    if out is None:
                        failed.append(f.name)
                        print("%-40s does not run: %s" % (f.name, message.strip()[:150]))
                    else:
                        check(f, one.output(out, 0), failed)
                continue
            for i, f in enumerate(b.forms):
                vectors += f.count
                check(f, b.output(out, i), failed)
    if not a.only and unseen() != open(UNSEEN).read().split("\n")[:-1]:
        failed.append("unseen.txt")
        print("unseen.txt is not what hardware.json leaves: run test_forms.py --write-unseen")
    print("%d forms, %d vectors, %d wrong, %.1f s" % (len(forms), vectors, len(failed), time.time() - start))
    return 1 if failed else 0


def check(f, got, failed):
    bad = batching.differences(f, got)
    if bad:
        failed.append(f.name)
        print("%-40s" % f.name, "; ".join("%s: %s, expected %s" % (",".join(c), g, w) for _, c, g, w in bad[:2]))


def assemble(b, folder):
    path = os.path.join(folder, b.name + ".ptx")
    done = subprocess.run(["/usr/local/cuda/bin/ptxas", "-O0", "-arch=" + b.target, path, "-o", "/dev/null"], capture_output=True, text=True)
    if done.returncode:
        lines = open(path).read().split("\n")
        if "error" not in done.stderr:
            print(done.stderr[:300])
        for m in re.finditer(r"line (\d+); error\s*: (.*)", done.stderr):
            at = int(m.group(1)) - 1
            print("ptxas:", lines[at].strip()[:100], "|", m.group(2))


if __name__ == "__main__":
    sys.exit(main())
