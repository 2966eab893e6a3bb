"""Which kernels are compared, and how each is called: as Fulmen's own tables call them, so that rows meet.

    product       rows×inputs → outputs
    convolution   inputs → outputs at width×height [stride 2]      3×3
    attention     queries over keys, heads × channels of a head
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    rows: int
    inputs: int
    outputs: int

    def __str__(self):
        return f"{self.rows}×{self.inputs} → {self.outputs}"

    def flop(self):
        return 2 * self.rows * self.inputs * self.outputs


@dataclass(frozen=True)
class Convolution:
    inputs: int
    outputs: int
    width: int
    height: int
    stride: int = 1

    def __str__(self):
        stride = "" if self.stride == 1 else f" stride {self.stride}"
        return f"{self.inputs} → {self.outputs} at {self.width}×{self.height}{stride}"

    def flop(self):
        return 2 * self.width * self.height * self.inputs * self.outputs * 9


@dataclass(frozen=True)
class Attention:
    queries: int
    keys: int
    heads: int
    head_channels: int = 64

    def __str__(self):
        return f"{self.queries} over {self.keys}, {self.heads} × {self.head_channels}"

    def flop(self):
        return 4 * self.heads * self.queries * self.keys * self.head_channels


# The measure of what the card can do.
PEAK = Product(8192, 8192, 8192)

# SDXL at 1024×1024. Convolutions: the UNet's three levels, a wide one of its upper half, the VAE's decoder.
SDXL = [
    PEAK,
    Product(4096, 640, 640),
    Product(4096, 640, 1920),
    Product(4096, 640, 5120),
    Product(4096, 2560, 640),
    Product(1024, 1280, 1280),
    Product(1024, 1280, 3840),
    Product(1024, 1280, 10240),
    Product(1024, 5120, 1280),
    Product(77, 2048, 1280),
    Convolution(320, 320, 128, 128),
    Convolution(640, 640, 64, 64),
    Convolution(1280, 1280, 32, 32),
    Convolution(2560, 1280, 32, 32),
    Convolution(512, 512, 128, 128),
    Convolution(512, 512, 256, 256),
    Convolution(256, 256, 512, 512),
    Convolution(128, 128, 1024, 1024),
    Attention(4096, 4096, 10),
    Attention(1024, 1024, 20),
    Attention(4096, 77, 10),
    Attention(1024, 77, 20),
]
# The same kinds of kernels, small enough to try the script on any processor.
TINY = [Product(64, 32, 48), Convolution(16, 8, 12, 12), Attention(64, 64, 2, 16), Attention(64, 7, 2, 16)]
# Channels, side; rows, channels.
GROUP_NORMS = [(320, 128), (640, 64), (1280, 32), (512, 128), (256, 512), (128, 1024)]
LAYER_NORMS = [(4096, 640), (1024, 1280)]

FORMS = [
    (Product, re.compile(r"(\d+)×(\d+) → (\d+)(?: geglu)?$")),
    (Convolution, re.compile(r"(\d+) → (\d+) at (\d+)×(\d+)(?: stride (\d+))?$")),
    (Attention, re.compile(r"(\d+) over (\d+), (\d+) × (\d+)$")),
]


def parse(extents):
    """The shape that Fulmen calls so; `None` for kernels that have no library's product beside them."""
    for kind, form in FORMS:
        if match := form.match(extents):
            return kind(*(int(number) for number in match.groups() if number is not None))
    return None
