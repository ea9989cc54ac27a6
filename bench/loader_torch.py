"""Samples brought to a model by PyTorch's DataLoader, as the peer that bench/loader.sh measures against.

    python3 loader_torch.py images DIRECTORY      Fashion-MNIST: each image shifted by up to 2 pixels, mirrored with
                                                  probability 1/2, standardised, in batches of 128
    python3 loader_torch.py folder DIRECTORY SIDE PNG files decoded, scaled to SIDE x SIDE, as bytes
    python3 loader_torch.py make DIRECTORY COUNT  writes such files: made-up photographs of 96 to 320 pixels each way

The first two obey lines on standard input, with one thread of PyTorch per process:

    SETTING WORKERS   an epoch; prints {"setting", "workers", "samples", "seconds", "cpu_seconds"}. The loader of a setting
                      is kept, with its workers, and its first epoch, which starts them, is not timed
    quit

Settings of images:
    item     augmentation of one image at a time in the data set, as most programs do it
    batch    the data set is asked for whole batches (__getitems__), which are augmented together
of folder:
    pillow   Image.open, convert, resize with the bilinear filter (which widens when it shrinks, as ddla's does)
"""

import gzip
import json
import os
import sys
import time

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

BATCH, SHIFT = 128, 2
MEAN, DEVIATION = 0.2860, 0.3530


def read_idx(path, head):
    with gzip.open(path, "rb") as file:
        return torch.frombuffer(bytearray(file.read()[head:]), dtype=torch.uint8)


class Images(Dataset):
    """Bytes in one tensor; both ways to fetch draw the same kind of numbers and give float32 [N, 1, 28, 28]."""

    def __init__(self, folder):
        self.images = read_idx(f"{folder}/train-images-idx3-ubyte.gz", 16).view(-1, 28, 28)
        self.labels = read_idx(f"{folder}/train-labels-idx1-ubyte.gz", 8).long()
        self.scale, self.bias = 1 / (255 * DEVIATION), -MEAN / DEVIATION

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = functional.pad(self.images[index], (SHIFT,) * 4)
        y, x, flip = torch.randint(2 * SHIFT + 1, (3,)).tolist()
        image = image[y : y + 28, x : x + 28]
        if torch.rand(1).item() < 0.5:
            image = image.flip(1)
        return image.float().mul_(self.scale).add_(self.bias).unsqueeze(0), self.labels[index]


class Batches(Images):
    """A batch at once: every window of the padded images is a view, and one gather takes those that were drawn."""

    def __getitems__(self, indices):
        index = torch.as_tensor(indices)
        count = len(index)
        padded = functional.pad(self.images[index], (SHIFT,) * 4)
        windows = padded.unfold(1, 28, 1).unfold(2, 28, 1)
        y, x = torch.randint(2 * SHIFT + 1, (2, count))
        images = windows[torch.arange(count), y, x]
        flip = torch.rand(count) < 0.5
        images[flip] = images[flip].flip(2)
        return images.float().mul_(self.scale).add_(self.bias).unsqueeze(1), self.labels[index]


class Folder(Dataset):
    def __init__(self, folder, side):
        self.side = side
        self.paths = sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)
        from PIL import Image

        self.image = Image

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with self.image.open(self.paths[index]) as image:
            small = image.convert("RGB").resize((self.side, self.side), self.image.Resampling.BILINEAR)
        return torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(self.side, self.side, 3)


def make_files(folder, count):
    """Soft colours with some noise, which is what makes photographs hard to compress; four classes in turn."""
    from PIL import Image

    generator = torch.Generator().manual_seed(1)
    for i in range(count):
        height, width = torch.randint(96, 321, (2,), generator=generator).tolist()
        soft = torch.randint(256, (height // 8 + 2, width // 8 + 2, 3), generator=generator, dtype=torch.uint8)
        soft = Image.frombytes("RGB", (soft.shape[1], soft.shape[0]), bytes(soft.flatten().tolist()))
        pixels = torch.frombuffer(bytearray(soft.resize((width, height), Image.Resampling.BICUBIC).tobytes()), dtype=torch.uint8)
        noise = torch.randn(pixels.shape, generator=generator) * 4
        pixels = (pixels + noise).clamp_(0, 255).byte()
        os.makedirs(f"{folder}/{i % 4}", exist_ok=True)
        Image.frombytes("RGB", (width, height), bytes(pixels.tolist())).save(f"{folder}/{i % 4}/{i:05d}.png")


def same(batch):
    return batch


def make_loader(arguments, setting, workers):
    options = {"batch_size": BATCH, "num_workers": workers, "persistent_workers": workers > 0}
    if arguments[0] == "folder":
        return DataLoader(Folder(arguments[1], int(arguments[2])), **options)
    if setting == "item":
        return DataLoader(Images(arguments[1]), shuffle=True, **options)
    return DataLoader(Batches(arguments[1]), shuffle=True, collate_fn=same, **options)


def run_epoch(loader):
    seconds, cpu, samples = time.perf_counter(), time.process_time(), 0
    for batch in loader:
        samples += len(batch[0] if isinstance(batch, (tuple, list)) else batch)
    return {"samples": samples, "seconds": time.perf_counter() - seconds, "cpu_seconds": time.process_time() - cpu}


def main():
    torch.set_num_threads(1)
    arguments, loaders = sys.argv[1:], {}
    if arguments[0] == "make":
        make_files(arguments[1], int(arguments[2]))
        return
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        setting, workers = line.split()
        if line not in loaders:
            loaders[line] = make_loader(arguments, setting, int(workers))
            run_epoch(loaders[line])
        print(json.dumps({"setting": setting, "workers": int(workers), **run_epoch(loaders[line])}), flush=True)


main()
