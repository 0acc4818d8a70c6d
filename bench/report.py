#!/usr/bin/python3
"""Writes the tables of docs/performance.md from files of `bench/run --json`.

    bench/report.py [--page F] RESULTS.json...

Between the lines `<!-- table -->` and `<!-- end -->` of the page stands what this
writes; the rest of the page is left as it is.
"""

import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- table -->", "<!-- end -->"


def figure(row, value):
    if row["unit"] == "s":
        return f"{value * 1e3:.3g} ms"
    return f"{value:.4g} {row['unit']}"


def rate(row):
    if not row.get("flops"):
        return ""
    seconds = row["hamlet"] if row["unit"] == "s" else row["tokens"] / row["hamlet"]
    if row["bound"] == "compute":
        return f"{row['flops'] / seconds / 1e9:.0f} GF/s"
    return f"{row['bytes'] / seconds / 1e9:.1f} GB/s"


def roofline(row):
    """The fraction, of what, and for memory what was read before and after."""
    if not row.get("roofline"):
        return ""
    text = f"{row['roofline']:.2f} ({row['bound']}"
    if row["bound"] == "memory" and "around" in row:
        text += ", {:.1f} and {:.1f} GB/s".format(*row["around"]["reads"])
    return text + ")"


def table(path):
    facts = json.loads(path.read_text())
    rows = [r for r in facts["rows"] if not r["what"].startswith("kernel ")]
    runs = {r["run"]["time"]: r["run"] for r in rows}
    level = f", held to {facts['level']}" if facts.get("level") else ""
    lines = [f"### {facts['processor']}, {facts['threads']} threads{level}", ""]
    for time, run in runs.items():
        rates = ", ".join(f"{k} {v:.0f} GF/s" for k, v in run["machine"]["gflops"].items())
        read = f"read {run['machine']['read_gb_per_s']:.1f} GB/s"
        lines.append(f"Run of {time} (commit {run['commit']}): {rates}, {read}.  ")
    versions = sorted({v for r in rows for v in r.get("versions", {}).values()} | set(facts.get("versions", {}).values()))
    if versions:
        lines += ["", "Peers: " + "; ".join(versions) + "."]
    lines += ["", "| row | Hamlet | rate | of the roofline | peers | Hamlet over peers |", "|---|---|---|---|---|---|"]
    for row in rows:
        peers = ", ".join(f"{p} {figure(row, v)}" for p, v in row.get("peers", {}).items())
        ratios = ", ".join(f"{v:.2f}" for v in row.get("ratios", {}).values())
        lines.append(f"| {row['what']} | {figure(row, row['hamlet'])} | {rate(row)} | {roofline(row)} | {peers} | {ratios} |")
    kernels = [r for r in facts["rows"] if r["what"].startswith("kernel ")]
    if kernels:
        lines += ["", "| kernel of the bench model | ms | share | launches | of the roofline |", "|---|---|---|---|---|"]
        for row in kernels:
            if row["share"] >= 0.01:
                share = f"{row['hamlet'] * 1e3:.1f} | {row['share']:.1%} | {row['launches']}"
                lines.append(f"| {row['what'][7:]} | {share} | {roofline(row)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=pathlib.Path, default=PAGE)
    parser.add_argument("results", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    page = args.page.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"{args.page}: expected the lines {BEGIN} and {END}")
    head, rest = page.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    tables = "\n\n".join(table(path) for path in args.results)
    args.page.write_text(f"{head}{BEGIN}\n{tables}\n{END}{tail}")


if __name__ == "__main__":
    main()
