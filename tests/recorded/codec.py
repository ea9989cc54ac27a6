"""Messages of every codec, made after docs/formats/codecs.md and not after our C, for codec_test.c.

    python codec.py codec/

Needs numpy and xxhash. Writes NAME.1 and NAME.2, two messages in a row with what the first leaves out kept, and
NAME.values, what they decode to, one after the other, fp32. Once a codec has another version, messages of the old
one stay here under their names and are still read.
"""
import sys
from fractions import Fraction

import numpy
import xxhash

COUNT, BLOCK, TOPK, DECAY, MOMENTUM = 300, 64, 0.07, 0.5, 0.75
f32 = numpy.float32


def numbers(step):
    """Exact in fp32, of sizes from 2^-16 to 2^4, with zeros of both signs."""
    state, out = 12345 + step, []
    for i in range(COUNT):
        state = (state * 1103515245 + 12345) % 2**31
        whole = (state >> 8) % 2001 - 1000
        out.append(f32(whole) / f32(2 ** (6 + i // 40)) if whole % 16 else f32(-0.0 if i % 2 else 0.0))
    return numpy.array(out, f32)


def value16(bits):
    return numpy.array([bits << 16], numpy.uint32).view(f32)[0]


def nearest16(x):
    """Bits of the bf16 number nearest to a fraction x >= 0."""
    low, high = 0, 0x7F00
    while low < high:  # the last one that is not above x
        middle = (low + high + 1) // 2
        if Fraction(float(value16(middle))) <= x:
            low = middle
        else:
            high = middle - 1
    below, above = x - Fraction(float(value16(low))), Fraction(float(value16(low + 1))) - x
    return low + (above < below or (above == below and low % 2 == 1))


def least_scale(most, levels):
    if most == 0:
        return 0
    bits = 0x0080
    while Fraction(float(value16(bits))) * levels < Fraction(float(most)):
        bits += 1
    return bits


def to_whole(v, scale):
    """v / scale to the nearest whole number, of two equally near ones the even one; a fraction has no other error."""
    return round(Fraction(float(v)) / Fraction(float(scale)))


class Bits:
    def __init__(self):
        self.list = []

    def put(self, value, count):
        self.list += [value >> i & 1 for i in range(count)]

    def bytes(self):
        padded = self.list + [0] * (-len(self.list) % 8)
        return bytes(sum(b << i for i, b in enumerate(padded[k : k + 8])) for k in range(0, len(padded), 8))


def message(name, body, block=0, width=0):
    rest = name.encode().ljust(8, b"\0") + COUNT.to_bytes(8, "little")
    rest += block.to_bytes(4, "little") + width.to_bytes(4, "little") + body
    return b"ddlu\1\0\0\0" + xxhash.xxh3_64_intdigest(rest).to_bytes(8, "little") + rest


def none(v):
    return message("none", v.tobytes()), v


def bf16(v):
    bits = [nearest16(Fraction(abs(float(x)))) | (0x8000 if numpy.signbit(x) else 0) for x in v]
    return message("bf16", numpy.array(bits, "<u2").tobytes()), numpy.array([value16(b) for b in bits], f32)


def fp16(v):
    half = v.astype(numpy.float16)
    return message("fp16", half.astype("<f2").tobytes()), half.astype(f32)


def scaled(name, v, levels, bits):
    scales, packed, decoded = b"", Bits(), []
    for at in range(0, COUNT, BLOCK):
        block = v[at : at + BLOCK]
        scale = least_scale(max(abs(block)), levels)
        scales += scale.to_bytes(2, "little")
        for x in block:
            q = to_whole(x, value16(scale)) if scale else 0
            packed.put(q & (1 << bits) - 1, bits)
            decoded.append(f32(q) * value16(scale))
    return message(name, scales + packed.bytes(), BLOCK), numpy.array(decoded, f32)


def int8(v):
    return scaled("int8", v, 127, 8)


def int4(v):
    return scaled("int4", v, 7, 4)


def sign(v):
    scales, packed, decoded = b"", Bits(), []
    for at in range(0, COUNT, BLOCK):
        block = v[at : at + BLOCK]
        scale = nearest16(sum(Fraction(abs(float(x))) for x in block) / len(block))
        scales += scale.to_bytes(2, "little")
        for x in block:
            packed.put(int(numpy.signbit(x)), 1)
            decoded.append(-value16(scale) if numpy.signbit(x) else value16(scale))
    return message("sign", scales + packed.bytes(), BLOCK), numpy.array(decoded, f32)


def places(v):
    entries = int(TOPK * COUNT + 0.5)
    return sorted(sorted(range(COUNT), key=lambda i: (-abs(v[i]), i))[:entries])


def gaps(chosen):
    width = 0
    while len(chosen) * 2 ** (width + 1) * 10 <= COUNT * 7:
        width += 1
    bits, before = Bits(), -1
    for place in chosen:
        gap, before = place - before - 1, place
        bits.put(2 ** (gap >> width) - 1, (gap >> width) + 1)
        bits.put(gap & 2**width - 1, width)
    return bits.bytes(), width


def sparse(name, v, chosen, numbers, sent, block=0):
    code, width = gaps(chosen)
    decoded = numpy.zeros(COUNT, f32)
    decoded[chosen] = sent
    return message(name, len(chosen).to_bytes(8, "little") + numbers + code, block, width), decoded


def topk(v):
    chosen = places(v)
    return sparse("topk", v, chosen, v[chosen].tobytes(), v[chosen])


def topk2(v):
    chosen, levels, codes, sent = places(v), b"", Bits(), []
    for at in range(0, len(chosen), BLOCK):
        block = v[chosen[at : at + BLOCK]]
        sizes = [Fraction(abs(float(x))) for x in block]
        mean = sum(sizes) / len(sizes)
        lower, upper = [s for s in sizes if s <= mean], [s for s in sizes if s > mean]
        low = nearest16(sum(lower) / len(lower))
        high = nearest16(sum(upper) / len(upper)) if upper else low
        levels += low.to_bytes(2, "little") + high.to_bytes(2, "little")
        middle = (value16(low) + value16(high)) / f32(2)
        for x in block:
            is_high = abs(x) > middle
            codes.put(int(numpy.signbit(x)) | int(is_high) << 1, 2)
            sent.append((-1 if numpy.signbit(x) else 1) * value16(high if is_high else low))
    return sparse("topk2", v, chosen, levels + codes.bytes(), numpy.array(sent, f32), BLOCK)


for codec in (none, bf16, fp16, int8, int4, sign, topk, topk2):
    name = codec.__name__
    residual, velocity, values = numpy.zeros(COUNT, f32), numpy.zeros(COUNT, f32), b""
    for step in (1, 2):
        x = numbers(step)
        if name.startswith("topk"):
            velocity = f32(MOMENTUM) * velocity + x
            x = velocity
        v = x if name == "none" else f32(DECAY) * residual + x
        sealed, decoded = codec(v)
        residual = v - decoded
        velocity[decoded != 0] = 0
        values += decoded.tobytes()
        with open(f"{sys.argv[1]}/{name}.{step}", "wb") as file:
            file.write(sealed)
    with open(f"{sys.argv[1]}/{name}.values", "wb") as file:
        file.write(values)
