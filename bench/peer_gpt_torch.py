"""The training step of ddla's model `transformer-decoder` in PyTorch, as the peer that bench/gpt.sh measures against.

    python3 peer_gpt_torch.py TEXT --setting sdpa+fused

Under an MPI launcher: --launched (see hosts_torch.py); --batch is that of all processes. It builds and warms up, prints
one line of JSON about itself (rank 0 alone), and then obeys lines on standard input:

    run N     trains N steps and prints one line: {"steps", "characters", "seconds", "step_seconds" (median)}
    quit      ends

A setting is several of these words joined by +:
    plain           attention written out: scores, mask, softmax
    sdpa            torch.nn.functional.scaled_dot_product_attention(is_causal=True)
    fused           AdamW(fused=True)
    compile         torch.compile of model and loss
    compile_step    torch.compile of the optimizer's step as well
    memory          glibc keeps freed memory and asks for huge pages, so that a step meets no page faults
    micro           eight micro-batches, their gradients added up
    noclip          without clipping of the gradient's norm
    view            DDP(gradient_as_bucket_view=True)
    static          DDP(static_graph=True)
    bucketN         DDP(bucket_cap_mb=N)

PyTorch with AVX-512 kernels comes from PyPI: python3 -m venv torch && torch/bin/pip install torch
"""

import argparse
import json
import os
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

import hosts_torch

# For the setting `memory`; read by glibc and by PyTorch when a process starts.
MEMORY = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000"
    ":glibc.malloc.trim_threshold=4000000000:glibc.malloc.top_pad=268435456",
}
MICRO_BATCHES = 8


class Attention(nn.Module):
    def __init__(self, width, heads, sdpa):
        super().__init__()
        self.heads, self.sdpa = heads, sdpa
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.c_attn(x).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        if self.sdpa:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
            later = torch.ones(length, length, dtype=torch.bool).triu(1)
            y = scores.masked_fill(later, float("-inf")).softmax(-1) @ v
        return self.c_proj(y.transpose(1, 2).reshape(batch, length, width))


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(functional.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, heads, sdpa):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, sdpa)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    """ddla's parameters by name and shape; the last layer uses the token table. Started as ddla does."""

    def __init__(self, vocabulary, blocks=4, width=128, heads=4, window=128, sdpa=True):
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocabulary, width),
                "wpe": nn.Embedding(window, width),
                "h": nn.ModuleList([Block(width, heads, sdpa) for _ in range(blocks)]),
                "ln_f": nn.LayerNorm(width),
            }
        )
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                if name.endswith("bias"):
                    nn.init.zeros_(parameter)
                continue
            added = name.endswith("c_proj.weight")
            nn.init.normal_(parameter, std=0.02 / (2 * blocks) ** 0.5 if added else 0.02)

    def forward(self, tokens):
        t = self.transformer
        x = t["wte"](tokens) + t["wpe"].weight[: tokens.shape[1]]
        for block in t["h"]:
            x = block(x)
        return functional.linear(t["ln_f"](x), t["wte"].weight)


class Trainer:
    def __init__(self, options):
        words = set(options.setting.split("+"))
        with open(options.text, encoding="utf-8") as file:
            text = file.read()
        known = {character: i for i, character in enumerate(sorted(set(text)))}
        self.text = torch.tensor([known[character] for character in text])
        self.batch, self.window = options.batch // options.ranks, options.window
        self.micro = MICRO_BATCHES if "micro" in words else 1
        self.clip = "noclip" not in words
        self.model = Gpt(len(known), window=self.window, sdpa="sdpa" in words)
        self.model = hosts_torch.wrap(self.model, words, options)
        tables = [p for p in self.model.parameters() if p.dim() >= 2]
        others = [p for p in self.model.parameters() if p.dim() < 2]
        groups = [{"params": tables, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused="fused" in words)
        self.optimizer = hosts_torch.follow(self.optimizer, words, options)
        self.loss = self.plain_loss
        self.update = self.optimizer.step
        if "compile" in words:
            self.loss = torch.compile(self.plain_loss)
        if "compile_step" in words:
            self.update = torch.compile(self.optimizer.step)

    def plain_loss(self, tokens, targets):
        logits = self.model(tokens)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")

    def step(self):
        places = torch.randint(len(self.text) - self.window - 1, (self.batch, 1))
        windows = self.text[places + torch.arange(self.window + 1)]
        each = self.batch // self.micro
        total = 0.0
        for first in range(0, self.batch, each):
            part = windows[first : first + each]
            loss = self.loss(part[:, :-1], part[:, 1:]) / (self.batch * self.window)
            loss.backward()
            total += loss.item()
        if self.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.update()
        self.optimizer.zero_grad(set_to_none=self.micro == 1)
        return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("--setting", default="sdpa+fused")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--warm", type=int, default=3)
    hosts_torch.add_arguments(parser)
    options = parser.parse_args()
    if "memory" in options.setting.split("+") and "THP_MEM_ALLOC_ENABLE" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **MEMORY})
    torch.set_num_threads(1)
    hosts_torch.join(options)
    torch.manual_seed(1 + options.rank)
    trainer = Trainer(options)
    losses = [trainer.step() for _ in range(options.warm)]
    parameters = sum(p.numel() for p in trainer.model.parameters())
    say = print if options.rank == 0 else lambda *_, **__: None
    say(json.dumps({"torch": torch.__version__, "parameters": parameters, "loss": losses[-1]}), flush=True)
    for steps in hosts_torch.orders(options):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            trainer.step()
            times.append(time.perf_counter() - start)
        characters = len(times) * options.batch * options.window
        row = {"steps": len(times), "characters": characters, "seconds": sum(times)}
        say(json.dumps({**row, "step_seconds": statistics.median(times)}), flush=True)
    hosts_torch.leave(options)


if __name__ == "__main__":
    main()
