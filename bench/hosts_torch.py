"""Where a process of the PyTorch peers stands among the others, and what it is told to do.

Processes are started one by one with --rank and --ranks, on one machine, each with a standard input of its own; or all
together by an MPI launcher, which says who is who in the environment (--launched): then rank 0 reads standard input and
passes on what it says. Rank 0 is on MASTER_ADDR, at MASTER_PORT; gloo takes the network of GLOO_SOCKET_IFNAME.
"""

import os
import sys

import torch
import torch.distributed as dist


def add_arguments(parser):
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--port", type=int, default=29511)
    parser.add_argument("--launched", action="store_true", help="by an MPI launcher, on several hosts")


def launcher_number(*names):
    return next(int(os.environ[name]) for name in names if name in os.environ)


def join(arguments):
    """Makes the process group, if there is one, and sets rank and ranks as the launcher has them."""
    if arguments.launched:
        arguments.rank = launcher_number("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
        arguments.ranks = launcher_number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
    if arguments.ranks == 1:
        return
    where = "%s:%s" % (os.environ.get("MASTER_ADDR", "127.0.0.1"), os.environ.get("MASTER_PORT", arguments.port))
    dist.init_process_group(
        "gloo", init_method="tcp://" + where, rank=arguments.rank, world_size=arguments.ranks
    )


def leave(arguments):
    if arguments.ranks > 1:
        dist.destroy_process_group()


def wrap(model, words, arguments):
    """The model as DDP has it, with what the words of a setting say; itself where it is alone."""
    if arguments.ranks == 1:
        return model
    sizes = [int(word[len("bucket") :]) for word in words if word.startswith("bucket")]
    if number_of(words, "powersgd"):  # over gloo, the sums of several buckets at once meet the wrong ones
        dist._DEFAULT_FIRST_BUCKET_BYTES = 1 << 30
        sizes = [1000]
    model = torch.nn.parallel.DistributedDataParallel(
        model,
        gradient_as_bucket_view="view" in words,
        static_graph="static" in words,
        bucket_cap_mb=sizes[0] if sizes else None,
    )
    compress(model, words, arguments)
    return model


def number_of(words, name):
    """N of a word nameN, or None."""
    found = [word[len(name) :] for word in words if word.startswith(name) and word[len(name) :].isdigit()]
    return int(found[0]) if found else None


def compress(model, words, arguments):
    """PyTorch's own ways to send less: fp16 (half the bytes), powersgdR (rank R, with error feedback and warm start, from
    the 10th step on), localH (post-local SGD: no gradients are exchanged; every H steps parameters are averaged)."""
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, post_localSGD_hook, powerSGD_hook

    rank = number_of(words, "powersgd")
    if "fp16" in words:
        model.register_comm_hook(None, default_hooks.fp16_compress_hook)
    elif rank:
        state = powerSGD_hook.PowerSGDState(
            process_group=None, matrix_approximation_rank=rank, start_powerSGD_iter=10, min_compression_rate=1
        )
        model.register_comm_hook(state, powerSGD_hook.powerSGD_hook)
    elif number_of(words, "local"):
        alone = [dist.new_group([r]) for r in range(arguments.ranks)][arguments.rank]
        state = post_localSGD_hook.PostLocalSGDState(process_group=None, subgroup=alone, start_localSGD_iter=10)
        model.register_comm_hook(state, post_localSGD_hook.post_localSGD_hook)


def follow(optimizer, words, arguments):
    """The optimizer; with localH one that averages parameters every H steps."""
    interval = number_of(words, "local")
    if arguments.ranks == 1 or not interval:
        return optimizer
    from torch.distributed.algorithms.model_averaging import averagers
    from torch.distributed.optim import PostLocalSGDOptimizer

    return PostLocalSGDOptimizer(optimizer, averagers.PeriodicModelAverager(period=interval, warmup_steps=10))


def read_steps():
    for line in sys.stdin:
        words = line.split()
        if not words or words[0] == "quit":
            return
        yield int(words[1])


def orders(arguments):
    """The numbers of steps that are asked for, one after another."""
    if not arguments.launched or arguments.ranks == 1:
        yield from read_steps()
        return
    told = read_steps() if arguments.rank == 0 else None
    while True:
        steps = torch.tensor([next(told, 0) if told else 0])
        dist.broadcast(steps, 0)
        if steps.item() == 0:
            return
        yield steps.item()
