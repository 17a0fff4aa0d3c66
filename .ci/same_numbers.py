#!/usr/bin/env python3
"""Shows that training gives the numbers of an earlier commit.

    .ci/same_numbers.py COMMIT [--old PROGRAM]

Builds the program of both trees (--old: use this program for the commit) and trains every model for 20 steps on the
built-in data: with the program of the commit, with this tree's, with this tree's stopped after 10 steps and resumed,
and begun by the commit's program and resumed by this tree's. Fails unless metrics.csv and summary.json are equal but
for times and memory, and model.safetensors in its tensors, byte for byte, and in all metadata but its checksum. Takes
minutes, most of them for the earlier build.
"""
import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = {
    "vae": ["--importance-images", "20"],
    "vae --estimator rebar": ["--importance-images", "20", "--gradient-variance", "3"],
    "vae --layers 2 --latents 8 --categories 2 --estimator rloo:samples=2": ["--importance-images", "20"],
    "vae --kl density --tau 0.67": ["--importance-images", "20"],
    "sbn": ["--importance-images", "20"],
    "semi": ["--importance-images", "20"],
    "text": ["--importance-images", "20"],
    "gan": ["--strings", "200"],
    "gan --generator score-function": ["--strings", "200"],
}
STEPS = ["--evaluate-every", "10"]


def run(*words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def build(tree, target):
    subprocess.run(["cargo", "build", "--release", "--locked", "--target-dir", target], check=True, cwd=tree)
    return Path(target) / "release" / "gumbel"


def of_commit(commit, scratch):
    tree = scratch / "tree"
    subprocess.run(["git", "worktree", "add", "--detach", tree, commit], check=True, cwd=ROOT)
    try:
        return build(tree, scratch / "target")
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT)


def untimed(value):
    # The device is a name, and earlier versions had only one.
    timed = ("second", "memory", "version", "device")
    if isinstance(value, dict):
        return {key: untimed(one) for key, one in value.items() if not any(word in key for word in timed)}
    return [untimed(one) for one in value] if isinstance(value, list) else value


def metrics(run):
    rows = list(csv.DictReader(open(run / "metrics.csv")))
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def model(run):
    """The tensors, each with its bytes, and the metadata without the checksum, which earlier files do not have."""
    contents = (run / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8:start])
    metadata = {key: json.loads(text) for key, text in header.pop("__metadata__").items()}
    for description in metadata.values():
        description.pop("format", None), description.pop("sha256", None)
    places = {name: tensor.pop("data_offsets") for name, tensor in header.items()}
    data = {name: contents[start + first : start + last] for name, (first, last) in places.items()}
    return header, metadata, data


def differences(one, other):
    if metrics(one) != metrics(other):
        yield "metrics.csv"
    read = lambda run: untimed(json.loads((run / "summary.json").read_text()))
    if read(one) != read(other):
        yield "summary.json"
    if model(one) != model(other):
        yield "model.safetensors"


def train(program, words, options, out, steps):
    run(program, "train", *words, *STEPS, *options, "--steps", steps, "--out", out)


def compare(old, new, words, options, scratch):
    name, scratch = words[0], Path(tempfile.mkdtemp(dir=scratch))
    runs = {which: scratch / which for which in ("old", "new", "resumed", "taken over")}
    train(old, words, options, runs["old"], 20)
    train(new, words, options, runs["new"], 20)
    for which, program in (("resumed", new), ("taken over", old)):
        train(program, words, options, runs[which], 10)
        resume = [new, "train", name, "--resume", runs[which], "--steps", "20"]
        resumed = subprocess.run(resume, capture_output=True, text=True)
        if which == "taken over" and "written by version" in resumed.stderr:
            print(f"refused  {resumed.stderr.strip().split(': ', 2)[-1]}")
            del runs[which]
        elif resumed.returncode:
            sys.exit(resumed.stderr)
    return [f"{which}: {file}" for which in list(runs)[1:] for file in differences(runs["old"], runs[which])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--old", type=Path, help="the program of the commit, if it is built already")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        new = build(ROOT, ROOT / "target")
        old = arguments.old or of_commit(arguments.commit, scratch)
        for words, options in RUNS.items():
            found = compare(old.resolve(), new, words.split(), options, scratch)
            failed |= bool(found)
            print(f"{'differs' if found else 'same   '}  train {words}  {'; '.join(found)}", flush=True)
    sys.exit(failed)


main()
