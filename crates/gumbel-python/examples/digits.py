"""Images for the examples: MNIST from a folder of its files, or digits that are drawn here."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]

# Rows of five pixels, from the top, for each digit.
FONT = [
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111",
    "11110 00001 00001 01110 00001 00001 11110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
]


def load(folder: str | None, seed: int = 0) -> tuple[Images, Images]:
    """Training and test images [N, 784] of zeros and ones."""
    rng = np.random.default_rng(seed)
    if folder is None:
        return draw(4000, rng), draw(1000, rng)
    grey = [read(Path(folder) / f"{part}-images-idx3-ubyte.gz") for part in ("train", "t10k")]
    train, test = ((rng.random(part.shape) < part).astype(np.float32) for part in grey)
    return train, test


def read(path: Path) -> Images:
    """Grey images [N, 784] from 0 to 1 of a file in MNIST's format."""
    with gzip.open(path) as file:
        _, count, height, width = np.frombuffer(file.read(16), ">i4")
        pixels = np.frombuffer(file.read(), np.uint8)
    return pixels.reshape(count, height * width).astype(np.float32) / 255


def draw(count: int, rng: np.random.Generator) -> Images:
    """Digits of three sizes at random places, with 2 % of their pixels flipped."""
    glyphs = [np.array([[int(bit) for bit in row] for row in glyph.split()]) for glyph in FONT]
    images = np.zeros((count, 28, 28), bool)
    for image in images:
        glyph = np.kron(glyphs[rng.integers(10)], np.ones((3, rng.integers(2, 5)), int))
        height, width = glyph.shape
        top, left = rng.integers(29 - height), rng.integers(29 - width)
        image[top : top + height, left : left + width] = glyph
    return (images ^ (rng.random(images.shape) < 0.02)).reshape(count, 784).astype(np.float32)
