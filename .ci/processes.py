#!/usr/bin/env python3
"""Trains on several processes, and shows that their number changes no bit.

    .ci/processes.py PROGRAM [--kills 2] [--seed 0]

PROGRAM is `gumbel` with the feature `mpi`; `mpirun` must be installed. Each of the five trainers runs in six shards on one
process of one and of two threads, and on two and three processes: model.safetensors, metrics.csv and the results but for
times must be the same bytes. The same holds for a run that is stopped by SIGTERM on three processes and resumed on one, and
for one of whose processes some is killed (kill -9) at a random moment, and that is resumed on another number. Processes that
differ in options or in data, a shard too few and an unknown option end with a status other than zero and one error.

Prints a table in Markdown. Fails if one of the ends differs.
"""
import argparse
import csv
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL = "--shards 6 --evaluate-every 10 --batch 50 --importance-images 50 --importance-samples 20"
TRAINERS = {
    "vae": f"--hidden 32 --estimator nvil --gradient-variance 5 --steps 40 {SMALL}",
    "sbn": f"--estimator disarm --steps 20 {SMALL}",
    "semi": f"--steps 12 {SMALL}",
    "text": f"--estimator relax --steps 20 {SMALL}",
    "gan": "--shards 6 --evaluate-every 5 --batch 50 --strings 100 --baseline-steps 10 --steps 12",
}
LONG = f"train vae --hidden 32 --estimator nvil --steps 3000 {SMALL.replace('every 10', 'every 100')}"
MPIRUN = ["mpirun", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none"]
TIMES = {"seconds", "steps_per_second", "seconds_to_first_step", "peak_memory_bytes"}


def command(program, processes, words):
    alone = [str(program), *words]
    return alone if processes == 1 else [*MPIRUN, "-n", str(processes), *alone]


def run(program, processes, words, status=0):
    """Both outputs of a run, which must end with a status, any but 0 where it is None."""
    ended = subprocess.run(command(program, processes, words), capture_output=True, text=True, timeout=600)
    right = ended.returncode != 0 if status is None else ended.returncode == status
    if not right:
        sys.exit(f"{' '.join(words)} on {processes}: status {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout + ended.stderr


def ends(folder):
    """What a run leaves, without times."""
    rows = list(csv.reader((folder / "metrics.csv").open()))
    kept = [place for place, name in enumerate(rows[0]) if name not in TIMES]
    summary = json.loads((folder / "summary.json").read_text())
    return (
        (folder / "model.safetensors").read_bytes(),
        [[row[place] for place in kept] for row in rows],
        {name: value for name, value in summary.items() if name not in TIMES},
    )


def same(expected, folder, what):
    found = ends(folder)
    for name, one, other in zip(["model.safetensors", "metrics.csv", "summary.json"], expected, found):
        if one != other:
            sys.exit(f"{what}: {name} differs")
    print(f"| {what} | same bytes |", flush=True)


def trainers(program, scratch):
    for name, options in TRAINERS.items():
        words = ["train", name, *options.split(), "--out"]
        run(program, 1, [*words, str(scratch / f"{name}-1"), "--threads", "1"])
        expected = ends(scratch / f"{name}-1")
        for processes, threads in [(1, 2), (2, 1), (3, 2)]:
            out = scratch / f"{name}-{processes}-{threads}"
            run(program, processes, [*words, str(out), "--threads", str(threads)])
            same(expected, out, f"train {name}, {processes} processes, {threads} threads")


def started(program, processes, words):
    return subprocess.Popen(command(program, processes, words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def until_checkpoint(folder, process, seconds):
    """Waits for the first checkpoint, and some seconds more."""
    while not (folder / "checkpoint/training.safetensors").exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(seconds)


def children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything.
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [int(stat.parent.name)] if parent == pid else []
    return sorted(found)


def ranks(process):
    """The processes of the program, under mpirun."""
    return [pid for pid in children(process.pid) if b"gumbel" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def stopped(program, scratch, expected):
    out = scratch / "stopped"
    process = started(program, 3, [*LONG.split(), "--out", str(out)])
    until_checkpoint(out, process, 0.3)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    if (out / "summary.json").exists() or process.returncode == 0:
        sys.exit("the run ended before it was stopped")
    run(program, 1, ["train", "vae", "--resume", str(out)])
    same(expected, out, "stopped by SIGTERM on 3 processes, resumed on 1")


def killed(program, scratch, expected, dice, number):
    out, processes = scratch / f"killed-{number}", dice.choice([2, 3])
    process = started(program, processes, [*LONG.split(), "--out", str(out)])
    until_checkpoint(out, process, dice.uniform(0, 1.5))
    victims = ranks(process)
    rank = dice.randrange(len(victims)) if victims else 0
    if victims:
        os.kill(victims[rank], signal.SIGKILL)
    process.wait(timeout=60)
    if victims and process.returncode == 0:
        sys.exit("a job whose process was killed ended with status 0")
    resumed = dice.choice([1, 2, 3])
    run(program, resumed, ["train", "vae", "--resume", str(out)])
    same(expected, out, f"process {rank} of {processes} killed, resumed on {resumed}")


def one_error(output, part):
    lines = [line for line in output.splitlines() if "error: " in line]
    if len(lines) != 1 or part not in lines[0]:
        sys.exit(f"expected one error with {part!r}, got {lines}\n{output}")
    print(f"| {part} | one error |", flush=True)


def mistakes(program, scratch):
    small = ["train", "vae", "--steps", "10", "--out", str(scratch / "mistake")]
    one_error(run(program, 3, [*small, "--shards", "2"], None), "--shards must be at least the 3 processes, got 2")
    one_error(run(program, 2, [*small, "--shards", "2", "--data", "nowhere"], None), "nowhere")
    two = [*MPIRUN, "-n", "1", str(program), *small, "--shards", "2", ":", "-n", "1", str(program), *small, "--shards", "3"]
    ended = subprocess.run(two, capture_output=True, text=True, timeout=60)
    one_error(ended.stdout + ended.stderr, "the command line of process 1 is not that of process 0")
    assert ended.returncode != 0
    different_data(program, scratch, [*small, "--shards", "2"])
    if (scratch / "mistake").exists():
        sys.exit("a run that could not start left a folder")


def different_data(program, scratch, words):
    """Two machines whose data folders of the same name hold other images: the second process has the other one mounted there."""
    allowed = ["unshare", "--mount", "mount", "--bind", str(scratch), str(scratch)]
    if shutil.which("unshare") is None or subprocess.run(allowed, capture_output=True).returncode != 0:
        return print("| different data | skipped: no right to mount a folder |", flush=True)
    for seed, place in enumerate(["one", "two"]):
        (scratch / place).mkdir()
        write_idx(scratch / place, "train", random.Random(seed), 60)
        write_idx(scratch / place, "t10k", random.Random(seed), 20)
    words = [str(program), *words, "--data", str(scratch / "one"), "--batch", "20"]
    mount = f'mount --bind "{scratch}/two" "{scratch}/one" && exec "$@"'
    other = ["unshare", "--mount", "sh", "-c", mount, "sh", *words]
    ended = subprocess.run([*MPIRUN, "-n", "1", *words, ":", "-n", "1", *other], capture_output=True, text=True, timeout=60)
    one_error(ended.stdout + ended.stderr, "the data of process 1 is not that of process 0")
    assert ended.returncode != 0


def write_idx(folder, part, dice, count):
    """Images of 28 x 28 random bytes, with random labels."""
    for name, magic, shape in [("images-idx3", 0x803, [count, 28, 28]), ("labels-idx1", 0x801, [count])]:
        header = b"".join(number.to_bytes(4, "big") for number in [magic, *shape])
        body = bytes(dice.randrange(10) for _ in range(math.prod(shape)))
        (folder / f"{part}-{name}-ubyte").write_bytes(header + body)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    program, dice = options.program.resolve(), random.Random(options.seed)
    print("| | |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        trainers(program, scratch)
        mistakes(program, scratch)
        run(program, 1, [*LONG.split(), "--out", str(scratch / "long")])
        expected = ends(scratch / "long")
        stopped(program, scratch, expected)
        for number in range(options.kills):
            killed(program, scratch, expected, dice, number)


if __name__ == "__main__":
    main()
