"""Routings of `gumbel::routing` against an implementation in PyTorch, and against two packages where they compute the same.

    pip install torch st-moe-pytorch mixture-of-experts
    python results/routing/compare.py

Runs the example `routing_reference`, computes the same from its inputs in double precision, writes the worst absolute difference
of each quantity to compare.csv beside this file, and prints those of each case. Exits with 1 if one is above its limit.
"""

import csv
import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
# Differences of rounding: of double precision, and of single where the noise is drawn in that.
DOUBLE, SINGLE = 1e-12, 2e-5
SINGLE_CASES = {"noisy", "gumbel"}
K = 2

torch.set_default_dtype(torch.float64)


class DenseBackward(torch.autograd.Function):
    """The sparse output forward; backward every expert's output is the cotangent of its weight."""

    @staticmethod
    def forward(ctx, sparse, shares, outputs):
        ctx.save_for_backward(outputs)
        return sparse

    @staticmethod
    def backward(ctx, cotangent):
        (outputs,) = ctx.saved_tensors
        return cotangent, torch.einsum("td,etd->te", cotangent, outputs), None


def cv_squared(numbers):
    return ((numbers - numbers.mean()) ** 2).mean() / numbers.mean() ** 2


def subsets(experts):
    return [torch.tensor([float(e in members) for e in range(experts)]) for members in itertools.combinations(range(experts), K)]


def inclusion(logits):
    """Inclusion probabilities of the exponential family over subsets, by enumeration."""
    hot = torch.stack(subsets(logits.shape[1]))
    return torch.softmax(logits @ hot.T, dim=1) @ hot


def keep(pairs, limit, experts):
    """The pairs that fit, first come, first served."""
    load, kept = [0] * experts, []
    for token, expert in pairs:
        if load[expert] < limit:
            load[expert] += 1
            kept.append((token, expert))
    return kept


