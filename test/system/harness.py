"""What the system tests share: finding the build, running its commands, and
compiling each model once for all of them.

HAMLET_BIN     folder of the commands (build/bin)
HAMLET_SHARED  packs and models outside the repository (../shared)
HAMLET_TEST_CACHE  compiled files (build/test-cache); a file is compiled anew
                   when the commands or the model have changed
HAMLET_TEST_COMPILER  folder of the commands that compile packs (HAMLET_BIN): a
                   sanitized runtime runs what a fast compiler made
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test" / "golden"
sys.path.insert(0, str(GOLDEN))

import tensors

BIN = pathlib.Path(os.environ.get("HAMLET_BIN", ROOT / "build" / "bin"))
SHARED = pathlib.Path(os.environ.get("HAMLET_SHARED", ROOT / ".." / "shared")).resolve()
CACHE = pathlib.Path(os.environ.get("HAMLET_TEST_CACHE", BIN.parent / "test-cache"))
COMPILER_BIN = pathlib.Path(os.environ.get("HAMLET_TEST_COMPILER", BIN))
KERNELS = CACHE / "kernels"  # of --cache, shared by all that compile packs
CACHED = ("--cache", KERNELS)
FAMILIES = GOLDEN / "families"
HAMLET = BIN / "hamlet"
TIMEOUT = 240  # seconds; a command that runs longer hangs


def own_packs():
    return sorted(p.parent for p in GOLDEN.glob("packs/*/golden.json"))


def shared_packs():
    return sorted(p.parent for p in (SHARED / "golden").glob("*/golden.json"))


def pack(name):
    return GOLDEN / "packs" / name


def golden(folder):
    """(golden.json, the tensors of golden.safetensors) of a pack."""
    truth = json.loads((folder / "golden.json").read_text())
    return truth, tensors.read(folder / "golden.safetensors")


def cpu_levels():
    """The HAMLET_CPU levels of this machine, the least first."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    flags = set(next(l for l in text.splitlines() if l.startswith("flags")).split())
    levels = ["avx2"]
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"} <= flags:
        levels.append("avx512")
        if "avx512_bf16" in flags:
            levels.append("avx512bf16")
    return levels


def ptxas():
    """The assembler's path, as the compiler finds it; None: there is none."""
    return shutil.which("ptxas") or next((p for p in ("/usr/local/cuda/bin/ptxas",) if os.path.exists(p)), None)


def targets():
    """The --target of each level of this machine, the least first."""
    names = {"avx2": "x86-64-v3", "avx512": "x86-64-v4", "avx512bf16": "x86-64-v4-bf16"}
    return [names[level] for level in cpu_levels()]


class Result:
    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = command, status, out, err

    def __str__(self):
        command = " ".join(map(str, self.command))
        return f"{command}\nstatus {self.status}\n{self.out[-2000:]}{self.err[-4000:]}"


def run(*arguments, env=None, timeout=TIMEOUT, hamlet=HAMLET, **more):
    """Runs a hamlet command to its end."""
    command = [str(hamlet), *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={k: v for k, v in {**os.environ, "HAMLET_CACHE": "", **(env or {})}.items() if v is not None},
            timeout=timeout,
            **more,
        )
    except subprocess.TimeoutExpired:
        raise AssertionError(f"ran longer than {timeout} s: {' '.join(command)}") from None
    except FileNotFoundError:
        raise AssertionError(f"{hamlet} is missing; build it or set HAMLET_BIN") from None
    out = done.stdout.decode(errors="replace")
    return Result(command, done.returncode, out, done.stderr.decode(errors="replace"))


def ok(*arguments, **more):
    """Runs a command that must succeed."""
    result = run(*arguments, **more)
    if result.status != 0:
        raise AssertionError(f"expected status 0\n{result}")
    return result


@contextlib.contextmanager
def workspace():
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hamlet-test-") as folder:
        yield pathlib.Path(folder)


