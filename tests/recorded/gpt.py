"""Makes what gpt_test.c compares with, by PyTorch: gpt.safetensors, the starting weights of a small GPT, and
gpt_expected.safetensors, its logits on two windows and the losses of its first 100 steps.

    python3 tests/recorded/gpt.py      (a Python with torch in it; see bench/peer_gpt_torch.py, whose model it is)
"""

import json
import pathlib
import struct
import sys

import torch
from torch import nn
from torch.nn import functional

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent.parent / "bench"))
from peer_gpt_torch import Gpt  # noqa: E402

VOCABULARY, WINDOW, BATCH, STEPS, LENGTH = 27, 16, 6, 100, 2000


def made_up_text():
    """The same as in gpt_test.c: mostly, but not always, the last two tokens say the next one."""
    tokens = [1, 2]
    for i in range(2, LENGTH):
        tokens.append((5 * tokens[i - 1] + 3 * tokens[i - 2] + (i * i % 11 == 0)) % VOCABULARY)
    return torch.tensor(tokens)


def windows_of(text, step):
    places = torch.tensor([(step * BATCH + i) * 37 % (LENGTH - WINDOW) for i in range(BATCH)])
    windows = text[places[:, None] + torch.arange(WINDOW + 1)]
    return windows[:, :-1], windows[:, 1:]


def write(path, tensors):
    head, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.detach().float().contiguous().numpy().tobytes()
        head[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.manual_seed(3)
    torch.set_num_threads(1)
    text = made_up_text()
    model = Gpt(VOCABULARY, blocks=2, width=32, heads=2, window=WINDOW, sdpa=False)
    with torch.no_grad():  # larger than GPT's start, so that attention and norms matter
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    write(here / "gpt.safetensors", dict(model.named_parameters()))
    logits = model(windows_of(text, 0)[0][:2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    losses = []
    for step in range(STEPS):
        tokens, targets = windows_of(text, step)
        loss = functional.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    write(here / "gpt_expected.safetensors", {"logits": logits, "losses": torch.tensor(losses)})
    print(f"torch {torch.__version__}: loss {losses[0]:.4f} to {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
