"""What PyTorch's libraries (cuBLAS, cuDNN, flash attention) take for single kernels of SDXL.

Halves in, sums in f32. The same operands are used again and again, so that what fits in the
card's cache is there: the best case of the library. Kernels run from CUDA graphs: launching
them does not count. Beside a fixed list of shapes, those are measured that Fulmen's table has.
"""

import argparse
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

import fulmen
import shapes
from results import Results, read, reason
from timing import median

BACKENDS = {
    "flash attention": SDPBackend.FLASH_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
}


@dataclass
class Bench:
    """Where kernels run, how long each is measured, and where its row goes."""

    device: str
    dtype: torch.dtype
    seconds: float
    results: Results

    def random(self, *shape):
        return torch.randn(*shape, device=self.device, dtype=self.dtype)

    def time(self, facts, call):
        """One row: seconds, or the reason why there are none."""
        try:
            seconds = median(call, self.device, self.seconds, graph=True)
            self.results.add(**facts, seconds=seconds)
        except Exception as error:  # what one library cannot do must not end the run
            self.results.add(**facts, error=reason(error))


def product(bench, shape):
    x, weight = bench.random(shape.rows, shape.inputs), bench.random(shape.outputs, shape.inputs)
    bias = bench.random(shape.outputs)
    yield "cuBLAS", lambda: F.linear(x, weight, bias)


def convolution(bench, shape):
    height, width = shape.height * shape.stride, shape.width * shape.stride
    x = bench.random(1, shape.inputs, height, width).to(memory_format=torch.channels_last)
    weight = bench.random(shape.outputs, shape.inputs, 3, 3).to(memory_format=torch.channels_last)
    yield "cuDNN", lambda: F.conv2d(x, weight, stride=shape.stride, padding=1)


def attention(bench, shape):
    q = bench.random(1, shape.heads, shape.queries, shape.head_channels)
    k, v = (bench.random(1, shape.heads, shape.keys, shape.head_channels) for _ in range(2))
    for name, backend in BACKENDS.items() if bench.device == "cuda" else [("math", SDPBackend.MATH)]:

        def call(backend=backend):
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v)

        yield name, call


LIBRARIES = {
    shapes.Product: ("linear", product),
    shapes.Convolution: ("conv3x3", convolution),
    shapes.Attention: ("attention", attention),
}


def measure(bench, shape):
    kernel, libraries = LIBRARIES[type(shape)]
    for library, call in libraries(bench, shape):
        bench.time({"kernel": kernel, "shape": str(shape), "library": library, "flop": shape.flop()}, call)


def norms(bench, tiny):
    """What must at least move is each value read once and written once."""
    for channels, side in [(32, 8)] if tiny else shapes.GROUP_NORMS:
        x = bench.random(1, channels, side, side).to(memory_format=torch.channels_last)
        scale, shift = bench.random(channels), bench.random(channels)
        facts = {"kernel": "group norm and SiLU", "shape": f"{channels} at {side}×{side}", "library": "PyTorch"}
        facts["bytes"] = 2 * x.numel() * x.element_size()
        bench.time(facts, lambda: F.silu(F.group_norm(x, 32, scale, shift)))
    for rows, channels in [(64, 32)] if tiny else shapes.LAYER_NORMS:
        x, scale, shift = bench.random(rows, channels), bench.random(channels), bench.random(channels)
        facts = {"kernel": "layer norm", "shape": f"{rows}×{channels}", "library": "PyTorch"}
        facts["bytes"] = 2 * x.numel() * x.element_size()
        bench.time(facts, lambda: F.layer_norm(x, (channels,), scale, shift))


def copy(bench, size):
    source = torch.zeros(size, dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    facts = {"kernel": "copy", "shape": f"{size >> 20} MiB", "library": "PyTorch", "bytes": 2 * size}
    bench.time(facts, lambda: target.copy_(source))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.1, help="how long each kernel is measured")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cudnn.benchmark = True
    dtype = torch.float16 if args.device == "cuda" else torch.float32
    here = Bench(args.device, dtype, args.seconds, Results(args.results, "kernels"))
    wanted = shapes.TINY if args.tiny else shapes.SDXL
    copy(here, 1 << (20 if args.tiny else 30))
    norms(here, args.tiny)
    for shape in dict.fromkeys([*wanted, *fulmen.shapes_of(read(args.results))]):
        measure(here, shape)


if __name__ == "__main__":
    main()
