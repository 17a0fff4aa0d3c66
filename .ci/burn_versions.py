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


def cargo(*arguments, folder, check=True):
    return subprocess.run(["cargo", *arguments], cwd=folder, check=check, capture_output=not check).returncode == 0


def releases():
    """The versions that crates.io has and that are not withdrawn."""
    with urllib.request.urlopen("https://index.crates.io/bu/rn/burn", timeout=60) as answer:
        rows = [json.loads(line) for line in answer.read().decode().splitlines()]
    plain = re.compile(re.escape(REQUIREMENT) + r"\d+")
    return [row["vers"] for row in rows if not row["yanked"] and plain.fullmatch(row["vers"])]


def locked(folder):
    """Burn's packages and their locked versions."""
    lock = (folder / "Cargo.lock").read_text()
    return dict(re.findall(r'name = "(burn(?:-[\w-]+)?)"\nversion = "([^"]+)"', lock))


def move(folder, version):
    """Locks all of Burn's packages to one version: each can only move after those that need it."""
    while pending := [name for name, at in locked(folder).items() if at != version]:
        moved = [cargo("update", name, "--precise", version, folder=folder, check=False) for name in pending]
        if not any(moved):
            sys.exit(f"cannot lock {', '.join(pending)} to {version}")


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
            cargo(*COMMAND, "--locked", "-p", "gumbel", folder=folder)
            print(f"gumbel builds with Burn {version}", flush=True)


main()
