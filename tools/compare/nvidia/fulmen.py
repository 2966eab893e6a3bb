"""Reads what `fulmen bench --kernels --json` printed."""

import shapes

# How the report calls its stages.
STAGES = {"text": "text encoders", "unet": "UNet call", "vae": "VAE decode"}


def done(rows):
    """The last event, which has all that was measured; empty where there is none."""
    printed = [row["value"] for row in rows if row.get("part") == "fulmen" and row.get("what") == "printed"]
    return next((value for value in reversed(printed) if value.get("event") == "done"), {})


def kernels(rows):
    """Stage → its table: rows of `kernel`, `variant`, `extents`, `calls`, `seconds` and `flops` of all calls."""
    return {stage["stage"]: stage["rows"] for stage in done(rows).get("kernels", [])}


def shapes_of(rows):
    """The shapes in its tables that a library has a kernel for."""
    found = (shapes.parse(kernel["extents"]) for table in kernels(rows).values() for kernel in table)
    return [shape for shape in found if shape]


def parts(rows):
    """Seconds of the parts of a picture: (name in the report, side of the picture) → seconds."""
    report = done(rows)
    if not report:
        return {}
    side = report["size"][0]
    seconds = {(STAGES.get(stage["stage"], stage["stage"]), side): stage["seconds"] for stage in report["stages"]}
    if ("text encoders", side) in seconds:
        seconds["text encoders", None] = seconds.pop(("text encoders", side))
    seconds["first picture", side] = report["first_picture_seconds"]
    seconds["picture", side] = seconds["second picture", side] = report["picture_seconds"]
    return seconds


def memory(rows):
    """Bytes that it took, by what they are."""
    report = done(rows)
    counts = {"predicted": report.get("predicted_bytes"), "allocated": report.get("allocated_bytes")}
    return {name: value for name, value in counts.items() if value}


def peaks(rows):
    """What it measured as the card's best, in a line."""
    peak = done(rows).get("peak")
    if not peak:
        return ""
    matrix = f", {peak['matrix'] / 1e12:.0f} TFLOP/s on matrix units" if peak.get("matrix") else ""
    return f"{peak['multiply_add'] / 1e12:.1f} TFLOP/s in multiply-adds of f32{matrix}, {peak['bandwidth'] / 1e9:.0f} GB/s"
