"""Small networks that go with the demo model, so that the manual's examples run without a download:
a ControlNet that follows edges, a LoRA that draws with chalk on a board.

    python companions.py data --model .. --out ckpt/companions --pictures 6016
    python companions.py control --model .. --out ckpt/companions --minutes 20
    python companions.py lora    --model .. --out ckpt/companions --minutes 14

The UNet stays as it was delivered. It has four steps and was made for straight lines from noise to picture, so both
are trained at its four timesteps alone. Needs torch, diffusers, transformers, peft, opencv-python-headless.
"""
import argparse, math, os
import cv2, numpy as np, torch
from diffusers import ControlNetModel, StableDiffusionXLPipeline
from safetensors.torch import save_file
from common import Muon, clock, split
from data import caption, random_spec, render
from model import SIZE, trailing

STEPS = 4
TIMES, SIGMAS = trailing(STEPS)


def open_pipe(a):
    pipe = StableDiffusionXLPipeline.from_pretrained(a.model, torch_dtype=torch.float32)
    for part in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2): part.requires_grad_(False).eval()
    return pipe


@torch.no_grad()
def prompts(pipe, texts):
    context, _, pooled, _ = pipe.encode_prompt(texts, do_classifier_free_guidance=False)
    return context, pooled


def to_tensor(pictures):
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def encode(pipe, pictures):
    return pipe.vae.encode(to_tensor(pictures)).latent_dist.mean * pipe.vae.config.scaling_factor


@torch.no_grad()
def decode(pipe, latents):
    x = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    return ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def ask(unet, x, k, context, pooled, **more):
    """Epsilon at step k (a tensor of indices) of x = x0 + sigma * noise."""
    sigma = SIGMAS[k].view(-1, 1, 1, 1)
    ids = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]], dtype=torch.float32).expand(len(x), 6)
    added = {"text_embeds": pooled, "time_ids": ids}
    return unet(x / (sigma ** 2 + 1).sqrt(), TIMES[k], context, added_cond_kwargs=added, **more).sample


def edges(picture):
    """What `canny:` makes of a picture."""
    return cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 100, 200)


def chalk(picture):
    """A picture drawn with chalk on a dark board: outlines in the colours of what they go around."""
    blurred = cv2.GaussianBlur(picture, (0, 0), 1).astype(np.float32)

    steep = sum(cv2.Sobel(blurred[:, :, c], cv2.CV_32F, dx, 1 - dx) ** 2 for c in range(3) for dx in (0, 1)) ** .5
    line = np.clip((steep - 20) / 160, 0, 1)[..., None]
    light = cv2.dilate(picture, np.ones((5, 5), np.uint8)).astype(np.float32) * .35 + 255 * .65
    return (line * light + (1 - line) * np.array([34., 52, 44])).round().astype(np.uint8)


def moved(picture, rng):
    """Turned, shifted and of another size: what the caption alone does not tell."""
    turn, size, shift = rng.uniform(-25, 25), rng.uniform(.6, 1.25), rng.uniform(-28, 28, 2)
    matrix = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), turn, size)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_AREA if size < 1 else cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


# ---------------------------------------------------------------- data
@torch.no_grad()
def data(a):
    """Pictures with two captions each and their latents; what the demo model draws from noise, in chalk."""
    pipe, rng = open_pipe(a), np.random.default_rng(a.seed)
    pictures, latents, texts = [], [], []
    for i in range(0, a.pictures, 32):
        specs = [random_spec(rng) for _ in range(32)]
        batch = [render(s, SIZE, int(rng.integers(1 << 31))) for s in specs]
        batch = [moved(p, rng) if "objects" in s and rng.random() < .6 else p for p, s in zip(batch, specs)]
        pictures += batch
        texts += [caption(s, rng) for s in specs]
        latents.append(encode(pipe, batch))
        if i % 640 == 0: print("pictures", i, flush=True)
    noise, drawn = torch.randn(a.drawings, 4, 16, 16, generator=torch.Generator().manual_seed(a.seed)), []
    for i in range(0, a.drawings, 32):
        context, pooled = prompts(pipe, texts[i:i + 32])
        x = noise[i:i + 32] * SIGMAS[0]
        for k in range(STEPS):
            at = torch.full((len(x),), k)
            x = x + (SIGMAS[k + 1] - SIGMAS[k]) * ask(pipe.unet, x, at, context, pooled)
        drawn.append(encode(pipe, [chalk(p) for p in decode(pipe, x)]))
        if i % 640 == 0: print("drawings", i, flush=True)
    torch.save({"pictures": np.stack(pictures), "latents": torch.cat(latents), "texts": texts, "noise": noise,
                "chalk": torch.cat(drawn)}, a.out + "/data.pt")


class Texts:
    """Encoded captions, made once."""
    def __init__(self, pipe, texts):
        both = [prompts(pipe, texts[i:i + 64]) for i in range(0, len(texts), 64)]
        self.context, self.pooled = (torch.cat(part) for part in zip(*both))


