#!/usr/bin/env python3
"""Fails unless TensorBoard reads from a run's folder what its metrics.csv holds. Needs the package `tensorboard`.

    .ci/event_files.py runs/vae-1

Every scalar tag is a column of metrics.csv and has its values, rounded to float32, at the same steps; a cell that is
empty has no event. Every column has a tag, but for `step`, which is the events' own, and `seconds`, which may be left to
their times. Images decode to the size that their events state.
"""
import csv
import io
import sys
from pathlib import Path

import numpy
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator

OPTIONAL = {"step", "seconds"}


def columns(path):
    """The cells that are not empty, as {column: [(step, float32)]}."""
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames or []
    with numpy.errstate(over="ignore"):  # beyond float32's range is infinite, as in Rust
        cells = {name: [(row["step"], numpy.float32(float(row[name]))) for row in rows if row[name]] for name in names}
    return {name: [(int(step), value) for step, value in column] for name, column in cells.items()}


def difference(events, cells):
    """The first difference between two lists of (step, value), as text; None if there is none."""
    for (step, value), (row, cell) in zip(events, cells):
        if step != row:
            return f"step {step} where metrics.csv has step {row}"
        if not numpy.array_equal(value, cell, equal_nan=True):
            return f"step {step}: {value!s} where metrics.csv has {cell!s}"
    if len(events) != len(cells):
        return f"{len(events)} events where metrics.csv has {len(cells)} values"
    return None


def check_scalars(reader, cells):
    tags = reader.Tags()["scalars"]
    for name in sorted(cells.keys() - set(tags) - OPTIONAL):
        if cells[name]:
            yield f"column {name} has {len(cells[name])} values and no scalars"
    for tag in tags:
        if tag not in cells:
            yield f"scalar {tag} is no column of metrics.csv"
            continue
        events = [(event.step, numpy.float32(event.value)) for event in reader.Scalars(tag)]
        if found := difference(events, cells[tag]):
            yield f"scalar {tag}: {found}"
        print(f"{tag}: {len(events)} scalars")


def check_images(reader):
    for tag in reader.Tags()["images"]:
        events = reader.Images(tag)
        for event in events:
            try:
                image = Image.open(io.BytesIO(event.encoded_image_string))
                image.load()
            except Exception as error:
                yield f"image {tag}, step {event.step}: does not decode: {error}"
                continue
            if image.size != (event.width, event.height):
                yield f"image {tag}, step {event.step}: {image.size}, stated as {event.width, event.height}"
        if len({event.step for event in events}) != len(events):
            yield f"image {tag}: a step occurs twice"
        print(f"{tag}: {len(events)} images")


def main():
    folder = Path(sys.argv[1])
    reader = event_accumulator.EventAccumulator(
        str(folder), size_guidance=event_accumulator.STORE_EVERYTHING_SIZE_GUIDANCE)
    reader.Reload()
    faults = [*check_scalars(reader, columns(folder / "metrics.csv")), *check_images(reader)]
    if not reader.Tags()["scalars"]:
        faults.append("no scalars: was the run trained with event files?")
    for fault in faults:
        print(f"{folder}: {fault}", file=sys.stderr)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
