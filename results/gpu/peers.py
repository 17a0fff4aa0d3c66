"""Times Gumbel-Softmax and the training step of a categorical VAE in PyTorch on a GPU; prints CSV.

The VAE is that of results/vae-step (784-512-256-(20x10)-256-512-784, temperature 1, categorical divergence, fused Adam,
single precision with TF32 products), at batches of 100 and 4096. Usage: python3 results/gpu/peers.py
"""
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

torch.set_float32_matmul_precision("high")
DEVICE = "cuda"


def median(call, repeats=9):
    """Seconds of a call by the host's clock, with the queue drained at the end, after calls that compile."""
    for _ in range(5):
        call()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        calls = 20
        for _ in range(calls):
            call()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def report(name, rows, size, call):
    print(f"{name},{rows},{size},{1e6 * median(call):.1f}", flush=True)


def samples(rows, k):
    sets = [torch.randn(rows, k, device=DEVICE, requires_grad=True) for _ in range(4)]
    turn = iter(range(10**9))
    soft = lambda logits: F.gumbel_softmax(logits, tau=0.5)
    compiled = torch.compile(soft)

    def forward(f):
        with torch.no_grad():
            f(sets[next(turn) % 4])

    def both(f):
        logits = sets[next(turn) % 4]
        logits.grad = None
        f(logits).backward(sets[next(turn) % 4].detach())

    for name, f in [("eager", soft), ("compiled", compiled)]:
        report(f"torch {name} gumbel_softmax", rows, k, lambda: forward(f))
        report(f"torch {name} gumbel_softmax and gradient", rows, k, lambda: both(f))


def layers(*sizes):
    pairs = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
    return nn.Sequential(*[part for pair in pairs for part in (pair, nn.ReLU())][:-1])


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = layers(784, 512, 256, 200), layers(200, 256, 512, 784)

    def forward(self, x):
        logits = self.encoder(x).view(-1, 20, 10)
        z = F.gumbel_softmax(logits, tau=1.0).flatten(1)
        reconstruction = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(1)
        log_q = logits.log_softmax(2)
        return (reconstruction + (log_q.exp() * (log_q + 2.302585)).sum((1, 2))).mean()


def step(batch):
    x = (torch.rand(batch, 784, device=DEVICE) < 0.2).float()
    for name, mode in [("eager", None), ("compiled", "default"), ("compiled with CUDA graphs", "reduce-overhead")]:
        torch.manual_seed(0)
        vae = Vae().to(DEVICE)
        adam = torch.optim.Adam(vae.parameters(), fused=True)
        loss = vae if mode is None else torch.compile(vae, mode=mode)

        def train():
            adam.zero_grad()
            loss(x).backward()
            adam.step()

        report(f"torch {name} VAE step", batch, 200, train)


print("operation,rows,categories,microseconds")
samples(65536, 1000)
samples(65536, 10)
for batch in (100, 4096):
    step(batch)
