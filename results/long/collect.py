"""Prints the results of every run in a folder as CSV."""

import json
import pathlib
import sys

print("run,estimator,steps,negative_elbo,standard_error,samples,bound,bound_standard_error,images")
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/summary.json")):
    summary = json.loads(path.read_text())
    test, bound = summary["test"], summary["test"]["importance_bound"]
    elbo = [test["hard_negative_elbo"], test["hard_negative_elbo_standard_error"]]
    weighted = [bound["samples"], bound["nats"], bound["standard_error"], bound["images"]]
    print(path.parent.name, summary["estimator"], summary["steps"], *elbo, *weighted, sep=",")