def train(a, name, module, loss_of, small=()):
    """Runs for so many minutes of processor time; the learning rate falls to nothing."""
    params = [p for p in module.parameters() if p.requires_grad]
    print(name, sum(p.numel() for p in params), "parameters", flush=True)
    opt, gen = Muon(*split(module, small), a.lr, a.lr / 5), torch.Generator().manual_seed(a.seed)
    start, step, log = clock("cpu"), 0, []
    while (spent := clock("cpu") - start) < a.minutes * 60:
        opt.rate(min(1, (step + 1) / 50) * (.02 + .98 * .5 * (1 + math.cos(math.pi * spent / (a.minutes * 60)))))
        loss = loss_of(gen)
        opt.zero_grad(); loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        step += 1; log.append(loss.item())
        if step % 50 == 0: print(name, step, f"{spent:.0f}s loss {np.mean(log[-50:]):.4f}", flush=True)


def landing(eps, want, k):
    """The error of where an Euler step lands, against the noise that is there."""
    s0, s1 = SIGMAS[k], SIGMAS[k + 1]
    return (((eps - want) ** 2).mean((1, 2, 3)) * (s0 - s1) ** 2 / (s1 ** 2 + .25)).mean()


# ---------------------------------------------------------------- ControlNet
def control_config(unet):
    c = unet.config
    return dict(in_channels=4, conditioning_channels=3, block_out_channels=c.block_out_channels, layers_per_block=c.layers_per_block,
                down_block_types=["DownBlock2D"] * 3, mid_block_type="UNetMidBlock2D", attention_head_dim=c.attention_head_dim,
                cross_attention_dim=c.cross_attention_dim, use_linear_projection=True, addition_embed_type="text_time",
                addition_time_embed_dim=c.addition_time_embed_dim, norm_num_groups=32,
                projection_class_embeddings_input_dim=c.projection_class_embeddings_input_dim,
                conditioning_embedding_out_channels=(16, 24, 32, 64))


def control(a):
    pipe, d = open_pipe(a), torch.load(a.out + "/data.pt", weights_only=False)
    texts = Texts(pipe, d["texts"])
    net = ControlNetModel(**control_config(pipe.unet))
    for mine, theirs in ((net.conv_in, pipe.unet.conv_in), (net.time_embedding, pipe.unet.time_embedding), (net.add_embedding, pipe.unet.add_embedding)):
        mine.load_state_dict(theirs.state_dict())
    own = pipe.unet.state_dict()
    for key, value in net.state_dict().items():
        if key.startswith(("down_blocks", "mid_block")) and key in own and own[key].shape == value.shape: value.copy_(own[key])
    hints = torch.from_numpy(np.stack([edges(p) for p in d["pictures"]]))

    def loss(gen):
        at, k = torch.randint(len(hints), (a.batch,), generator=gen), torch.arange(a.batch) % STEPS
        noise = torch.randn(a.batch, 4, 16, 16, generator=gen)
        x = d["latents"][at] + SIGMAS[k].view(-1, 1, 1, 1) * noise
        context, pooled = texts.context[at], texts.pooled[at]
        hint = (hints[at].float() / 255)[:, None].expand(-1, 3, -1, -1)
        ids = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]], dtype=torch.float32).expand(a.batch, 6)
        scaled = x / (SIGMAS[k].view(-1, 1, 1, 1) ** 2 + 1).sqrt()
        down, mid = net(scaled, TIMES[k], context, hint, added_cond_kwargs={"text_embeds": pooled, "time_ids": ids}, return_dict=False)
        return landing(ask(pipe.unet, x, k, context, pooled, down_block_additional_residuals=down, mid_block_additional_residual=mid), noise, k)

    train(a, "control", net, loss, ("conv_in", "conv_out", "controlnet_"))
    net.half().save_pretrained(a.out + "/controlnet")


# ---------------------------------------------------------------- LoRA
def lora(a):
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    pipe, d = open_pipe(a), torch.load(a.out + "/data.pt", weights_only=False)
    texts = Texts(pipe, d["texts"][:len(d["noise"])])
    layers = ["to_q", "to_k", "to_v", "to_out.0", "proj", "net.2", "proj_in", "proj_out", "conv1", "conv2", "conv_out"]
    pipe.unet.add_adapter(LoraConfig(r=a.rank, lora_alpha=a.rank, target_modules=layers))

    def loss(gen):
        at, k = torch.randint(len(d["noise"]), (a.batch,), generator=gen), torch.arange(a.batch) % STEPS
        noise, x0 = d["noise"][at], d["chalk"][at]
        x = x0 + SIGMAS[k].view(-1, 1, 1, 1) * noise
        x = torch.where((k == 0).view(-1, 1, 1, 1), noise * SIGMAS[0], x)      # the first step begins with noise alone
        s0, s1 = SIGMAS[k].view(-1, 1, 1, 1), SIGMAS[k + 1].view(-1, 1, 1, 1)
        want = (x0 + s1 * noise - x) / (s1 - s0)
        return landing(ask(pipe.unet, x, k, texts.context[at], texts.pooled[at]), want, k)

    train(a, "lora", pipe.unet, loss, ("lora",))
    state = {"unet." + key: value.half().contiguous() for key, value in get_peft_model_state_dict(pipe.unet).items()}
    save_file(state, a.out + "/lora.safetensors", {"format": "pt"})


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("what", choices=["data", "control", "lora"])
    ap.add_argument("--model", default="..")
    ap.add_argument("--out", default="ckpt/companions")
    ap.add_argument("--pictures", type=int, default=6016)
    ap.add_argument("--drawings", type=int, default=2048)
    ap.add_argument("--minutes", type=float, default=30)
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--rank", type=int, default=8)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    {"data": data, "control": control, "lora": lora}[a.what](a)