class Reference:
    """One case: choice, weights and losses."""

    def __init__(self, inputs, case):
        self.tokens, self.experts, self.width = inputs["shape"]
        self.name, self.dense = case["name"], case["dense"]
        matrix = lambda name, rows: torch.tensor(inputs[name]).reshape(rows, -1)
        self.logits = matrix("logits", self.tokens).requires_grad_()
        self.scales = matrix("scales", self.tokens).requires_grad_()
        self.x = matrix("x", self.tokens).requires_grad_()
        self.matrices = matrix("experts", self.experts * self.width).requires_grad_()
        pad = torch.tensor(inputs["pad"]) & case["padded"]
        self.real = (~pad).double().unsqueeze(1)
        self.count = int(self.real.sum())
        self.noise = {kind: matrix(kind, self.tokens) for kind in ("normal", "gumbel")}
        self.used = self.logits
        if self.name == "noisy":
            self.used = self.logits + self.scales * self.noise["normal"]
        self.route(case)

    def route(self, case):
        keys = self.used.detach()
        if self.name == "gumbel":
            keys = keys + self.noise["gumbel"]
        if self.name == "simple":  # the sample is given
            keys = torch.tensor(case["combine"]).reshape(self.tokens, -1)
        if self.name == "expert choice":
            self.order = None
            shares = torch.softmax(keys, dim=1).masked_fill(self.real == 0, -1.0)
            capacity = math.ceil(self.count * K / self.experts)
            hot = torch.zeros_like(keys).scatter(0, shares.topk(capacity, dim=0).indices, 1.0)
        else:
            self.order = keys.topk(K, dim=1).indices
            hot = torch.zeros_like(keys).scatter(1, self.order, 1.0)
        self.chosen = hot * self.real
        self.shares, self.sparse = self.weights()
        self.kept = self.fitting()

    def weights(self):
        if self.name == "simple":
            marginals = inclusion(self.used)
            return marginals / K, (self.chosen + marginals - marginals.detach()) * self.chosen / K
        scores = torch.sigmoid(self.used) if self.name == "sigmoid" else torch.exp(self.used)
        shares = scores / scores.sum(dim=1, keepdim=True)
        if self.name in ("all", "expert choice"):
            return shares, shares * self.chosen
        chosen = scores * self.chosen
        return shares, chosen / (chosen.sum(dim=1, keepdim=True) + (1 - self.real))

    def fitting(self):
        if "capacity" not in self.name and self.name != "packages":
            return self.chosen
        limit = 10 if self.name == "packages" else math.ceil(0.75 * self.count * K / self.experts)
        pairs = [(t, int(self.order[t, j])) for j in range(K) for t in range(self.tokens) if self.real[t] > 0]
        if self.name == "capacity by weight":
            pairs.sort(key=lambda pair: (-float(self.sparse[pair].detach()), pair[0]))
        kept = torch.zeros_like(self.chosen)
        for pair in keep(pairs, limit, self.experts):
            kept[pair] = 1.0
        return kept

    def output(self):
        combine = self.sparse * self.kept
        matrices = self.matrices.reshape(self.experts, self.width, self.width)
        outputs = torch.tanh(self.x @ matrices)
        if not self.dense:
            return combine, torch.einsum("te,etd->td", combine, outputs)
        sparse = torch.einsum("te,etd->td", combine.detach(), outputs)
        return combine, DenseBackward.apply(sparse, self.shares * self.real, outputs.detach())

    def losses(self):
        real = self.real
        shares = (self.shares * real).sum(dim=0) / self.count
        demand = self.chosen.sum(dim=0)
        partition = torch.logsumexp(self.logits, dim=1, keepdim=True)
        yield "switch", self.experts * (demand / demand.sum() * shares).sum()
        yield "z", (partition**2 * real).sum() / self.count
        yield "importance", cv_squared(self.sparse.sum(dim=0))
        if self.name == "noisy":
            yield "load", cv_squared((self.smooth_load() * real).sum(dim=0))

    def smooth_load(self):
        columns = []
        for expert in range(self.experts):
            others = self.used[:, [e for e in range(self.experts) if e != expert]]
            rival = others.sort(dim=1, descending=True).values[:, K - 1]
            gap = (self.logits[:, expert] - rival) / self.scales[:, expert]
            columns.append(torch.special.ndtr(gap))
        return torch.stack(columns, dim=1)

    def log_prob(self):
        if self.name == "simple":
            total = torch.logsumexp(self.logits @ torch.stack(subsets(self.experts)).T, dim=1)
            return ((self.logits * self.chosen).sum(dim=1) - total) * self.real[:, 0]
        total, left = torch.zeros(self.tokens), self.logits
        for j in range(K):
            index = self.order[:, j : j + 1]
            total = total + torch.log_softmax(left, dim=1).gather(1, index)[:, 0]
            left = left.scatter(1, index, -math.inf)
        return total * self.real[:, 0]


def gap(found, expected):
    expected = torch.as_tensor(expected).detach().flatten().double()
    found = torch.as_tensor(found).double().flatten()
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float((found - expected).abs().max())


def compare_case(inputs, case):
    reference = Reference(inputs, case)
    combine, y = reference.output()
    yield "weights", gap(case["combine"], combine)
    yield "output", gap(case["y"], y)
    yield "load", gap(case["load"], reference.kept.sum(dim=0))
    yield "demand", gap(case["demand"], reference.chosen.sum(dim=0))
    leaves = {"logits": reference.logits, "x": reference.x, "experts": reference.matrices}
    if reference.name == "noisy":
        leaves["scales"] = reference.scales
    gradients = torch.autograd.grad((y**2).sum(), list(leaves.values()))
    for name, gradient in zip(leaves, gradients):
        yield f"gradient in {name}", gap(case[f"d_{name}"], gradient)
    fresh = Reference(inputs, case)
    found = dict(case["losses"])
    for name, loss in fresh.losses():
        yield f"{name} loss", gap(found[name]["value"], loss)
        # Importance with weights of 1/k is constant in value; both have the straight-through gradient.
        (gradient,) = torch.autograd.grad(loss, fresh.logits, retain_graph=True)
        yield f"gradient of {name} loss", gap(found.pop(name)["gradient"], gradient)
    assert not found, found.keys()
    if case["log_prob"] is not None:
        yield "log-probability", gap(case["log_prob"], fresh.log_prob())


