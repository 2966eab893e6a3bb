"""A LoRA and quantised UNets for a synthetic SDXL, tensor by tensor: no more than one is in memory.

    make.py lora MODEL OUT.safetensors    rank 16, kohya's names, every matrix and convolution
    make.py fp8 MODEL OUT.safetensors     the UNet in float8_e4m3fn
    make.py q8_0 MODEL OUT.gguf           the UNet with its matrices in Q8_0
    make.py map MODEL OUT.png             lines, for a net that guides to read
"""
import json
import struct
import sys
import zlib
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors import safe_open

RANK = 16
PARTS = {"lora_unet": "unet", "lora_te1": "text_encoder", "lora_te2": "text_encoder_2"}


def opened(model, part):
    (file,) = (Path(model) / part).glob("*.safetensors")
    return safe_open(file, "pt")


def write_safetensors(out, tensors):
    """`tensors`: name, dtype, shape, and a function that makes the bytes when their turn comes."""
    sizes = {"F16": 2, "F32": 4, "F8_E4M3": 1}
    header, end = {}, 0
    for name, dtype, shape, _ in tensors:
        start, end = end, end + sizes[dtype] * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(out, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, _, make in tensors:
            file.write(make())


def lora(model, out):
    """Differences about a tenth of the weights: two factors whose product has that deviation."""
    rng = np.random.default_rng(16)

    def normal(shape, sigma):
        return lambda: (rng.standard_normal(shape, np.float32) * sigma).astype(np.float16).tobytes()

    tensors = []
    for prefix, part in PARTS.items():
        file = opened(model, part)
        for name in file.keys():
            shape = file.get_slice(name).get_shape()
            if not name.endswith(".weight") or len(shape) < 2 or "embeddings" in name:
                continue
            fan_in = int(np.prod(shape[1:]))
            layer = f"{prefix}_{name.removesuffix('.weight').replace('.', '_')}"
            ones = [1] * (len(shape) - 2)
            sigma = 0.1 / fan_in**0.5 / RANK**0.5
            tensors += [
                (f"{layer}.alpha", "F16", [], lambda: np.float16(RANK).tobytes()),
                (f"{layer}.lora_down.weight", "F16", [RANK, *shape[1:]], normal([RANK, *shape[1:]], 1.0)),
                (f"{layer}.lora_up.weight", "F16", [shape[0], RANK, *ones], normal([shape[0], RANK], sigma)),
            ]
    write_safetensors(out, tensors)


def fp8(model, out):
    file = opened(model, "unet")

    def eighths(name):
        return lambda: file.get_tensor(name).to(torch.float8_e4m3fn).view(torch.uint8).numpy().tobytes()

    tensors = [(name, "F8_E4M3", file.get_slice(name).get_shape(), eighths(name)) for name in file.keys()]
    write_safetensors(out, tensors)


def q8_0(model, out):
    file = opened(model, "unet")
    quantised = gguf.GGMLQuantizationType.Q8_0
    writer = gguf.GGUFWriter(out, "sdxl")

    def is_quantised(shape):
        return len(shape) == 2 and shape[1] % 32 == 0

    for name in file.keys():
        shape = file.get_slice(name).get_shape()
        if is_quantised(shape):
            size = int(np.prod(shape)) // 32 * 34
            bytes_shape = gguf.quant_shape_to_byte_shape(shape, quantised)
            writer.add_tensor_info(name, bytes_shape, np.dtype(np.uint8), size, raw_dtype=quantised)
        else:
            writer.add_tensor_info(name, shape, np.dtype(np.float16), 2 * int(np.prod(shape)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name in file.keys():
        tensor = file.get_tensor(name)
        if is_quantised(tensor.shape):
            writer.write_tensor_data(gguf.quantize(tensor.float().numpy(), quantised))
        else:
            writer.write_tensor_data(tensor.half().numpy())
    writer.close()


def lines(_, out):
    """White lines on black, 512×512, as a PNG."""
    rows = b"".join(b"\0" + bytes(255 if x % 64 == 7 or y % 96 == 9 else 0 for x in range(512)) for y in range(512))

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", 512, 512, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    Path(out).write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


if __name__ == "__main__":
    {"lora": lora, "fp8": fp8, "q8_0": q8_0, "map": lines}[sys.argv[1]](*sys.argv[2:])
