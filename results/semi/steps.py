"""What a step of `gumbel train semi` costs, in processor time on one thread: steps.py PROGRAM [ROUNDS] > steps.csv

The time of a run less that of a shorter one, over the steps between. Processor time, since a busy machine lengthens any other."""
import os, random, resource, struct, subprocess, sys, tempfile

STEPS = {("exact", 10): 30, ("exact", 100): 8}
program, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1


def images(folder):
    """Few to test on, so that evaluation takes little of the time."""
    for name, count in [("train", 1000), ("t10k", 10)]:
        with open(f"{folder}/{name}-images-idx3-ubyte", "wb") as file:
            file.write(struct.pack(">4I", 0x803, count, 28, 28) + random.Random(0).randbytes(count * 784))


def seconds(folder, estimator, classes, steps):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    before, out = used(), tempfile.mkdtemp(dir=folder)
    subprocess.run([program, "train", "semi", "--threads=1", f"--data={folder}", "--labels-from=random",
                    f"--classes={classes}", f"--estimator={estimator}", f"--steps={steps}", "--evaluate-every=1000",
                    "--importance-samples=1", "--importance-images=1", f"--out={out}/run"],
                   check=True, stdout=subprocess.DEVNULL)
    return used() - before


print("classes,estimator,round,milliseconds_per_step")
with tempfile.TemporaryDirectory() as folder:
    images(folder)
    for number in range(1, rounds + 1):
        for classes in 10, 100:
            for estimator in "exact", "gumbel-softmax", "straight-through-gumbel":
                steps = STEPS.get((estimator, classes), 60)
                cost = seconds(folder, estimator, classes, steps + 2) - seconds(folder, estimator, classes, 2)
                print(classes, estimator, number, f"{1e3 * cost / steps:.1f}", sep=",", flush=True)
