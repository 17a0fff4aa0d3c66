"""Trains a variational autoencoder with 20 latents of 10 categories in PyTorch.

    python vae_torch.py [--mnist FOLDER] [--epochs 20]

FOLDER holds MNIST's four files; without it, digits are drawn. Prints, for each epoch, the temperature and two upper bounds on
-ln p(x) in nats per test image: the objective with relaxed samples, and the negative ELBO with hard ones, which is the one that
counts. Jang, Gu and Poole (2017), section 3.2; the KL divergence is that of the categories.
"""

import argparse
import math
import time

import torch
from digits import load
from torch import Tensor, nn
from torch.nn import functional as F

from gumbel import Noise
from gumbel.torch import gumbel_softmax, one_hot

LATENTS, CATEGORIES = 20, 10


class Autoencoder(nn.Module):
    """Encoder to logits [B, D, K] and decoder from samples of that shape."""

    def __init__(self) -> None:
        super().__init__()
        size = LATENTS * CATEGORIES
        self.encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, size))
        self.decoder = nn.Sequential(nn.Linear(size, 256), nn.ReLU(), nn.Linear(256, 784))

    def logits(self, images: Tensor) -> Tensor:
        return self.encoder(images).unflatten(-1, (LATENTS, CATEGORIES))

    def bound(self, images: Tensor, logits: Tensor, z: Tensor) -> Tensor:
        """Negative ELBO of each image [B], with the KL divergence from the uniform prior in closed form."""
        pixels = self.decoder(z.flatten(-2))
        reconstruction = F.binary_cross_entropy_with_logits(pixels, images, reduction="none").sum(-1)
        log_q = logits.log_softmax(-1)
        return reconstruction + (log_q.exp() * (log_q + math.log(CATEGORIES))).sum((-2, -1))


def train(folder: str | None, epochs: int, batch: int = 100) -> float:
    """Trains a model; the negative ELBO of the test images with hard samples."""
    torch.manual_seed(0)
    noise = Noise(0)
    images, test = (torch.from_numpy(part) for part in load(folder))
    model, hard = Autoencoder(), math.inf
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        tau, start = max(0.5, 0.9**epoch), time.perf_counter()
        for index in torch.randperm(len(images)).split(batch):
            logits = model.logits(images[index])
            loss = model.bound(images[index], logits, gumbel_softmax(logits, tau, noise=noise)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            logits = model.logits(test)
            relaxed = model.bound(test, logits, gumbel_softmax(logits, tau, noise=noise)).mean()
            hard = model.bound(test, logits, one_hot(logits, noise=noise)).mean().item()
        took = time.perf_counter() - start
        print(f"epoch {epoch + 1:3}  tau {tau:.3f}  relaxed {relaxed:7.2f}  hard {hard:7.2f}  ({took:.1f} s)")
    return hard


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Trains a categorical VAE in PyTorch.")
    parser.add_argument("--mnist", metavar="FOLDER", help="folder with MNIST's files; otherwise digits are drawn")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training images")
    arguments = parser.parse_args()
    train(arguments.mnist, arguments.epochs)
