"""diffusers on the CPU: UNet calls and VAE decodes with the weights of a checkpoint, in plain PyTorch."""

import argparse

import torch

import checkpoint
from said import Clock

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def unet_inputs(size, dtype):
    """What a call without guidance is given; the text is random, as its values do not matter."""
    torch.manual_seed(1)
    latents = torch.randn(1, 4, size // 8, size // 8, dtype=dtype)
    prompt, pooled = torch.randn(1, 77, 2048, dtype=dtype), torch.randn(1, 1280, dtype=dtype)
    sizes = torch.tensor([[size, size, 0, 0, size, size]], dtype=dtype)
    return latents, torch.tensor(999), prompt, {"text_embeds": pooled, "time_ids": sizes}


def unet_calls(clock, args, dtype):
    unet = clock.part("load", lambda: checkpoint.unet(args.model, dtype))
    if args.channels_last:
        unet.to(memory_format=torch.channels_last)
    latents, timestep, prompt, conditions = unet_inputs(args.size, dtype)
    for _ in range(args.steps):
        out = clock.step(
            lambda: unet(latents, timestep, prompt, added_cond_kwargs=conditions, return_dict=False)[0]
        )
    assert torch.isfinite(out).all(), "the UNet's prediction is not finite"


def vae_decodes(clock, args, dtype):
    """Twice: the second counts, as the libraries prepare themselves in the first."""
    vae = checkpoint.vae(args.model, dtype)
    if args.channels_last:
        vae.to(memory_format=torch.channels_last)
    latents = torch.randn(1, 4, args.size // 8, args.size // 8, dtype=dtype)
    for name in ("vae_first", "vae"):
        out = clock.part(name, lambda: vae.decode(latents, return_dict=False)[0])
    assert torch.isfinite(out).all(), "the VAE's picture is not finite"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a single-file SDXL checkpoint")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--type", choices=TYPES, required=True)
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clock, dtype = Clock(), TYPES[args.type]
    with torch.inference_mode():
        # Freed before the VAE is read: the peak is that of the larger.
        unet_calls(clock, args, dtype)
        vae_decodes(clock, args, dtype)
    clock.done()


if __name__ == "__main__":
    main()
