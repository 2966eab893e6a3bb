"""Turns the rows of a comparison into one Markdown report.

    table.py --results FILE --commit TEXT
"""

import argparse
import subprocess
import time

import fulmen
import shapes
from results import read

GIB = 1 << 30
MOST_LINES = 40  # of a table of kernels; all are in results.jsonl


def by_part(rows, part):
    return [row for row in rows if row["part"] == part]


def milliseconds(seconds):
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.3f}" if seconds < 0.01 else f"{seconds * 1e3:.1f}"


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if ours and theirs else "-"


def print_table(head, rows):
    for row in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(row) + " |")
    print()


# ---- facts -------------------------------------------------------------------


def card():
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.strip().split("\n")[0]
    except (OSError, subprocess.TimeoutExpired):
        return ""


def print_facts(rows, commit):
    versions = next((row for row in by_part(rows, "diffusers") if row.get("what") == "versions"), {})
    print("# Fulmen, the card's libraries and diffusers in one run\n")
    print(f"- Date: {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}; Fulmen's commit: {commit}")
    print(f"- Card, driver, memory: {card() or 'no NVIDIA card'}")
    if versions:
        print("- " + ", ".join(f"{name} {version}" for name, version in versions["versions"].items()))
    report = fulmen.done(rows)
    if report:
        print(f"- Fulmen {report['version']} on {report['device']}, {report['precision']}; its peaks: {fulmen.peaks(rows)}")
    for row in rows:
        if row.get("what") == "process":
            ended = "" if row["status"] == 0 else f", ended with {row['status']}"
            print(f"- {row['part']}: {row.get('seconds', 0):.0f} s{ended}")
    print()


# ---- whole networks ------------------------------------------------------------


FORMS = [
    "as it is",
    "as it is, VAE in f32",
    "channels innermost, cuDNN measures",
    "channels innermost, cuDNN measures, CUDA graph",
]
WHOLE = [
    "text encoders",
    "UNet call",
    "VAE decode",
    "picture",
    "first picture",
    "first picture, from the start of the process",
    "second picture",
]


def times_of(rows, what, size):
    """Milliseconds of one thing in every form of diffusers."""
    cells = []
    for form in FORMS:
        found = [
            row
            for row in by_part(rows, "diffusers")
            if (row.get("what"), row.get("size", size), row.get("form")) == (what, size, form)
        ]
        cells.append(milliseconds(found[0].get("seconds")) if found else "-")
    return cells


def best_of(rows, what, size):
    found = [
        row["seconds"]
        for row in by_part(rows, "diffusers")
        if row.get("what") == what and row.get("size", size) == size and "seconds" in row
    ]
    return min(found, default=None)


def print_whole(rows):
    ours = fulmen.parts(rows)
    sizes = sorted({row["size"] for row in by_part(rows, "diffusers") if "size" in row} | {size for _, size in ours if size})
    lines = []
    for what in WHOLE:
        for size in sizes if what != "text encoders" else [None]:
            times = times_of(rows, what, size)
            mine = ours.get((what, size))
            if mine is None and set(times) == {"-"}:
                continue
            name = f"{what}, {size}×{size}" if size else what
            lines.append([name, milliseconds(mine), *times, ratio(mine, best_of(rows, what, size))])
    print("## Milliseconds of the whole\n")
    print_table(["", "Fulmen", *(f"diffusers: {form}" for form in FORMS), "Fulmen / best"], lines)


def print_memory(rows):
    lines = []
    for row in by_part(rows, "diffusers"):
        if "peak_reserved" in row and row.get("what") in ("UNet call", "VAE decode", "picture"):
            whole = row["peak_reserved"] + row["beside"]
            name = f"diffusers, {row['what']} {row['size']}×{row['size']}, {row['form']}"
            lines.append([name, *(f"{value / GIB:.2f}" for value in (row["peak_allocated"], row["peak_reserved"], whole))])
    for row in by_part(rows, "fulmen"):
        if "card_bytes" in row:
            lines.append(["Fulmen, as the driver counts", "-", "-", f"{row['card_bytes'] / GIB:.2f}"])
    lines += [[f"Fulmen, {name}", f"{value / GIB:.2f}", "-", "-"] for name, value in fulmen.memory(rows).items()]
    if lines:
        print("## GiB of the card's memory at the peak\n")
        print_table(["", "in use", "taken", "with the driver's own"], lines)


