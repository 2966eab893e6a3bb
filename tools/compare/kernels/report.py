"""Runs single kernels, and turns all runs into Markdown.

    report.py run --runs FOLDER --who ... -- COMMAND...     one process, one kernel: a line in rows.jsonl
    report.py table --runs FOLDER FACT...                   the report
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import time
from pathlib import Path

from machine import BUSY_CPUS, busy_seconds, describe

WHO = ["fulmen", "ggml", "burn", "onnxruntime", "gemm"]
# Second ways of computing the same, of which the faster counts.
WAYS = ["_im2col", "_composed"]


def plain(case):
    """The case without the way in which it is computed."""
    for way in WAYS:
        case = case.replace(way, "")
    return case


def flop(case):
    """Floating-point operations of a case; bytes that must at least move in f32 for what only moves numbers."""
    kernel, *numbers = case.split()
    a, b, *c = map(int, numbers)
    if kernel == "linear":
        return 2 * a * b * c[0]
    if kernel.startswith("conv3x3"):
        return 18 * a * b * c[0] ** 2
    if kernel.startswith("attention"):
        return 4 * 64 * a * b * c[0]
    return 8 * a * b**2


def unit(case):
    return "GB/s" if case.startswith("group_norm") else "GFLOP/s"


# ---- one run -----------------------------------------------------------------------


def ended(command, limit):
    """What the program printed and its exit status, `None` where the limit was reached; the processor seconds."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    before = os.times()
    try:
        printed, _ = child.communicate(timeout=limit)
        status = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        printed, status = "", None
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return printed, status, cpu


def run(args):
    start, busy = time.monotonic(), busy_seconds()
    printed, status, cpu = ended(args.command, args.limit)
    wall = time.monotonic() - start
    row = {"who": args.who, "case": args.case, "round": args.round, "wall": wall, "cpu": cpu}
    row["others"] = max(0.0, (busy_seconds() - busy - cpu) / wall)
    try:
        row |= json.loads(printed)
    except ValueError:
        row["error"] = f"ended at its limit of {args.limit} s" if status is None else f"status {status}"
    with open(Path(args.runs) / "rows.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    said = row.get("error") or f"first {row['first']:.2f} s, then {statistics.median(row['seconds']) * 1e3:.1f} ms"
    print(f"{args.who}, {args.case}: {said}, others used {row['others']:.2f} CPUs")


# ---- all runs ----------------------------------------------------------------------


def of(rows, who, case):
    """All runs of this; where a program has two ways, those of the faster."""
    kernels = {}
    for row in rows:
        if row["who"] == who and plain(row["case"]) == case:
            kernels.setdefault(row["case"], []).append(row)
    return min(kernels.values(), key=lambda runs: median(runs) or float("inf"), default=[])


def median(runs):
    """The median of all calls after the first, over all runs."""
    calls = [seconds for row in runs for seconds in row.get("seconds", [])]
    return statistics.median(calls) if calls else None


def first(runs, again):
    """The first call of a process: with an empty shader cache, or the median of those with a filled one."""
    found = [row["first"] for row in runs if "first" in row and (row["round"] > 1) == again]
    return statistics.median(found) if found else None


def speed(rows, who, case):
    runs = of(rows, who, case)
    seconds = median(runs)
    if seconds is None:
        return runs[0]["error"] if runs else "-"
    way = next((f" ({way[1:]})" for way in WAYS if way in runs[0]["case"]), "")
    return f"{flop(case) / seconds / 1e9:.1f}{way}"


def ratio(rows, who, case):
    ours, theirs = median(of(rows, "fulmen", case)), median(of(rows, who, case))
    return f"{theirs / ours:.2f}" if ours and theirs else "-"


def seconds(value):
    return f"{value:.2f}" if value is not None else "-"


def print_table(head, rows):
    for row in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(row) + " |")
    print()


def table(args):
    rows = [json.loads(line) for line in (Path(args.runs) / "rows.jsonl").read_text().splitlines()]
    cases = list(dict.fromkeys(plain(row["case"]) for row in rows))
    who = [one for one in WHO if any(row["who"] == one for row in rows)]
    others = [one for one in who if one != "fulmen"]
    print("# Fulmen's kernels beside those of others\n")
    for fact in [f"Machine: {describe()}", *args.facts]:
        print(f"- {fact}")
    loads = [row["others"] for row in rows]
    print(f"- Others used {statistics.median(loads):.2f} CPUs at the median, {max(loads):.2f} at most", end="")
    print(f" (quiet: below {BUSY_CPUS})\n\nSpeed of the calls after the first, medians:\n")
    print_table(
        ["kernel", "unit", *who, *(f"fulmen / {other}" for other in others)],
        ([case, unit(case)] + [speed(rows, one, case) for one in who] + [ratio(rows, one, case) for one in others] for case in cases),
    )
    print("Seconds of a process's first call, with an empty shader cache and with a filled one:\n")
    print_table(
        ["kernel", *(f"{one}, {cache}" for one in who for cache in ("empty", "filled"))],
        ([case] + [seconds(first(of(rows, one, case), again)) for one in who for again in (False, True)] for case in cases),
    )


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("run")
    one.add_argument("--runs", required=True)
    one.add_argument("--who", choices=WHO, required=True)
    one.add_argument("--case", required=True)
    one.add_argument("--round", type=int, required=True)
    one.add_argument("--limit", type=float, required=True)
    one.add_argument("command", nargs="+")
    one.set_defaults(act=run)
    one = commands.add_parser("table")
    one.add_argument("--runs", required=True)
    one.add_argument("facts", nargs="*")
    one.set_defaults(act=table)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = read_arguments()
    arguments.act(arguments)
