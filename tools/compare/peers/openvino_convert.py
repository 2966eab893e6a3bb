"""Converts a checkpoint's UNet and VAE decoder for OpenVINO, with weights in halves, once.

Takes about 8 minutes on one core and 12 GiB of memory for the UNet. A file that is there is left alone.
"""

import argparse
from pathlib import Path

import openvino
import torch

import checkpoint
from diffusers_cpu import unet_inputs


class Unet(torch.nn.Module):
    """Without dictionaries, which a trace cannot have."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, latents, timestep, prompt, pooled, sizes):
        conditions = {"text_embeds": pooled, "time_ids": sizes}
        return self.unet(latents, timestep, prompt, added_cond_kwargs=conditions, return_dict=False)[0]


class Decoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latents):
        return self.vae.decode(latents, return_dict=False)[0]


def convert(path, make):
    """Written under another name first: a file with its own name is whole."""
    if path.exists():
        return
    module, inputs = make()
    with torch.no_grad():
        model = openvino.convert_model(module, example_input=inputs)
    part = path.with_name(f"part-{path.name}")
    openvino.save_model(model, part, compress_to_fp16=True)
    part.with_suffix(".bin").rename(path.with_suffix(".bin"))
    part.rename(path)
    print(f"wrote {path}", flush=True)


def unet(model):
    latents, timestep, prompt, conditions = unet_inputs(256, torch.float32)
    inputs = (latents, timestep, prompt, conditions["text_embeds"], conditions["time_ids"])
    return Unet(checkpoint.unet(model, torch.float32)), inputs


def decoder(model):
    return Decoder(checkpoint.vae(model, torch.float32)), (torch.randn(1, 4, 32, 32),)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a single-file SDXL checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    convert(args.out / "vae_decoder.xml", lambda: decoder(args.model))
    convert(args.out / "unet.xml", lambda: unet(args.model))


if __name__ == "__main__":
    main()
