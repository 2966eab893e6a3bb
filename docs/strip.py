"""Draws docs/strip.png: what the demo model makes of other pictures, each with the options that did it.

    cargo build --release && python3 docs/strip.py        needs Pillow
"""
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
SIDE, GAP, LINE = 192, 10, 30
FOX = ROOT / "models/companions"

# What a cell shows, its caption, and the command behind it; a wide cell takes two places.
DRAWN = {
    "house": ('"a yellow house at sunset" --seed 4', "a yellow house at sunset"),
    "night": ('"a yellow house at night" --init house.png --seed 1', "--init house.png"),
    "circle": ('"a red circle on a blue background" --seed 7', None),
    "mask": ('"a white circle on a black background" --seed 3', None),
    "star": ('"a yellow star on a blue background" --init circle.png --mask mask.png --seed 1', "--mask mask.png"),
    "wide": ('"a yellow house at sunset" --init house.png --outpaint 64,0,64,0 --seed 2', "--outpaint 64,0,64,0"),
    "cat": ('"an orange cat on a blue background" --transparent --seed 2', "--transparent"),
    "tree": ('"a green tree" --tile x --seed 2', "--tile x, twice"),
}