def _stamp(path):
    """Changes when the file or folder does."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def compile_pack(source, path, *options):
    """Compiles `source` to `path`, by COMPILER_BIN and with cached kernels."""
    options = (*options, *family_options(source), *CACHED)
    ok("compile", source, "-o", path, *options, hamlet=COMPILER_BIN / "hamlet")


def compiled(source, *options):
    """The .hmlt of `source` (folder, config.json or .mlir) under `options`, for
    the level of this machine unless they have a --target. Packs are compiled by
    COMPILER_BIN, a .mlir by the build under test."""
    source = pathlib.Path(source)
    if "--target" not in options:
        options = (*options, "--target", targets()[-1])
    folder = BIN if source.suffix == ".mlir" else COMPILER_BIN
    if not (folder / "hamlet").exists():
        raise AssertionError(f"{folder}/hamlet is missing; build it or set HAMLET_BIN")
    programs = [_stamp(p) for p in sorted(folder.glob("hamlet*")) if p.is_file()]
    key = repr((str(source), _stamp(source), list(map(str, options)), programs))
    name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.hmlt"
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / name
    with open(CACHE / (name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            if folder == COMPILER_BIN:
                compile_pack(source, path, *options)
            else:
                ok("compile", source, "-o", path, *options)
    return path


def stage(source, name, *options):
    """The text of one stage of compiling `source`."""
    options = (*options, *family_options(source), *CACHED)
    return ok("compile", source, "--compile-to", name, *options, hamlet=COMPILER_BIN / "hamlet").out


def family_options(source):
    """--models for the packs whose family is described in the test tree alone."""
    config = pathlib.Path(source) / "config.json"
    known = not config.exists() or json.loads(config.read_text()).get("model_type") != "lantern"
    return () if known else ("--models", FAMILIES)


def request(id, prompt, max_tokens=0, **more):
    ids = [int(t) for t in prompt]
    return {"id": id, "prompt_ids": ids, "max_tokens": max_tokens, **more}


class Batch:
    """What one `hamlet run --batch` gave: `answers` by id, `logits` by id
    (f32 [rows, vocabulary], where asked for), `stats`."""

    def __init__(self, answers, logits, stats, result):
        self.answers, self.logits, self.stats, self.result = answers, logits, stats, result

    def tokens(self, id):
        return self.answers[id]["tokens"]


def write_requests(path, requests):
    path.write_text("".join(json.dumps(r) + "\n" for r in requests))


def call(file, function, arrays, outputs, *options):
    """The outputs of one function."""
    with workspace() as work:
        arguments = ["call", file, "--function", function, *options]
        for i, array in enumerate(arrays):
            np.save(work / f"i{i}.npy", array)
            arguments += ["--input", work / f"i{i}.npy"]
        for i in range(outputs):
            arguments += ["--output", work / f"o{i}.npy"]
        ok(*arguments)
        return [np.load(work / f"o{i}.npy") for i in range(outputs)]


def batch(file, weights, requests, *options, logits=True, env=None, folder=None):
    """Runs `requests` through a compiled file and reads back what it wrote."""
    with contextlib.ExitStack() as stack:
        folder = folder or stack.enter_context(workspace())
        source, output = folder / "in.jsonl", folder / "out.jsonl"
        write_requests(source, requests)
        arguments = ["run", file, "--weights", weights, "--batch", source, "--output", output]
        arguments += ["--stats", folder / "stats.json", *options]
        if logits:
            arguments += ["--dump-logits", folder / "logits.safetensors"]
        result = ok(*arguments, env=env)
        answers = [json.loads(line) for line in output.read_text().splitlines()]
        found = [a["id"] for a in answers]
        wanted = [r["id"] for r in requests]
        if found != wanted:
            raise AssertionError(f"answers are not in the order of the requests: {found}")
        dumped = {}
        if logits:
            for name, rows in tensors.read(folder / "logits.safetensors").items():
                dumped[name[: -len(".logits")]] = rows
        stats = json.loads((folder / "stats.json").read_text())
        return Batch({a["id"]: a for a in answers}, dumped, stats, result)


def assert_same_bits(test, found, wanted, what):
    """Equal as bits: neither a tolerance nor -0 == 0."""
    test.assertEqual(found.shape, wanted.shape, what)
    a, b = found.view(np.uint32), wanted.view(np.uint32)
    if not np.array_equal(a, b):
        rows = np.nonzero((a != b).any(-1))[0]
        largest = np.abs(found.astype(np.float64) - wanted).max()
        test.fail(
            f"{what}: {len(rows)} of {len(a)} rows differ, the first is {rows[0]}, "
            f"by at most {largest:.3g}"
        )


def assert_fails(test, result, *words, status=1):
    """A clear error: that status, one message on stderr that has the words,
    no crash, no stack trace."""
    test.assertEqual(result.status, status, str(result))
    test.assertTrue(result.err.strip(), str(result))
    for word in words:
        test.assertIn(word, result.err, str(result))
    for trace in ("Stack dump", "Assertion", "terminate called", "Sanitizer"):
        test.assertNotIn(trace, result.err, str(result))


def copy_pack(folder, destination):
    """A writable copy of a checkpoint (without its golden files)."""
    destination.mkdir(parents=True)
    for file in folder.iterdir():
        if not file.name.startswith(("golden", "train")):
            target = destination / file.name
            shutil.copyfile(file, target)
            target.chmod(0o644)
    return destination


def edit_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.update(changes)
    path.write_text(json.dumps(config, indent=1))
    return folder
