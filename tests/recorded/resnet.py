"""Makes the recorded files of resnet/ with PyTorch; the tests that read them need neither Python nor this script.

    torch/bin/python tests/recorded/resnet.py

A residual network of 8 layers and width 8 with random weights and running values, 64 random images of 12 x 12 in
10 classes, its logits in evaluation, and the losses of 100 training steps on all 64 images from these weights (SGD,
learning rate 0.01, no momentum, no decay), and
the loss in evaluation after them. PyTorch computes in double precision, so that what is recorded is the
value and not a rounding of it.
"""

import json
import os
import struct
import sys

import torch
from torch.nn import functional

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "bench"))
from resnet_torch import ResNet  # noqa: E402

SAMPLES, SIDE, CLASSES, STEPS = 64, 12, 10, 100
MEAN, DEVIATION = 0.5, 0.25  # of the job in resnet.sh


def write_safetensors(path, tensors):
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    header, data = {}, b""
    for name, value in tensors.items():
        raw = value.contiguous().numpy().tobytes()
        header[name] = {
            "dtype": kinds[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_idx(path, magic, values):
    with open(path, "wb") as file:
        file.write(struct.pack(">%dI" % (1 + values.dim()), magic, *values.shape) + values.numpy().tobytes())


def write_numbers(path, numbers):
    with open(path, "w") as file:
        file.write("".join("%.9g\n" % number for number in numbers))


def main():
    torch.manual_seed(20)
    folder = os.path.join(here, "resnet")
    os.makedirs(folder, exist_ok=True)
    model = ResNet(depth=8, width=8, classes=CLASSES)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.3, 0.3)
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    images = torch.randint(0, 256, (SAMPLES, SIDE, SIDE), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (SAMPLES,), dtype=torch.uint8)
    write_safetensors(os.path.join(folder, "weights.safetensors"), model.state_dict())
    write_idx(os.path.join(folder, "train-images-idx3-ubyte"), 2051, images)
    write_idx(os.path.join(folder, "train-labels-idx1-ubyte"), 2049, labels)
    model = model.double()
    x, y = ((images.double() / 255 - MEAN) / DEVIATION).unsqueeze(1), labels.long()
    with torch.no_grad():
        write_numbers(os.path.join(folder, "logits.txt"), model.eval()(x).flatten().tolist())
    model.train()
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.01), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    write_numbers(os.path.join(folder, "losses.txt"), losses)
    with torch.no_grad():  # with the running values that training left
        write_numbers(os.path.join(folder, "evaluated.txt"), [functional.cross_entropy(model.eval()(x), y).item()])


if __name__ == "__main__":
    main()
