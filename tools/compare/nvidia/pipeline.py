"""What diffusers takes for SDXL: UNet calls, VAE decodes, text encoders, whole pictures; and the memory for them.

Plain PyTorch without a compiler ("eager"), halves throughout. Two forms are measured: as a user
gets it, and with channels innermost and cuDNN choosing its kernels by measuring them.
"""

import argparse
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

BEGINNING = time.monotonic()

import torch  # noqa: E402 the time of importing it is part of the first picture

import diffusers  # noqa: E402
import networks  # noqa: E402
from diffusers import StableDiffusionXLPipeline  # noqa: E402
from results import Results, reason  # noqa: E402
from timing import median, once  # noqa: E402

STEPS = 4
UNET_TFLOP = {1024: 6.761, 512: 1.589}
VAE_TFLOP = {1024: 10.470, 512: 2.515}


def since_start():
    """Seconds since this process was started, by the kernel's account where there is one."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        now = float(Path("/proc/uptime").read_text().split()[0])
        return now - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.monotonic() - BEGINNING


@dataclass
class Run:
    """Where it runs, how long each thing is measured, and where rows go."""

    device: str
    dtype: torch.dtype
    tiny: bool
    seconds: float
    results: Results
    form: str = "as it is"

    def sizes(self):
        return [64] if self.tiny else [1024, 512]

    def random(self, *shape, dtype=None):
        return torch.randn(*shape, device=self.device, dtype=dtype or self.dtype)

    def reset_memory(self):
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def memory(self):
        """Peaks of what PyTorch handed out and of what it took from the card; what is in use beside that."""
        if self.device != "cuda":
            return {}
        free, total = torch.cuda.mem_get_info()
        return {
            "peak_allocated": torch.cuda.max_memory_allocated(),
            "peak_reserved": torch.cuda.max_memory_reserved(),
            # The driver's context, the libraries' code and their scratch.
            "beside": total - free - torch.cuda.memory_reserved(),
        }

    def time(self, what, call, graph=False, **facts):
        """One row with the median time of `call`, or with the reason why there is none."""
        row = {"what": what, "form": self.form + (", CUDA graph" if graph else ""), **facts}
        try:
            self.reset_memory()
            out = call()
            finite = bool(torch.isfinite(out).all()) if torch.is_tensor(out) else None
            seconds = median(call, self.device, self.seconds, graph)
            self.results.add(**row, seconds=seconds, finite=finite, **self.memory())
        except Exception as error:  # what does not fit or is not supported must not end the run
            self.results.add(**row, error=reason(error))


def embeddings(run, unet):
    """What the text encoders would say of a prompt: random, and always the same."""
    pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
    return run.random(1, networks.TOKENS, unet.config.cross_attention_dim), run.random(1, pooled)


def unet_call(run, unet, size):
    """A function that calls the UNet once for a picture of this size."""
    latents = run.random(1, 4, size // 8, size // 8)
    prompt, pooled = embeddings(run, unet)
    sizes = torch.tensor([[size, size, 0, 0, size, size]], device=run.device, dtype=run.dtype)
    timestep = torch.tensor(999, device=run.device)
    conditions = {"text_embeds": pooled, "time_ids": sizes}

    def call():
        return unet(latents, timestep, prompt, added_cond_kwargs=conditions, return_dict=False)[0]

    return call


def unet_calls(run, unet):
    for size in run.sizes():
        call, flop = unet_call(run, unet, size), UNET_TFLOP.get(size, 0) * 1e12
        run.time("UNet call", call, size=size, flop=flop)


def vae_decodes(run, vae, dtype):
    for size in run.sizes():
        latents = run.random(1, 4, size // 8, size // 8, dtype=dtype)
        run.time(
            "VAE decode",
            lambda: vae.decode(latents, return_dict=False)[0],
            size=size,
            flop=VAE_TFLOP.get(size, 0) * 1e12,
            type=str(dtype).removeprefix("torch."),
        )


def text(run):
    """Both text encoders over one prompt of 77 tokens."""
    encoders = networks.text_encoders(run.device, run.dtype, run.tiny)
    ids = torch.randint(0, 1000, (1, networks.TOKENS), device=run.device)
    run.time("text encoders", lambda: [encoder(ids, output_hidden_states=True) for encoder in encoders][1][0])


def picture(run, unet, vae, size):
    """A function that makes a picture: four steps without guidance, from embeddings to pixels in memory."""
    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=None,
        text_encoder_2=None,
        tokenizer=None,
        tokenizer_2=None,
        unet=unet,
        scheduler=networks.scheduler(),
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    prompt, pooled = embeddings(run, unet)

    def call():
        return pipeline(
            prompt_embeds=prompt,
            pooled_prompt_embeds=pooled,
            guidance_scale=0.0,
            num_inference_steps=STEPS,
            width=size,
            height=size,
            output_type="pil",
        ).images[0]

    return call


def first_picture(run, unet, vae, opening):
    """With nothing prepared but the weights, and the seconds that opening the device took; what comes after."""
    size = run.sizes()[0]
    call = picture(run, unet, vae, size)
    first = opening + once(call, run.device)
    whole = since_start()
    run.results.add(what="first picture", form=run.form, size=size, seconds=first)
    run.results.add(what="first picture, from the start of the process", form=run.form, size=size, seconds=whole)
    run.results.add(what="second picture", form=run.form, size=size, seconds=once(call, run.device))


def pictures(run, unet, vae):
    for size in run.sizes():
        run.time("picture", picture(run, unet, vae, size), size=size, steps=STEPS)


def channels_innermost(run, unet, vae):
    """The same networks in the form that cuDNN likes best."""
    torch.backends.cudnn.benchmark = True
    run.form = "channels innermost, cuDNN measures"
    for module in (unet, vae):
        module.to(memory_format=torch.channels_last)
    unet_calls(run, unet)
    vae_decodes(run, vae, run.dtype)
    pictures(run, unet, vae)
    if run.device == "cuda":
        size = run.sizes()[0]
        flop = UNET_TFLOP.get(size, 0) * 1e12
        run.time("UNet call", unet_call(run, unet, size), graph=True, size=size, flop=flop)


def as_published(run, unet, vae):
    """With the VAE in f32, as SDXL's own configuration asks (`force_upcast`): its activations overflow halves."""
    run.form = "as it is, VAE in f32"
    vae.register_to_config(force_upcast=True)
    size = run.sizes()[0]
    run.time("picture", picture(run, unet, vae, size), size=size, steps=STEPS)
    vae.to(torch.float32)
    vae_decodes(run, vae, torch.float32)
    vae.to(run.dtype)
    vae.register_to_config(force_upcast=False)


def versions():
    return {"python": platform.python_version(), "torch": torch.__version__, "diffusers": diffusers.__version__}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each thing is measured")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    dtype = torch.float16 if args.device == "cuda" else torch.float32
    run = Run(args.device, dtype, args.tiny, args.seconds, Results(args.results, "diffusers"))
    run.results.add(what="versions", versions=versions())
    opening = once(lambda: torch.zeros(1, device=run.device), "cpu")
    unet = networks.unet(run.device, run.dtype, run.tiny)
    vae = networks.vae(run.device, run.dtype, run.tiny)
    first_picture(run, unet, vae, opening)
    unet_calls(run, unet)
    pictures(run, unet, vae)
    vae_decodes(run, vae, run.dtype)
    text(run)
    as_published(run, unet, vae)
    channels_innermost(run, unet, vae)


if __name__ == "__main__":
    main()
