"""diffusers' UNet and VAE with the weights of a single-file SDXL checkpoint, and no more memory than they need.

diffusers' own loader holds the whole file beside the network. Here its table of names is asked first, with
tensors that have no memory; then each tensor is read from the mapped file, turned into the type that is
wanted, and the pages of the file may go.
"""

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from safetensors import safe_open

import networks


def keys_by_name(file, prefix, module, convert):
    """What the module calls its tensors → what the file calls them."""
    empty = {}
    for key in file.keys():
        if key.startswith(prefix):
            shape = file.get_slice(key).get_shape()
            # As many numbers: a 1×1 convolution of the file is a linear layer here.
            empty[key] = torch.empty([extent for extent in shape if extent != 1] or [1], device="meta")
    keys = {id(tensor): key for key, tensor in empty.items()}
    return {name: keys[id(tensor)] for name, tensor in convert(dict(empty), dict(module.config)).items()}


def fill(module, path, prefix, convert, dtype):
    with safe_open(path, "pt") as file:
        keys = keys_by_name(file, prefix, module, convert)
        wanted = dict(module.named_parameters())
        missing = sorted(wanted.keys() - keys.keys())
        if missing:
            raise SystemExit(f"{path} has no {missing[0]} ({len(missing)} tensors are missing): is it SDXL in one file?")
        for name, parameter in wanted.items():
            tensor = file.get_tensor(keys[name]).reshape(parameter.shape).to(dtype, copy=True)
            module.load_state_dict({name: tensor}, strict=False, assign=True)
    return module.eval().requires_grad_(False)


def unet(path, dtype):
    module = networks.without_memory(UNet2DConditionModel, networks.UNET)
    return fill(module, path, "model.diffusion_model.", convert_ldm_unet_checkpoint, dtype)


def vae(path, dtype):
    """Without the encoder, which takes no part in making a picture."""
    module = networks.without_memory(AutoencoderKL, networks.VAE)
    del module.encoder, module.quant_conv
    return fill(module, path, "first_stage_model.", convert_ldm_vae_checkpoint, dtype)
