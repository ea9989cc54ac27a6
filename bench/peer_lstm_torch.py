"""Times of PyTorch's nn.LSTM and nn.GRU in one thread, forward and forward with backward, for
comparison with `ddla bench op --op lstm` (and gru) on the same shapes. Medians of processor time."""
import time

import torch

torch.set_num_threads(1)


def median_us(run, count=15):
    for _ in range(3):
        run()
    times = []
    for _ in range(count):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return sorted(times)[count // 2] * 1e6


def measure(kind, samples, steps, width):
    model = getattr(torch.nn, kind.upper())(width, width, batch_first=True, bias=False)
    x = torch.randn(samples, steps, width, requires_grad=True)
    arriving = torch.randn(samples, steps, width)

    def both():
        x.grad = None
        for parameter in model.parameters():
            parameter.grad = None
        model(x)[0].backward(arriving)

    forward = median_us(lambda: model(x))
    print(f"{kind:5} [{samples}, {steps}, {width}]  forward {forward:9.1f} us"
          f"  both {median_us(both):9.1f} us")


print("PyTorch", torch.__version__)
for shape in ((16, 28, 256), (64, 64, 256)):
    for kind in ("lstm", "gru"):
        measure(kind, *shape)
