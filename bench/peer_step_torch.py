"""The training step of ddla's models `cnn` and `resnet` in PyTorch, as the peer that bench/step.sh measures against.

    python3 peer_step_torch.py --setting channels_last+fused [--model resnet] [--rank 0 --ranks 2 --port 29511]

Under an MPI launcher: --launched in place of --rank, --ranks and --port (see hosts_torch.py). It builds and warms up,
prints one line of JSON about itself (rank 0 alone, if launched), and then obeys lines on standard input:

    run N     trains N steps and prints one line: {"steps", "samples", "seconds", "cpu_seconds", "step_seconds"}
    quit      ends

`--curve 50,100,200,300` trains from the beginning instead and prints the mean loss of the steps up to each number.

A setting is `eager`, or several of these words joined by +:
    channels_last   weights and images in channels-last order
    fused           the optimizer's fused kernel, SGD(fused=True)
    compile         torch.compile of model and loss
    autotune        the same with mode="max-autotune"
    compile_step    torch.compile of the optimizer's step as well
    memory          glibc keeps freed memory and asks for huge pages, so that a step meets no page faults
    micro           eight micro-batches of 16, their gradients added up (one process only)
    dataloader      samples through DataLoader(num_workers=0) one by one, as most programs do it, instead of
                    whole batches indexed out of one tensor
    view            DDP(gradient_as_bucket_view=True)
    static          DDP(static_graph=True)
    bucketN         DDP(bucket_cap_mb=N)

PyTorch with AVX-512 kernels comes from PyPI: python3 -m venv torch && torch/bin/pip install torch
"""

import argparse
import gzip
import json
import os
import resource
import statistics
import struct
import sys
import time

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional

import hosts_torch
from resnet_torch import ResNet

BATCH = 128
MICRO_BATCHES = 8
MEAN, DEVIATION = 0.2860, 0.3530  # of Fashion-MNIST's training images, on a scale of 0 to 1


# For the setting `memory`; read by glibc and by PyTorch when a process starts.
MEMORY = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000"
    ":glibc.malloc.trim_threshold=4000000000:glibc.malloc.top_pad=268435456",
}


class Cnn(nn.Module):
    """421,642 parameters; initialised as PyTorch does by default, which is what ddla does too."""

    def __init__(self, dropout):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.linear1 = nn.Linear(3136, 128)
        self.linear2 = nn.Linear(128, 10)
        self.dropout = dropout

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.linear1(x.flatten(1)))
        if self.dropout > 0:
            x = functional.dropout(x, self.dropout, self.training)
        return self.linear2(x)


def read_idx(path, header, shape):
    with gzip.open(path, "rb") as file:
        data = file.read()
    count = struct.unpack(">I", data[4:8])[0]
    return torch.frombuffer(bytearray(data[header:]), dtype=torch.uint8).reshape(count, *shape)


def read_data(directory, part="train"):
    images = read_idx(os.path.join(directory, part + "-images-idx3-ubyte.gz"), 16, (1, 28, 28))
    labels = read_idx(os.path.join(directory, part + "-labels-idx1-ubyte.gz"), 8, ())
    return images, labels.long()


def normalised(images):
    return images.float().mul_(1 / (255 * DEVIATION)).add_(-MEAN / DEVIATION)


class Samples(torch.utils.data.Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return (self.images[i].float().div_(255).sub_(MEAN).div_(DEVIATION), self.labels[i])


def batches_whole(images, labels, arguments):
    """Batches without end, indexed by a permutation; each rank takes its part of every global batch."""
    own = BATCH // arguments.ranks
    epoch = 0
    while True:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(epoch))
        for begin in range(0, len(labels) - BATCH + 1, BATCH):
            chosen = order[begin + own * arguments.rank : begin + own * (arguments.rank + 1)]
            yield normalised(images[chosen]), labels[chosen]
        epoch += 1


def batches_loader(images, labels, arguments):
    data, sampler = Samples(images, labels), None
    if arguments.ranks > 1:
        sampler = torch.utils.data.distributed.DistributedSampler(data, arguments.ranks, arguments.rank)
    loader = torch.utils.data.DataLoader(
        data, BATCH // arguments.ranks, shuffle=sampler is None, sampler=sampler, num_workers=0, drop_last=True
    )
    while True:
        yield from loader


