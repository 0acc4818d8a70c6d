"""Holds the definitions, checks, tests and examples of the dialects together: fails on an op without an example or,
in a dialect that computes what a publication defines, without a source; on a verifier without numbered constraints;
and on a constraint that no check or test names. Argument: the folder of the dialects."""

import os
import re
import sys

WITHOUT_SOURCES = {"Tile", "Program"}  # what they mean is said by themselves

failures = []
root = sys.argv[1]
tests = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dialects")


def read(folder, suffix):
    names = sorted(f for f in os.listdir(folder) if f.endswith(suffix)) if os.path.isdir(folder) else []
    return "".join(open(os.path.join(folder, f)).read() for f in names)


def check(dialect, kind, name, text, code, tested):
    labels = re.findall(r"^    - \((C\d+)\)", text, re.M)
    where = f"{dialect}: {name}"
    if kind == "Op" and "Source:" not in text and dialect not in WITHOUT_SOURCES:
        failures.append(f"{where}: no source")
    if kind == "Op" and "```mlir" not in text and "example of" not in text:
        failures.append(f"{where}: no example")
    if ("hasVerifier = 1" in text or "genVerifyDecl = 1" in text) and not labels:
        failures.append(f"{where}: a verifier without numbered constraints")
    for label in labels:
        if f"// ({label})" not in code:
            failures.append(f"{where}: no check is labelled ({label})")
        if f"@{name}_{label.lower()}" not in tested:
            failures.append(f"{where}: no function of invalid.mlir is named for ({label})")


checked = 0
for dialect in sorted(os.listdir(root)):
    folder = os.path.join(root, dialect)
    definitions = read(folder, ".td")
    if not definitions:
        continue
    code = read(folder, ".cpp")
    tested = read(os.path.join(tests, dialect), ".mlir")
    for match in re.finditer(r"^def (\w+) : .*?^}", definitions, re.S | re.M):
        text = match.group(0)
        op = re.search(r'_?Op<(?:\w+, )?"(\w+)"', text)
        attribute = re.match(r'def \w+ : \w+_Attr<"\w+", "(\w+)"', text)
        if op and op.group(1) != "yield":
            check(dialect, "Op", op.group(1), text, code, tested)
            checked += 1
        elif attribute:
            check(dialect, "Attr", attribute.group(1), text, code, tested)
if not checked:
    failures.append(f"{root}: no op found")
print("\n".join(failures))
sys.exit(bool(failures))
