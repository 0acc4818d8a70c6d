"""Fails on an op definition without a source, an example or constraints where
it has a verifier, and on a constraint that no check or test names."""

import os
import re
import sys

failures = []
for path in sys.argv[1:]:
    text = open(path).read()
    code = "".join(
        open(os.path.join(os.path.dirname(path), f)).read()
        for f in os.listdir(os.path.dirname(path))
        if f.endswith(".cpp")
    )
    tests = os.path.join(
        os.path.dirname(__file__), "..", "dialects", os.path.basename(os.path.dirname(path)), "invalid.mlir"
    )
    tested = open(tests).read() if os.path.exists(tests) else ""
    for match in re.finditer(r"^def (\w+) : .*?^}", text, re.S | re.M):
        op = match.group(0)
        name = re.search(r'_?Op<(?:\w+, )?"(\w+)"', op)
        if not name or name.group(1) == "yield":
            continue
        name = name.group(1)
        if "Source:" not in op:
            failures.append(f"{name}: no source")
        if "```mlir" not in op and "example of" not in op:
            failures.append(f"{name}: no example")
        labels = re.findall(r"^    - \((C\d+)\)", op, re.M)
        if "hasVerifier = 1" in op and not labels:
            failures.append(f"{name}: a verifier without numbered constraints")
        for label in labels:
            if f"// ({label})" not in code:
                failures.append(f"{name}: no check is labelled ({label})")
            if f"@{name}_{label.lower()}" not in tested:
                failures.append(f"{name}: no function of invalid.mlir is named for ({label})")
print("\n".join(failures))
sys.exit(bool(failures))
