"""Draws docs/strip.png: what the demo model makes of other pictures, each with the options that did it.

    cargo build --release && python3 docs/strip.py        needs Pillow
"""
import shlex
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
NETS = ROOT / "models/companions"
SIDE, GAP, LINE = 176, 12, 26

# Every picture, and the command that draws it.
PICTURES = {
    "house": '"a yellow house at sunset" --seed 4',
    "night": '"a yellow house at night" --init house.png --seed 1',
    "circle": '"a red circle on a blue background" --seed 7',
    "mask": '"a large white circle on a black background" --seed 3',
    "star": '"a yellow star on a blue background" --init circle.png --mask mask.png --seed 1',
    "wide": '"a yellow house at sunset" --init house.png --outpaint 64,0,64,0 --seed 2',
    "red": f'"a red house at night" --control {NETS}/canny-controlnet=canny:house.png --seed 3',
    "chalk": f'"a yellow house at sunset" --lora {NETS}/chalk.safetensors --seed 4',
    "plain": '"an orange cat on a blue background" --seed 4',
    "cat": '"an orange cat on a blue background" --transparent --seed 4',
    "tree": '"a green tree" --tile x --seed 2',
}

# What the strip shows, with its caption; a picture twice as wide as high takes two places.
ROWS = [
    [("house", "“a yellow house at sunset”"), ("night", "--init"), ("red", "--control"), ("chalk", "--lora"),
     ("wide", "--outpaint 64,0,64,0")],
    [("circle", "“a red circle …”"), ("star", "--init --mask"), ("plain", "“an orange cat …”"), ("cat", "--transparent"),
     ("tree", "--tile x")],
]


def draw(folder):
    for name, command in PICTURES.items():
        arguments = [ROOT / "target/release/fulmen", "generate", *shlex.split(command), "-o", f"{name}.png"]
        subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cell(folder, name):
    picture = Image.open(folder / f"{name}.png").convert("RGBA")
    if name == "tree":
        # Two of it, side by side.
        both = Image.new("RGBA", (2 * picture.width, picture.height))
        for x in (0, picture.width):
            both.paste(picture, (x, 0))
        picture = both
    squares = Image.new("RGBA", picture.size)
    for y in range(0, picture.height, 8):
        for x in range(0, picture.width, 8):
            squares.paste("#d8d8d8" if (x + y) // 8 % 2 else "#f4f4f4", (x, y, x + 8, y + 8))
    squares.alpha_composite(picture)
    wide = picture.width // picture.height
    return squares.resize((wide * SIDE + (wide - 1) * GAP, SIDE), Image.LANCZOS)


def main():
    font = ImageFont.load_default(15)
    width = GAP + 6 * (SIDE + GAP)
    strip = Image.new("RGB", (width, len(ROWS) * (SIDE + LINE + GAP) + GAP), "white")
    ink = ImageDraw.Draw(strip)
    with tempfile.TemporaryDirectory() as folder:
        draw(folder)
        for row, cells in enumerate(ROWS):
            x, y = GAP, GAP + row * (SIDE + LINE + GAP)
            for name, caption in cells:
                picture = cell(Path(folder), name)
                strip.paste(picture.convert("RGB"), (x, y))
                ink.text((x, y + SIDE + 5), caption, fill="#333333", font=font)
                x += picture.width + GAP
    strip.save(ROOT / "docs/strip.png", optimize=True)


if __name__ == "__main__":
    main()