class Trainer:
    def __init__(self, arguments):
        words = set(arguments.setting.split("+"))
        torch.manual_seed(arguments.seed)
        images, labels = read_data(arguments.data)
        feed = batches_loader if "dataloader" in words else batches_whole
        self.batches = feed(images, labels, arguments)
        self.parts = MICRO_BATCHES if "micro" in words else 1
        self.order = torch.channels_last if "channels_last" in words else torch.contiguous_format
        model = Cnn(arguments.dropout) if arguments.model == "cnn" else ResNet(arguments.depth)
        model = model.to(memory_format=self.order)
        self.parameters = sum(p.numel() for p in model.parameters())
        model = hosts_torch.wrap(model, words, arguments)
        self.optimizer = torch.optim.SGD(
            model.parameters(), lr=0.05, momentum=0.9, nesterov=True, fused=True if "fused" in words else None
        )
        self.optimizer = hosts_torch.follow(self.optimizer, words, arguments)

        def loss_of(x, y):
            return functional.cross_entropy(model(x), y)

        mode = "max-autotune" if "autotune" in words else None
        compiled = "compile" in words or "autotune" in words
        self.loss_of = torch.compile(loss_of, mode=mode, dynamic=False) if compiled else loss_of
        self.update = torch.compile(self.optimizer.step) if "compile_step" in words else self.optimizer.step

    def step(self):
        x, y = next(self.batches)
        x, total = x.contiguous(memory_format=self.order), 0.0
        self.optimizer.zero_grad()
        for part, label in zip(x.chunk(self.parts), y.chunk(self.parts)):
            loss = self.loss_of(part, label)
            if self.parts > 1:
                loss = loss / self.parts
            loss.backward()
            total += loss.item()
        self.update()
        return total

    def run(self, steps, ranks):
        if ranks > 1:
            dist.barrier()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        begin = last = time.perf_counter()
        took = []
        for _ in range(steps):
            self.step()
            now = time.perf_counter()
            took.append(now - last)
            last = now
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
        return {
            "steps": steps,
            "samples": steps * BATCH,
            "seconds": last - begin,
            "cpu_seconds": cpu,
            "step_seconds": statistics.median(took),
        }


def say(what, arguments=None):
    if arguments is None or not arguments.launched or arguments.rank == 0:
        print(json.dumps(what), flush=True)


def curve(trainer, points):
    """The mean loss of all steps up to each of the points."""
    total, found = 0.0, []
    for step in range(1, max(points) + 1):
        total += trainer.step()
        if step in points:
            found.append({"step": step, "loss": total / step})
    say({"curve": found})


def read_arguments():
    parser = argparse.ArgumentParser(description="training step of ddla's models in PyTorch")
    parser.add_argument("--setting", default="eager")
    parser.add_argument("--model", default="cnn", choices=["cnn", "resnet"])
    parser.add_argument("--depth", type=int, default=20, help="of resnet")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=30)
    parser.add_argument("--curve", default="")
    hosts_torch.add_arguments(parser)
    return parser.parse_args()


def start(arguments):
    """One thread, the kept memory of the setting, the others of the group."""
    if "memory" in arguments.setting.split("+") and "THP_MEM_ALLOC_ENABLE" not in os.environ:
        os.execve(sys.executable, [sys.executable] + sys.argv, dict(os.environ, **MEMORY))
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    hosts_torch.join(arguments)


def main():
    arguments = read_arguments()
    start(arguments)
    trainer = Trainer(arguments)
    if arguments.curve:
        return curve(trainer, [int(step) for step in arguments.curve.split(",")])
    for _ in range(arguments.warmup):
        trainer.step()
    say(
        {
            "setting": arguments.setting,
            "torch": torch.__version__,
            "capability": torch.backends.cpu.get_cpu_capability(),
            "onednn": [w.strip(" -") for w in torch.__config__.show().split("\n") if "MKL-DNN" in w][0],
            "threads": torch.get_num_threads(),
            "parameters": trainer.parameters,
        },
        arguments,
    )
    for steps in hosts_torch.orders(arguments):
        say(trainer.run(steps, arguments.ranks), arguments)
    hosts_torch.leave(arguments)


if __name__ == "__main__":
    main()
