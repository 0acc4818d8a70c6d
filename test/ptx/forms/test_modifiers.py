"""A modifier or opcode that is not there is an error with its line, never skipped:
every instruction of every form, once with a word more and once with another opcode."""
import os, re, subprocess, sys, tempfile
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import batch as batching
import test_forms

# An opcode with its modifiers, where a statement begins.
STATEMENT = re.compile(r"((?:^|[;{}:])\s*(?:@!?%\w+\s+)?)([a-z][a-z0-9_]*)((?:\.[A-Za-z0-9_:]+)*)(?=[\s;])")


def damaged(text, change):
    """The entry's instructions, one a line, changed; and how many."""
    head, body = re.sub("//.*", "", text).split("\n{", 1)
    lines, count = [], 0
    for statement in re.split(r"(?<=[;])", body):
        def replaced(m):
            nonlocal count
            count += 1
            return m.group(1) + change(m.group(2), m.group(3))
        lines.append(STATEMENT.sub(replaced, statement.replace("\n", " "), count=1))
    return head + "\n{" + "\n".join(lines), count


def check(path, text, count, what):
    open(path, "w").write(text)
    done = subprocess.run([test_forms.COMMAND, "info", path], capture_output=True, text=True)
    found = re.findall(r"unsupported: line (\d+): (.*)", done.stdout)
    lines = {int(line) for line, _ in found}
    if len(lines) == count:
        return 0
    print("%s: %d of %d instructions are errors: %s" % (what, len(lines), count, done.stderr.strip()[:200]))
    rows = text.split("\n")
    for i, row in enumerate(rows):
        if (".bogus" in row or "bogus" in row) and i + 1 not in lines:
            print("  line %d is none: %s" % (i + 1, row.strip()[:120]))
            break
    return 1


def main():
    bad = checked = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "f.ptx")
        # One form of each opcode and modifiers is enough.
        seen, forms = set(), []
        for f in test_forms.FORMS:
            key = f.name.split(" ")[0]
            if key not in seen and not f.map:
                seen.add(key)
                forms.append(f)
        for b in batching.batches(forms, 256):
            for what, change in (("a modifier more", lambda op, rest: op + rest + ".bogus"), ("another opcode", lambda op, rest: op + "bogus" + rest)):
                text, count = damaged(b.text(), change)
                checked += count
                bad += check(path, text, count, what)
    print("%d damaged instructions, %d files with one that was taken" % (checked, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