def compare_bias(inputs, steps):
    tokens, experts, _ = inputs["shape"]
    scores = torch.sigmoid(torch.tensor(inputs["logits"]).reshape(tokens, experts))
    bias, worst, moved = torch.zeros(experts), 0.0, 0.0
    for step in steps:
        chosen = (scores + bias).topk(K, dim=1).indices
        demand = torch.bincount(chosen.flatten(), minlength=experts).double()
        bias = bias + 0.02 * torch.sign(demand.mean() - demand)
        worst = max(worst, gap(step["bias"], bias))
        moved = max(moved, gap(step["demand"], demand))
    yield "bias of 40 updates", worst
    yield "demand of 40 updates", moved


def compare_packages(inputs, case):
    from mixture_of_experts.mixture_of_experts import Top2Gating
    from st_moe_pytorch.st_moe_pytorch import TopNGating

    tokens, experts, _ = inputs["shape"]
    logits = torch.tensor(inputs["logits"]).reshape(1, tokens, experts)
    identity = torch.eye(experts)

    def top_n(factor):
        gate = TopNGating(experts, experts, top_n=2, threshold_train=0.0, capacity_factor_train=factor).double()
        gate.to_gates.weight.data = identity.clone()
        return gate(logits)

    def top_2(factor):
        gate = Top2Gating(experts, experts, second_policy_train="all", capacity_factor_train=factor).double()
        gate.w_gating.data = identity.clone()
        return gate(logits)

    _, combine, *_ = top_n(1.25)
    yield "st-moe-pytorch", "weights", gap(case["combine"], combine.sum(dim=-1))
    _, _, balance, z = top_n(float(experts))  # its density counts what fits
    yield "st-moe-pytorch", "switch loss, first choices", gap(case["first_choices"], balance)
    yield "st-moe-pytorch", "z loss", gap(case["losses"]["z"]["value"], z)
    _, combine, balance = top_2(1.25)
    yield "mixture-of-experts", "weights", gap(case["combine"], combine.sum(dim=-1))
    yield "mixture-of-experts", "switch loss, first choices", gap(case["first_choices"], balance)


def rows(reference):
    inputs = reference["inputs"]
    for case in reference["cases"]:
        name = case["name"] + (", dense" if case["dense"] else "")
        limit = SINGLE if case["name"] in SINGLE_CASES else DOUBLE
        for quantity, worst in compare_case(inputs, case):
            yield name, "PyTorch", quantity, worst, limit
        if case["name"] == "packages":
            # They add 1e-9 to what they divide by, and compare it in single precision.
            for package, quantity, worst in compare_packages(inputs, case):
                yield name, package, quantity, worst, 1e-6
    for quantity, worst in compare_bias(inputs, reference["bias"]):
        yield "bias", "PyTorch", quantity, worst, DOUBLE


def main():
    command = ["cargo", "run", "-q", "--release", "--locked", "--example", "routing_reference"]
    output = subprocess.run(command, cwd=HERE.parents[1], check=True, capture_output=True, text=True).stdout
    found = list(rows(json.loads(output)))
    header = ["case", "against", "quantity", "worst difference", "limit"]
    with open(HERE / "compare.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([*row[:3], f"{row[3]:.1e}", f"{row[4]:.0e}"] for row in found)
    print("| case | against | quantities | worst difference | limit |\n| --- | --- | --- | --- | --- |")
    for (case, against, limit), group in itertools.groupby(found, key=lambda row: (row[0], row[1], row[4])):
        group = list(group)
        print(f"| {case} | {against} | {len(group)} | {max(row[3] for row in group):.1e} | {limit:.0e} |")
    for case, against, quantity, worst, limit in found:
        if not worst <= limit:
            print(f"above its limit: {case}, {against}, {quantity}: {worst:.1e}")
    above = [row for row in found if not row[3] <= row[4]]
    print(f"{len(found)} comparisons, {len(above)} above their limit")
    sys.exit(bool(above))


if __name__ == "__main__":
    main()
