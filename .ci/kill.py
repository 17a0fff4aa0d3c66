#!/usr/bin/env python3
"""Kills the program at random moments, and shows that nothing is lost. Run by hand; it takes minutes.

    .ci/kill.py PROGRAM [--kills 50] [--seed 0] [--only TRIAL]

Each of the five trainers, `compare`, `reproduce`, `sample` and a line of each `--jobs` is run once without interruption. Then, in turn, each is killed
(kill -9, with its children) at a random moment, and resumed, or started again where it left nothing to resume; half of the
resumed ones are killed again. The ends must be those of the uninterrupted runs, bit for bit: model.safetensors, metrics.csv
and the results but for times. Nothing temporary may be left.

The same for SIGTERM, for a reader that closes the pipe, for a limit on the size of files (ulimit -f), for a folder that is
read-only and for a full disk. The last two need root, for a small file system in memory; else they are skipped. Errors must
be one line that names the file that was asked for.

Prints a table in Markdown. Fails if one of the ends differs.
"""
import argparse
import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL = "--threads 1 --evaluate-every 20 --batch 50 --importance-images 50 --importance-samples 20 --steps"
GAN = "--threads 1 --evaluate-every 5 --batch 50 --strings 100 --baseline-steps 10 --steps"
TRAINERS = {
    "train vae": f"--hidden 64 --estimator nvil {SMALL} 200",
    "train sbn": f"{SMALL} 100",
    "train semi": f"{SMALL} 40",
    "train text": f"{SMALL} 80",
    "train gan": f"{GAN} 15",
}
COMPARE = f"compare --estimators zgr,nvil --out OUT train vae --hidden 32 {SMALL} 80"
REPRODUCE = "reproduce jang-table-1 --budget smoke --seeds 2 --only sbn-bernoulli-gs,vae-categorical-st-gs --out OUT"
SAMPLE = "sample ROWS --tau 0.5 --threads 1 --out OUT.npy"
COMMANDS = {name: f"{name} {options} --out OUT" for name, options in TRAINERS.items()}
COMMANDS |= {"compare": COMPARE, "reproduce": REPRODUCE, "sample": SAMPLE}
# Lines of a list of jobs: the same line resumes.
COMMANDS |= {
    "compare --run": COMPARE.replace("--out", "--run nvil --out"),
    "reproduce --run": "reproduce jang-table-1 --budget smoke --run sbn-bernoulli-gs-seed-0 --out OUT",
    "measure --run": "measure --estimator zgr,rloo --replicates 20000 --taus none --run mlp-4x2,zgr --threads 1 --out OUT",
}
ROWS = 400_000


class Trial:
    """A command with its folder."""

    def __init__(self, program, name, scratch, rows):
        self.program, self.name, self.out = program, name, scratch / "out"
        self.rows = rows

    def words(self):
        """The command, or the one that resumes what it has left."""
        words = COMMANDS[self.name].replace("OUT", str(self.out)).replace("ROWS", str(self.rows)).split()
        checkpoints = [self.out / "checkpoint" / f"{name}.safetensors" for name in ("training", "previous")]
        if self.name.startswith("train") and any(path.exists() for path in checkpoints):
            words = [*words[:2], "--resume", str(self.out), "--threads", "1"]
        elif self.name == "compare" and (self.out / "compare.toml").exists():
            words = ["compare", "--resume", str(self.out)]
        return [str(self.program), *words]

    def start(self, **options):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.words(), text=True, **(pipes | options))

    def finish(self, **options):
        """Runs to the end; the exit code and what was said on standard error."""
        process = self.start(**options)
        _, error = process.communicate()
        return process.returncode, error or ""

    def complete(self):
        code, error = self.finish()
        if code:
            raise SystemExit(f"{' '.join(self.words())} ends with {code}: {error}")

    def ending(self):
        """All that it ends with, but for times."""
        if self.name == "sample":
            return self.out.with_suffix(".npy").read_bytes()
        if self.name.startswith("measure"):
            tables = sorted(self.out.glob("*/*.csv"))
            return [(table.name, [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()]) for table in tables]
        runs = [self.out] if self.name.startswith("train") else sorted(path.parent for path in self.out.glob("*/config.toml"))
        return [(run.name, untimed(run)) for run in runs]

    def left(self):
        return [str(path.relative_to(self.out.parent)) for path in self.out.parent.rglob(".*")]


def untimed(run):
    rows = list(csv.DictReader(open(run / "metrics.csv")))
    metrics = [{name: cell for name, cell in row.items() if name != "seconds"} for row in rows]
    summary = json.loads((run / "summary.json").read_text())
    sums = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=run, capture_output=True, text=True)
    return metrics, summary["test"], (run / "model.safetensors").read_bytes(), sums.stdout


def descendants(pid):
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [below for child in children for below in (child, *descendants(child))]


