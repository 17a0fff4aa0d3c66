#!/usr/bin/env python3
"""A reproduction made by HyperQueue, two runs at a time, in a cluster of one worker: its table is the plain one.

Each task is what `hq submit --each-line jobs.txt bash -c 'eval "exec $HQ_ENTRY"'` makes of a line. Needs the package
hyperqueue of PyPI, which brings the server and the worker but not the program hq.

    results/scale/hq.py [GUMBEL]
"""

import pathlib
import subprocess
import sys
import tempfile

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

here = pathlib.Path(__file__).resolve().parent
gumbel = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else here / "../../target/release/gumbel").resolve())
reproduce = [gumbel, "reproduce", "jang-table-1", "--budget", "smoke"]

with tempfile.TemporaryDirectory() as scratch:
    plain, queue = (pathlib.Path(scratch, name) for name in ("plain", "queue"))
    plain.mkdir()
    queue.mkdir()
    subprocess.run([*reproduce, "--out", "table"], cwd=plain, check=True, stdout=subprocess.DEVNULL)
    listed = subprocess.run([*reproduce, "--out", "table", "--jobs"], cwd=queue, check=True, capture_output=True, text=True)
    lines = listed.stdout.splitlines()
    with LocalCluster() as cluster:
        cluster.start_worker(WorkerConfig(cores=2))
        client, job = cluster.client(), Job()
        for line in lines:
            job.program(["bash", "-c", 'eval "exec $HQ_ENTRY"'], env={"HQ_ENTRY": line})
        client.wait_for_jobs([client.submit(job)])
    subprocess.run([*reproduce, "--collect", "table"], cwd=queue, check=True, stdout=subprocess.DEVNULL)
    print(f"{len(lines)} tasks", flush=True)
    subprocess.run([here / "same_table.py", plain / "table", queue / "table"], check=True)
