#!/usr/bin/env python3
"""Compares the quantisers with vector-quantize-pytorch 1.32, on equal inputs and codebooks.

    pip install numpy torch vector-quantize-pytorch==1.32.0
    results/quantize/compare.py                 # runs the example quantize_cases, prints and writes the worst differences
    results/quantize/compare.py --golden FILE   # writes small cases with that library's results, for the tests

Differences are relative to the largest number of the reference's tensor, over all rows, batches and seeds.
"""
import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from vector_quantize_pytorch import FSQ, LFQ, ResidualVQ, SimVQ, VectorQuantize

HERE = Path(__file__).parent
BETA = 2.0


def numbers(seed, *shape, scale=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def case(name, kind, seed, rows, width, books=(), **options):
    batches = [numbers([seed, i], rows, width).tolist() for i in range(3)]
    cotangent = numbers([seed, 9], rows, width).tolist()
    books = [book.tolist() for book in books]
    options.setdefault("commitment", 1.0)
    return {"name": name, "kind": kind, "books": books, "batches": batches, "cotangent": cotangent, **options}


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cases(seed, rows, codes, width):
    book = numbers([seed, 20], codes, width)
    stages = [numbers([seed, 21 + i], codes, width, scale=0.6**i) for i in range(3)]
    parts = [numbers([seed, 31 + i], codes, width) for i in range(2)]
    map_ = numbers([seed, 41], width, width, scale=width**-0.5).tolist()
    for gradient in ("straight-through", "rotation"):
        yield case(f"vector, {gradient}", "vector", seed, rows, width, [book], gradient=gradient)
        yield case(f"SimVQ, {gradient}", "sim", seed, rows, width, [book], gradient=gradient, map=map_,
                   learning="gradient", commitment=0.25)
        yield case(f"cosine, {gradient}", "vector", seed, rows, width, [unit(book)], gradient=gradient, space="sphere")
    yield case("vector, learned by gradient", "vector", seed, rows, width, [book], learning="gradient")
    yield case("residual", "residual", seed, rows, width, stages)
    yield case("product", "product", seed, rows, 2 * width, parts)
    yield case("product, cosine", "product", seed, rows, 2 * width, [unit(part) for part in parts], space="sphere")
    levels = [8, 6, 5, 4, 3, 7][:width]
    yield case("FSQ", "finite-scalar", seed, rows, len(levels), levels=levels)
    for name, kind in (("LFQ", "lookup-free"), ("BSQ", "spherical")):
        yield case(name, kind, seed, rows, min(width, 8), inverse_temperature=BETA, commitment=0.25)


def set_book(codebook, books):
    codebook.embed.data.copy_(books)
    codebook.embed_avg.data.copy_(books)
    codebook.cluster_size.data.fill_(1.0)


def model(case):
    """The reference's quantiser, and a function from a batch to values, indices, terms, losses and trained parameter."""
    books = torch.tensor(case["books"])
    kind, rotation = case["kind"], case.get("gradient") == "rotation"
    learned = case.get("learning") == "gradient"
    options = dict(decay=0.8, commitment_weight=1.0, rotation_trick=rotation, use_cosine_sim=case.get("space") == "sphere")
    if kind == "vector":
        if learned:
            options |= dict(learnable_codebook=True, ema_update=False)
        vq = VectorQuantize(dim=books.shape[2], codebook_size=books.shape[1], **options)
        set_book(vq._codebook, books)

        def run(x):
            values, indices, loss = vq(x[None])
            terms = {"commitment": loss} | ({"codebook": loss} if learned else {})
            return values[0], indices[0][:, None], terms, loss, vq._codebook.embed if learned else None
        return run, lambda: ([] if learned else vq._codebook.embed, [] if learned else vq._codebook.cluster_size)
    if kind == "product":
        heads = books.shape[0]
        vq = VectorQuantize(dim=heads * books.shape[2], codebook_dim=books.shape[2], codebook_size=books.shape[1],
                            heads=heads, separate_codebook_per_head=True, **options)
        set_book(vq._codebook, books)

        def run(x):
            values, indices, loss = vq(x[None])
            return values[0], indices[0], {"commitment": loss}, loss, None
        return run, lambda: (vq._codebook.embed, vq._codebook.cluster_size)
    if kind == "residual":
        vq = ResidualVQ(dim=books.shape[2], codebook_size=books.shape[1], num_quantizers=len(books), **options)
        for layer, book in zip(vq.layers, books):
            set_book(layer._codebook, book[None])

        def run(x):
            values, indices, losses = vq(x[None])
            loss = losses.sum()
            return values[0], indices[0], {"commitment": loss}, loss, None
        layers = [layer._codebook for layer in vq.layers]
        return run, lambda: (torch.cat([c.embed for c in layers]), torch.cat([c.cluster_size for c in layers]))
    if kind == "sim":
        vq = SimVQ(dim=books.shape[2], codebook_size=books.shape[1], rotation_trick=rotation)
        vq.frozen_codebook.copy_(books[0])
        vq.code_transform.weight.data.copy_(torch.tensor(case["map"]).T)

        def run(x):
            values, indices, loss = vq(x[None])
            terms = {"commitment": loss / 1.25, "codebook": loss / 1.25}
            return values[0], indices[0][:, None], terms, loss, vq.code_transform.weight
        return run, lambda: ([], [])
    if kind == "finite-scalar":
        fsq = FSQ(case["levels"])

        def run(x):
            values, indices = fsq(x[None])
            return values[0], indices[0][:, None], {}, None, None
        return run, lambda: ([], [])
    width = len(case["batches"][0][0])
    lfq = LFQ(dim=width, spherical=kind == "spherical", entropy_loss_weight=0.1, commitment_loss_weight=0.25)

    def run(x):
        (values, indices, loss), parts = lfq(x[None], inv_temperature=BETA, return_loss_breakdown=True)
        reverse = sum(((indices >> i) & 1) << (width - 1 - i) for i in range(width))  # there the first bit is the highest
        terms = {"commitment": parts.commitment, "entropy": parts.per_sample_entropy,
                 "diversity": width * np.log(2) - parts.batch_entropy}
        return values[0], reverse[0][:, None], terms, loss, None
    return run, lambda: ([], [])


def listed(tensor):
    return tensor.detach().tolist() if torch.is_tensor(tensor) else list(tensor)


def reference(case):
    """As the example program writes it."""
    torch.manual_seed(0)
    run, books = model(case)
    cotangent = torch.tensor(case["cotangent"])
    outcomes = []
    for batch in case["batches"]:
        x = torch.tensor(batch, requires_grad=True)
        values, indices, terms, loss, parameter = run(x)
        (gradient,) = torch.autograd.grad((values * cotangent).sum(), x, retain_graph=True)
        if case["kind"] == "residual":  # attached in each stage, not once
            gradient = gradient / len(case["books"])
        loss_gradient, trained = [], None
        if loss is not None:
            (loss_gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
            if parameter is not None:
                (trained,) = torch.autograd.grad(loss, parameter)
                trained = listed(trained.T if case["kind"] == "sim" else trained[0])
        after, counts = books()
        outcomes.append({
            "values": listed(values), "indices": listed(indices), "terms": {k: float(torch.as_tensor(v).detach()) for k, v in terms.items()},
            "gradient": listed(gradient), "loss_gradient": listed(loss_gradient), "parameter_gradient": trained,
            "books": listed(after), "counts": listed(counts),
        })
    return outcomes


def difference(got, expected):
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if expected.size == 0:
        return None
    assert got.shape == expected.shape, (got.shape, expected.shape)
    return float(np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-30))


COLUMNS = ["indices", "values", "gradient", "loss_gradient", "parameter_gradient", "books", "counts"]


def compare(case, got, expected):
    rows = {}
    for got, expected in zip(got, expected):
        found = {name: difference(got[name], expected[name]) for name in COLUMNS if expected[name] is not None}
        found |= {name: difference([got["terms"][name]], [value]) for name, value in expected["terms"].items()}
        for name, value in found.items():
            if value is not None:
                rows[name] = max(rows.get(name, 0.0), value)
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--golden")
    golden = parser.parse_args().golden
    if golden:
        small = [{"case": c, "outcomes": reference(c)} for c in cases(1, rows=6, codes=4, width=3)]
        text = json.dumps({"command": "results/quantize/compare.py --golden FILE", "cases": small}, separators=(",", ":"))
        Path(golden).write_text(text.replace('},{"case"', '},\n{"case"') + "\n")
        return
    all_cases = [c for seed in range(5) for c in cases(seed, rows=500, codes=64, width=6)]
    command = ["cargo", "run", "--release", "--locked", "-q", "--example", "quantize_cases"]
    output = subprocess.run(command, input=json.dumps(all_cases), capture_output=True, text=True, check=True).stdout
    worst = {}
    for case_, got in zip(all_cases, json.loads(output)):
        rows = worst.setdefault(case_["name"], {})
        for name, value in compare(case_, got, reference(case_)).items():
            rows[name] = max(rows.get(name, 0.0), value)
    with open(HERE / "compare.csv", "w", newline="") as file:
        writer = csv.writer(file)
        for out in (writer, csv.writer(sys.stdout)):
            out.writerow(["quantiser", "quantity", "worst_relative_difference"])
            out.writerows([name, key, f"{value:.1e}"] for name, rows in worst.items() for key, value in rows.items())


main()