def kill(process):
    """Kills a process and its children; whether it was still running."""
    running = process.poll() is None
    for pid in (process.pid, *descendants(process.pid)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()
    return running


def killed(trial, seconds, chance):
    process = trial.start()
    time.sleep(chance.uniform(0, seconds))
    found = kill(process)
    # Children of a process that has been killed are gone a moment later than it.
    time.sleep(0.05)
    if chance.random() < 0.5:
        process = trial.start()
        time.sleep(chance.uniform(0, seconds))
        found |= kill(process)
        time.sleep(0.05)
    trial.complete()
    return found


def terminated(trial, seconds, chance):
    process = trial.start()
    time.sleep(chance.uniform(0.2, 0.8) * seconds)
    process.terminate()
    _, error = process.communicate()
    found = process.returncode == 130
    if process.returncode not in (0, 130, -signal.SIGTERM):
        raise SystemExit(f"{trial.name} ends with {process.returncode} on SIGTERM: {error}")
    trial.complete()
    return found


def closed_pipe(trial, _seconds, _chance):
    read, write = os.pipe()
    os.close(read)
    code, error = trial.finish(stdout=write)
    os.close(write)
    if code:
        raise SystemExit(f"{trial.name} ends with {code} where its reader has gone: {error}")
    return True


def refused(trial, code, error, reason):
    """Whether the command failed for the reason, with one line that names a file of it."""
    named = str(trial.out.parent) in error and ".partial-" not in error
    if code == 1 and reason in error and named and error.startswith("error: ") and error.count("\n") == 1:
        return True
    if code == 0:
        return False
    raise SystemExit(f"{trial.name} ends with {code}: {error}")


def limited(trial, _seconds, chance):
    most = chance.choice([0, 1 << 10, 1 << 13, 1 << 16])
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    # Standard error is a pipe, which has no size.
    code, error = trial.finish(preexec_fn=limit)
    found = refused(trial, code, error, "" if trial.name == "reproduce" else "File too large")
    trial.complete()
    return found


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def read_only(trial, _seconds, _chance):
    folder = str(trial.out.parent)
    mount("-o", "remount,ro", folder)
    code, error = trial.finish()
    mount("-o", "remount,rw", folder)
    found = refused(trial, code, error, "ead-only file")
    trial.complete()
    return found


def full(trial, _seconds, _chance):
    code, error = trial.finish()
    # The runs of a reproduction have their errors in their logs.
    found = refused(trial, code, error, "") if trial.name == "reproduce" else refused(trial, code, error, "No space left")
    mount("-o", "remount,size=256m", str(trial.out.parent))
    trial.complete()
    return found


TRIALS = {
    "kill -9": killed,
    "SIGTERM": terminated,
    "closed pipe": closed_pipe,
    "ulimit -f": limited,
    "read-only folder": read_only,
    "full disk": full,
}
# In a file system of its own, for which root is needed: its size in KiB.
SIZES = {"read-only folder": [64 << 10], "full disk": [4, 16, 64, 200]}


def logits(path, seed):
    chance = random.Random(seed)
    with open(path, "w") as file:
        for _ in range(ROWS):
            file.write(",".join(f"{chance.gauss(0, 1):.4f}" for _ in range(8)) + "\n")


def one(program, name, what, seconds, rows, chance):
    """A trial in a folder of its own: whether it hit, its end, and what it has left."""
    scratch = Path(tempfile.mkdtemp(prefix="gumbel-kill-"))
    trial = Trial(program, name, scratch, rows)
    if what in SIZES:
        mount("-t", "tmpfs", "-o", f"size={chance.choice(SIZES[what])}k", "tmpfs", str(scratch))
    try:
        hit = TRIALS[what](trial, seconds, chance)
        return hit, trial.ending(), trial.left()
    finally:
        if what in SIZES:
            subprocess.run(["umount", str(scratch)], check=True)
        shutil.rmtree(scratch)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=TRIALS, help="one kind of trial")
    arguments = parser.parse_args()
    chance, program = random.Random(arguments.seed), arguments.program.resolve()
    with tempfile.NamedTemporaryFile(suffix=".csv") as rows:
        logits(rows.name, arguments.seed)
        whole = {}
        for name in COMMANDS:
            scratch = Path(tempfile.mkdtemp(prefix="gumbel-kill-"))
            trial, started = Trial(program, name, scratch, rows.name), time.monotonic()
            trial.complete()
            whole[name] = trial.ending(), time.monotonic() - started
            shutil.rmtree(scratch)
        failed = table(program, whole, rows.name, chance, arguments)
    sys.exit(failed)


def table(program, whole, rows, chance, arguments):
    print("| command | seconds | trial | times | took effect | same end | temporary files left |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    failed, skipped, names = False, set(), list(COMMANDS)
    for what in [arguments.only] if arguments.only else TRIALS:
        if what in SIZES and os.geteuid():
            skipped.add(what)
            continue
        for place, name in enumerate(names):
            count = len(range(place, arguments.kills, len(names))) if what == "kill -9" else 2
            expected, seconds = whole[name]
            ends = [one(program, name, what, seconds, rows, chance) for _ in range(count)]
            hits, same = sum(hit for hit, _, _ in ends), sum(ending == expected for _, ending, _ in ends)
            left = sum(len(left) for _, _, left in ends)
            failed |= same < count or left > 0
            print(f"| `{name}` | {seconds:.1f} | {what} | {count} | {hits} | {same} | {left} |", flush=True)
    for what in sorted(skipped):
        print(f"\nSkipped: {what}, which needs root.")
    return failed


if __name__ == "__main__":
    main()
