#!/usr/bin/env python3
"""Fails unless a collected reproduction is the plain one: every file equal but for the seconds in results.csv.

    results/scale/same_table.py PLAIN COLLECTED
"""

import csv
import pathlib
import sys


def contents(folder):
    """The record, the page, the figures and the table without times, by name."""
    files = [path for path in [*folder.iterdir(), *folder.glob("figures/*")] if path.is_file()]
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    rows = list(csv.reader((folder / "results.csv").open(newline="")))
    found["results.csv"] = [[cell for cell, name in zip(row, rows[0]) if name != "seconds"] for row in rows]
    return found


plain, collected = (contents(pathlib.Path(folder)) for folder in sys.argv[1:])
different = [name for name in sorted(plain | collected) if plain.get(name) != collected.get(name)]
if different:
    sys.exit(f"the collected files differ: {', '.join(different)}")
print(f"{len(plain)} files are equal, results.csv with {len(plain['results.csv']) - 1} numbers but for the seconds")
