"""Prints the `mlir` fences of a page, or of a .td file, that are whole
functions, apart by split markers: input for hamlet-opt -split-input-file."""

import re
import sys

for page in sys.argv[1:]:
    text = open(page).read()
    examples = re.findall(r"^ *```mlir\n(.*?)^ *```", text, re.S | re.M)
    whole = [e for e in examples if "func.func" in e]
    if not whole:
        sys.exit(f"{page}: no example; every op's page has one")
    print("\n// -----\n".join(whole))
