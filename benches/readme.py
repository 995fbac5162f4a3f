"""Puts the benchmarks' tables into README.md: `python benches/readme.py`.

The figures are those that `run.py --json` and `run_async.py --json` wrote (benches/results/speed.json, async.json). What
stands between the markers is replaced. With `--check` nothing is written: it fails if README.md does not show these figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import report
import run_async

HERE = Path(__file__).resolve().parent
#: What writes each table, from which figures, and its name in the markers.
TABLES = [
    ("bench", "speed.json", report.markdown),
    ("bench-async", "async.json", run_async.markdown),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it would change something")
    arguments = parser.parse_args()
    new = old = arguments.readme.read_text()
    for name, figures, markdown in TABLES:
        start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
        before, found, rest = new.partition(start)
        _, found_end, after = rest.partition(end)
        if not found or not found_end:
            sys.exit(f"{arguments.readme} lacks the lines {start} and {end}")
        new = f"{before}{start}\n{markdown(json.loads((arguments.results / figures).read_text()))}\n{end}{after}"
    if arguments.check and new != old:
        sys.exit(f"{arguments.readme} does not show what is in {arguments.results}: run benches/readme.py")
    if not arguments.check:
        arguments.readme.write_text(new)


if __name__ == "__main__":
    main()
