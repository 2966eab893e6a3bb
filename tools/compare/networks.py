"""SDXL's networks as diffusers and transformers write them, with seeded random weights and without any file.

A network is first built without memory and then filled on the device. Speed and memory do not
depend on the values, but they must stay finite: each weight is divided by the square root of what
it sums over, and what a residual layer adds is kept small.
"""

import inspect
import math

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

UNET = {
    "sample_size": 128,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 2,
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
# The same shape of network, small enough to try the script on any processor.
TINY_UNET = UNET | {
    "sample_size": 16,
    "block_out_channels": (32, 64, 64),
    "transformer_layers_per_block": (1, 1, 2),
    "attention_head_dim": (1, 2, 2),
    "cross_attention_dim": 64,
    "projection_class_embeddings_input_dim": 32 + 6 * 256,
}
VAE = {
    "sample_size": 1024,
    "latent_channels": 4,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "scaling_factor": 0.13025,
    "force_upcast": False,
}
TINY_VAE = VAE | {"block_out_channels": (32, 32, 64, 64), "layers_per_block": 1}
TEXT_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
TEXT_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
TINY_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "projection_dim": 32,
}
SCHEDULER = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "timestep_spacing": "trailing",
}
TOKENS = 77
# What ends a residual branch, by the ends of parameters' names in both libraries.
RESIDUAL = ("conv2.weight", "to_out.0.weight", "net.2.weight", "proj_out.weight", "out_proj.weight", "fc2.weight")


def scale(name, parameter):
    """What a weight of normal numbers is multiplied with."""
    if parameter.dim() < 2:
        return None
    summed = parameter[0].numel()
    return (0.3 if name.endswith(RESIDUAL) else 1.0) / math.sqrt(summed)


def fill(module, device, dtype):
    """The module with memory on `device`: norms at one, biases at zero, all else random."""
    module = module.to(dtype).to_empty(device=device).eval()
    for name, parameter in module.named_parameters():
        factor = scale(name, parameter)
        if factor is not None:
            parameter.normal_().mul_(factor)
        else:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    return module


def known(kind, config):
    """The part of `config` that this version's constructor knows."""
    return {key: value for key, value in config.items() if key in inspect.signature(kind.__init__).parameters}


def without_memory(kind, config):
    with torch.device("meta"):
        return kind(**known(kind, config))


def unet(device, dtype, tiny):
    return fill(without_memory(UNet2DConditionModel, TINY_UNET if tiny else UNET), device, dtype)


def vae(device, dtype, tiny):
    return fill(without_memory(AutoencoderKL, TINY_VAE if tiny else VAE), device, dtype)


def text_encoders(device, dtype, tiny):
    """CLIP-L and OpenCLIP bigG."""
    modules = []
    for kind, config in [(CLIPTextModel, TEXT_L), (CLIPTextModelWithProjection, TEXT_G)]:
        with torch.device("meta"):
            module = kind(CLIPTextConfig(**(TINY_TEXT if tiny else config)))
        module = fill(module, device, dtype)
        # Buffers have no values after being built without memory.
        for name, buffer in module.named_buffers():
            if name.endswith("position_ids"):
                buffer.copy_(torch.arange(buffer.shape[-1], device=device).expand_as(buffer))
        modules.append(module)
    return modules


def scheduler():
    return EulerDiscreteScheduler(**SCHEDULER)
