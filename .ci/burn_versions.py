#!/usr/bin/env python3
"""Checks the library against every release of Burn that its requirement admits, beside the locked one."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENT = "0.22."
# Another command than `check`, such as `test --release --test it`, by hand.
COMMAND = sys.argv[1:] or ["check", "--lib"]


def published(name):
    """The rows of a package in the index of crates.io: versions, checksums, and whether they are withdrawn."""
    with urllib.request.urlopen(f"https://index.crates.io/{name[:2]}/{name[2:4]}/{name}", timeout=60) as answer:
        return [json.loads(line) for line in answer.read().decode().splitlines()]


def releases():
    """The versions that crates.io has and that are not withdrawn."""
    plain = re.compile(re.escape(REQUIREMENT) + r"\d+")
    return [row["vers"] for row in published("burn") if not row["yanked"] and plain.fullmatch(row["vers"])]


def locked(folder):
    """Burn's packages and their locked versions."""
    return dict(re.findall(r'name = "(burn(?:-[\w-]+)?)"\nversion = "([^"]+)"', (folder / "Cargo.lock").read_text()))


def move(folder, version):
    """Locks all of Burn's packages to one version, which `cargo update` could only do one by one, in many rounds."""
    path = folder / "Cargo.lock"
    text = path.read_text()
    for name in locked(folder):
        checksums = [row["cksum"] for row in published(name) if row["vers"] == version]
        if not checksums:
            sys.exit(f"cannot lock {name} to {version}: crates.io has no such version")
        entry = re.compile(rf'(name = "{name}"\nversion = )"[^"]+"(\nsource = .*\nchecksum = )"\w+"')
        text, count = entry.subn(rf'\1"{version}"\2"{checksums[0]}"', text)
        assert count == 1, name
    path.write_text(text)


def main():
    current = locked(ROOT)["burn"]
    others = [version for version in releases() if version != current]
    print(f"locked: {current}; others: {', '.join(others) or 'none'}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for version in others:
            folder = pathlib.Path(scratch) / version
            shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", "target", "results"))
            move(folder, version)
            os.environ.setdefault("CARGO_TARGET_DIR", str(ROOT / "target" / "burn-versions"))
            # Without --locked: releases of Burn may differ in what else they need.
            subprocess.run(["cargo", *COMMAND, "-p", "gumbel"], cwd=folder, check=True)
            moved = locked(folder)
            assert set(moved.values()) == {version}, moved
            print(f"gumbel builds with Burn {version}", flush=True)


main()
