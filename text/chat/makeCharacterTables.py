"""Writes what str methods need to know of characters, as C++ tables, to the file named.

The source is Python's own str type: templates are written for it, so its
answers are the ones wanted. Ranges are inclusive.
"""

import sys

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def final_sigma(before):
    return (before + "\u03a3").lower().endswith("\u03c2")


def ranges(name, holds):
    found = []
    for c in CODE_POINTS:
        if not holds(chr(c)):
            continue
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    rows = "".join(f"{{{first}, {last}}},\n" for first, last in found)
    return f"constexpr Range {name}[] = {{\n{rows}}};\n"


def mappings(name, change):
    rows = []
    for c in CODE_POINTS:
        to = change(chr(c))
        if to != chr(c):
            rows.append(f"{{{c}, {{{', '.join(str(ord(t)) for t in to)}}}}},\n")
    return f"constexpr Mapping {name}[] = {{\n{''.join(rows)}}};\n"


def main():
    parts = [
        ranges("kSpace", str.isspace),
        ranges("kAlpha", str.isalpha),
        ranges("kDecimal", str.isdecimal),
        ranges("kDigit", str.isdigit),
        ranges("kNumeric", str.isnumeric),
        ranges("kPrintable", str.isprintable),
        ranges("kUpperCase", str.isupper),
        ranges("kLowerCase", str.islower),
        ranges("kTitleCase", lambda c: c.istitle() and not c.isupper()),
        # A capital sigma has another small letter at the end of a word: after a cased letter, whatever stands between
        # that is ignored. Python tells these apart only so.
        ranges("kCased", final_sigma),
        ranges("kCaseIgnorable", lambda c: final_sigma("A" + c) and not final_sigma(c)),
        mappings("kToUpper", str.upper),
        mappings("kToLower", str.lower),
        mappings("kToTitle", str.title),
    ]
    with open(sys.argv[1], "w") as out:
        out.write("// Made by text/chat/makeCharacterTables.py.\n" + "".join(parts))


main()
