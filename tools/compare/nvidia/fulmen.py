"""Reads what `fulmen bench --kernels --json` printed."""

import shapes

# The names of its parts in the report, by their names in its JSON.
PARTS = {"text": "text encoders", "unet": "UNet call", "vae": "VAE decode", "picture": "picture"}


def printed(rows):
    """The objects that the program printed, first to last."""
    return [row["value"] for row in rows if row.get("part") == "fulmen" and row.get("what") == "printed"]


def kernels(rows):
    """Its table of kernels: each with `kernel`, `extents`, `count`, `seconds` (all runs together), `flops`."""
    found = []
    for value in printed(rows):
        found += value.get("kernels", [])
    return found


def shapes_of(rows):
    """The shapes in its table that a library has a kernel for."""
    found = (shapes.parse(kernel["extents"]) for kernel in kernels(rows))
    return [shape for shape in found if shape]


def parts(rows):
    """Seconds of the parts of a picture: (name in the report, size) → seconds."""
    return {}


def memory(rows):
    """Bytes that it took, by what it calls them."""
    return {}
