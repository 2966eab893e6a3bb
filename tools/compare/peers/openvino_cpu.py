"""OpenVINO on the CPU: UNet calls and VAE decodes of networks that were converted before, at one picture size."""

import argparse
from pathlib import Path

import numpy
import openvino

from said import Clock


def compiled(core, path, shapes, options):
    model = core.read_model(path)
    model.reshape({port: shape for port, shape in zip(model.inputs, shapes, strict=True)})
    return core.compile_model(model, "CPU", options)


def finite(out):
    assert numpy.isfinite(out).all(), "the result is not finite"


def unet_calls(clock, core, args, options):
    side, random = args.size // 8, numpy.random.default_rng(1)
    shapes = [(1, 4, side, side), (), (1, 77, 2048), (1, 1280), (1, 6)]
    model = clock.part("load", lambda: compiled(core, args.networks / "unet.xml", shapes, options))
    inputs = [random.standard_normal(shape, dtype=numpy.float32) for shape in shapes]
    inputs[1], inputs[4] = numpy.int64(999), numpy.array([[args.size, args.size, 0, 0, args.size, args.size]], "f4")
    request = model.create_infer_request()
    for _ in range(args.steps):
        out = clock.step(lambda: request.infer(inputs)[0])
    finite(out)


def vae_decodes(clock, core, args, options):
    """Twice: the second counts, as for the other peers."""
    shape = (1, 4, args.size // 8, args.size // 8)
    model = compiled(core, args.networks / "vae_decoder.xml", [shape], options)
    latents = numpy.random.default_rng(2).standard_normal(shape, dtype=numpy.float32)
    request = model.create_infer_request()
    for name in ("vae_first", "vae"):
        out = clock.part(name, lambda: request.infer([latents])[0])
    finite(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=Path, required=True, help="the folder that openvino_convert.py wrote")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--type", choices=["f32", "bf16"], required=True)
    args = parser.parse_args()
    core, clock = openvino.Core(), Clock()
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": args.threads,
        "INFERENCE_PRECISION_HINT": args.type,
    }
    # Freed before the VAE is compiled: the peak is that of the larger.
    unet_calls(clock, core, args, options)
    vae_decodes(clock, core, args, options)
    clock.done()


if __name__ == "__main__":
    main()
