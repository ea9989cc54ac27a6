"""The job examples/fashion-mnist.yaml to its end in PyTorch over several processes, for its accuracy (bench/hosts_accuracy.sh).

    python3 peer_accuracy_torch.py --setting channels_last+local16 --rate 0.1 --steps 4690 --seed 11 [--validate]
                                   --rank 0 --ranks 4 --port 29511

The model, the settings and the exchange are those of peer_step_torch.py and hosts_torch.py. As ddla has it: a batch of 128
over all processes, an epoch's last batch being smaller; SGD with Nesterov momentum; decay of weights, not of biases; the
rate goes up for 200 steps and then down along half a cosine wave. Rank 0 prints one line of JSON. With --validate a tenth of
the training images, the same one for every seed, is set aside and takes the place of the test images.

With localH the replicas are averaged once more at the end.
"""

import argparse
import math
import time

import torch
import torch.distributed as dist
from torch.nn import functional

import hosts_torch
import peer_step_torch as peer

WARMUP_STEPS = 200
MOMENTUM, WEIGHT_DECAY, DROPOUT = 0.9, 0.0005, 0.25


def rate_at(step, arguments):
    """Of step 1, 2, ..."""
    if step < WARMUP_STEPS:
        return arguments.rate * step / WARMUP_STEPS
    done = max(step - 1 - WARMUP_STEPS, 0) / max(arguments.steps - WARMUP_STEPS, 1)
    return arguments.rate * (1 + math.cos(math.pi * done)) / 2


def batches(images, labels, arguments):
    """Batches without end; each rank has an equal part of every batch, the last one of an epoch too."""
    epoch = 0
    while True:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1000 * arguments.seed + epoch))
        for batch in order.split(peer.BATCH):
            chosen = batch.tensor_split(arguments.ranks)[arguments.rank]
            yield peer.normalised(images[chosen]), labels[chosen]
        epoch += 1


def read_parts(arguments):
    """Images and labels to train on, and those to test on."""
    images, labels = peer.read_data(arguments.data)
    if not arguments.validate:
        return (images, labels), peer.read_data(arguments.data, "t10k")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    kept, aside = order[len(order) // 10 :], order[: len(order) // 10]
    return (images[kept], labels[kept]), (images[aside], labels[aside])


def make_optimizer(model, words, arguments):
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    fused = True if "fused" in words else None
    optimizer = torch.optim.SGD(groups, lr=arguments.rate, momentum=MOMENTUM, nesterov=True, fused=fused)
    return optimizer, hosts_torch.follow(optimizer, words, arguments)


def train(model, words, data, arguments):
    order = torch.channels_last if "channels_last" in words else torch.contiguous_format
    optimizer, follower = make_optimizer(model, words, arguments)
    feed = batches(*data, arguments)
    for step in range(1, arguments.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, arguments)
        x, y = next(feed)
        follower.zero_grad()
        functional.cross_entropy(model(x.contiguous(memory_format=order)), y).backward()
        follower.step()
    if hosts_torch.number_of(words, "local") and arguments.ranks > 1:
        from torch.distributed.algorithms.model_averaging.utils import average_parameters

        average_parameters(model.parameters(), dist.group.WORLD)


def test(model, images, labels):
    model.eval()
    right, loss = 0, 0.0
    with torch.no_grad():
        for x, y in zip(images.split(1000), labels.split(1000)):
            logits = model(peer.normalised(x))
            right += (logits.argmax(1) == y).sum().item()
            loss += functional.cross_entropy(logits, y, reduction="sum").item()
    return right / len(labels), loss / len(labels)


def read_arguments():
    parser = argparse.ArgumentParser(description="the job fashion-mnist.yaml in PyTorch")
    parser.add_argument("--setting", default="channels_last+fused")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--validate", action="store_true")
    hosts_torch.add_arguments(parser)
    return parser.parse_args()


def main():
    arguments = read_arguments()
    peer.start(arguments)
    words = set(arguments.setting.split("+"))
    torch.manual_seed(arguments.seed)
    data, aside = read_parts(arguments)
    alone = peer.Cnn(DROPOUT)
    if "channels_last" in words:
        alone = alone.to(memory_format=torch.channels_last)
    model = hosts_torch.wrap(alone, words, arguments)
    torch.manual_seed(1000 * arguments.seed + arguments.rank)  # each process drops out others
    begin = time.perf_counter()
    train(model, words, data, arguments)
    seconds = time.perf_counter() - begin
    if arguments.rank == 0:
        accuracy, loss = test(alone, *aside)
        peer.say(
            {
                "setting": arguments.setting,
                "torch": torch.__version__,
                "ranks": arguments.ranks,
                "rate": arguments.rate,
                "steps": arguments.steps,
                "seed": arguments.seed,
                "validate": arguments.validate,
                "seconds": round(seconds, 1),
                "accuracy": accuracy,
                "loss": loss,
            }
        )
    hosts_torch.leave(arguments)


if __name__ == "__main__":
    main()
