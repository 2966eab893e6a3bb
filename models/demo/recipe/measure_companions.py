"""What the small networks of models/companions do, in numbers, on 100 pictures that training never saw.

    python measure_companions.py --model .. --companions ../../companions

Edges: how many of the hint's edge pixels have an edge of the drawn picture within 2 pixels, and the other way round (their
harmonic mean), drawn with the net and without. Chalk: the mean difference to what `chalk` makes of the picture that is drawn
without the LoRA, beside that picture's own. Needs what companions.py needs.
"""
import argparse
import cv2, numpy as np, torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline
from PIL import Image
from companions import chalk, edges, moved
from data import caption, random_spec, render


def near(edge):
    return cv2.dilate(edge, np.ones((5, 5), np.uint8)) > 0


def agreement(drawn, wanted):
    found, hit = (wanted[near(drawn)] > 0).sum() / max((wanted > 0).sum(), 1), (drawn[near(wanted)] > 0).sum() / max((drawn > 0).sum(), 1)
    return 2 * found * hit / max(found + hit, 1e-9)


def draw(pipe, texts, rows, **more):
    """`more`: lists with an entry for each text."""
    out = []
    for i in range(0, len(texts), rows):
        part = slice(i, i + rows)
        given = {k: v[part] if isinstance(v, list) else v for k, v in more.items()}
        gens = [torch.Generator().manual_seed(1000 + j) for j in range(i, i + len(texts[part]))]
        out += pipe(texts[part], height=128, width=128, num_inference_steps=4, guidance_scale=0, generator=gens, **given).images
    return [np.asarray(p) for p in out]


def control(a, pipe):
    rng = np.random.default_rng(77)
    specs = [random_spec(rng) for _ in range(a.n)]
    pictures = [render(s, 128, int(rng.integers(1 << 31))) for s in specs]
    hints = [edges(moved(p, rng) if "objects" in s else p) for p, s in zip(pictures, specs)]
    texts = [caption(s, rng) for s in specs]
    net = ControlNetModel.from_pretrained(a.companions + "/canny-controlnet", torch_dtype=torch.float32)
    guided = StableDiffusionXLControlNetPipeline(**pipe.components, controlnet=net)
    guided.set_progress_bar_config(disable=True)
    for name, drawn in (("without", draw(pipe, texts, 25)),
                        ("with", draw(guided, texts, 25, image=[Image.fromarray(h).convert("RGB") for h in hints]))):
        print("edges,", name, "the net:", round(float(np.mean([agreement(edges(p), h) for p, h in zip(drawn, hints)])), 3), flush=True)


def lora(a, pipe):
    rng = np.random.default_rng(78)
    texts = [caption(random_spec(rng), rng) for _ in range(a.n)]
    plain = draw(pipe, texts, 25)
    pipe.load_lora_weights(a.companions + "/chalk.safetensors")
    drawn = draw(pipe, texts, 25)
    pipe.unload_lora_weights()
    for name, pictures in (("without", plain), ("with", drawn)):
        far = np.mean([np.abs(p.astype(float) - chalk(q)).mean() for p, q in zip(pictures, plain)])
        print("chalk,", name, "the LoRA:", round(float(far), 1), "of 255", flush=True)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("what", choices=["control", "lora"], nargs="*", default=["control", "lora"])
    ap.add_argument("--model", default="..")
    ap.add_argument("--companions", default="../../companions")
    ap.add_argument("--n", type=int, default=100)
    a = ap.parse_args()
    torch.set_num_threads(1)
    pipe = StableDiffusionXLPipeline.from_pretrained(a.model, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    for what in a.what: {"control": control, "lora": lora}[what](a, pipe)