# ---- kernels ---------------------------------------------------------------------


def library_times(rows):
    """The fastest library of each shape: (kernel, shape) → row."""
    best = {}
    for row in by_part(rows, "kernels"):
        if "kernel" not in row or "seconds" not in row:
            continue
        key = row["kernel"], row["shape"]
        if key not in best or row["seconds"] < best[key]["seconds"]:
            best[key] = row
    return best


def rate(row):
    if not row:
        return "-"
    if "flop" in row:
        return f"{row['flop'] / row['seconds'] / 1e12:.1f} TFLOP/s"
    return f"{row['bytes'] / row['seconds'] / 1e9:.0f} GB/s"


def print_libraries(best):
    print("## The card's libraries, best of each shape\n")
    lines = [
        [kernel, shape, row["library"], milliseconds(row["seconds"]), rate(row)] for (kernel, shape), row in best.items()
    ]
    print_table(["kernel", "shape", "library", "ms", "rate"], lines)


def kernel_line(kernel, library):
    """One row of the table: a kernel of Fulmen's with all its calls, and the library's beside it."""
    seconds, calls = kernel["seconds"], kernel["calls"]
    flops = f"{kernel['flops'] / seconds / 1e12:.1f}" if kernel["flops"] and seconds else "-"
    return [
        " ".join(filter(None, [kernel["kernel"], kernel["variant"]])),
        kernel["extents"],
        str(calls),
        f"{kernel['share']:.1%}",
        milliseconds(seconds / calls),
        flops,
        milliseconds(library["seconds"]) if library else "-",
        rate(library),
        ratio(seconds / calls, library and library["seconds"]),
    ]


def print_kernels(stage, table, best):
    """Fulmen's kernels, those that take most first, each beside the library's."""
    by_shape = {shape: row for (_, shape), row in best.items()}
    lines, ours, theirs = [], 0.0, 0.0
    for kernel in table:
        library = by_shape.get(str(shapes.parse(kernel["extents"])))
        if library:
            ours += kernel["seconds"]
            theirs += library["seconds"] * kernel["calls"]
        lines.append(kernel_line(kernel, library))
    whole = sum(kernel["seconds"] for kernel in table)
    print(f"## Kernel by kernel: {fulmen.STAGES.get(stage, stage)}, {whole * 1e3:.2f} ms\n")
    head = ["kernel", "shape", "calls", "share", "ms each", "TFLOP/s", "library, ms", "library", "Fulmen / library"]
    print_table(head, lines[:MOST_LINES])
    if theirs:
        print(f"All that have a library's kernel beside them: Fulmen {ours * 1e3:.2f} ms, libraries {theirs * 1e3:.2f} ms,")
        print(f"ratio {ours / theirs:.2f}.\n")


def print_failures(rows):
    failed = [row for row in rows if "error" in row or row.get("finite") is False]
    if failed:
        print("## What did not run\n")
    for row in failed:
        name = " ".join(str(row[key]) for key in ("kernel", "what", "shape", "size", "library", "form") if key in row)
        print(f"- {row['part']}: {name}: {row.get('error', 'its values are not finite')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True)
    parser.add_argument("--commit", default="unknown")
    args = parser.parse_args()
    rows = read(args.results)
    best = library_times(rows)
    print_facts(rows, args.commit)
    print_whole(rows)
    print_memory(rows)
    print_libraries(best)
    for stage, table in fulmen.kernels(rows).items():
        print_kernels(stage, table, best)
    print_failures(rows)


if __name__ == "__main__":
    main()
