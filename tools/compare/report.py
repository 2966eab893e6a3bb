"""Runs one program and measures it from outside; turns all such runs into a table.

    report.py idle --wait SECONDS               wait until nobody else uses the machine
    report.py measure --who ... -- COMMAND...   run once, store one JSON file
    report.py again --runs FOLDER               the peer's configurations worth another run
    report.py table --runs FOLDER FACT...       Markdown

Both programs are watched by the same code: wall time, other work on the machine and
memory come from the kernel; only the seconds of a part come from the program itself.
Standard library only, Linux only (/proc).
"""

import argparse
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

SAMPLE_SECONDS = 0.02
BUSY_CPUS = 0.15  # others using more than this during a run is worth a warning
BUSY_EXIT = 3
GIB = 1 << 30


# ---- the machine -----------------------------------------------------------


def busy_seconds():
    """CPU seconds used by everything on this machine since boot, stolen time included."""
    fields = Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def idle(args):
    """Return once the machine has been quiet for two seconds, or say that it was not."""
    deadline = time.monotonic() + args.wait
    while True:
        before, start = busy_seconds(), time.monotonic()
        time.sleep(2)
        used = (busy_seconds() - before) / (time.monotonic() - start)
        if used <= BUSY_CPUS:
            return
        if time.monotonic() > deadline:
            print(f"warning: others are using {used:.2f} CPUs; the next run will be too slow")
            return


def machine_line():
    """CPU, vector instructions, cores, memory: what a reader needs to place the numbers."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", info)
    flags = re.search(r"(?:flags|Features)\s*:\s*(.+)", info)
    has = set(flags.group(1).split()) if flags else set()
    wanted = "avx2 fma f16c avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_bf16 asimd asimdhp bf16 sve".split()
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return "{}, {}, {} CPUs, {:.1f} GiB memory".format(
        model.group(1) if model else os.uname().machine,
        " ".join(flag for flag in wanted if flag in has) or "no known vector instructions",
        len(os.sched_getaffinity(0)),
        memory * 1024 / GIB,
    )


# ---- one run ---------------------------------------------------------------


class Memory:
    """Peaks of one process, sampled.

    `resident` is every page the process had in memory, mapped files included. `private`
    leaves out the pages of mapped files, which the kernel can drop and read again.
    """

    def __init__(self, pid):
        self.status = Path(f"/proc/{pid}/status")
        self.resident = 0
        self.private = 0

    def sample(self):
        try:
            text = self.status.read_text()
        except OSError:
            return
        kib = {key: int(value) for key, value in re.findall(r"(VmHWM|RssAnon|RssShmem):\s*(\d+)", text)}
        self.resident = max(self.resident, kib.get("VmHWM", 0) * 1024)
        self.private = max(self.private, (kib.get("RssAnon", 0) + kib.get("RssShmem", 0)) * 1024)


def read_timed(child, memory, log):
    """All that `child` prints, as (seconds since now, line); samples its memory meanwhile."""
    start, pieces, pending, next_sample = time.monotonic(), [], b"", 0.0
    while True:
        if time.monotonic() >= next_sample:
            memory.sample()
            next_sample = time.monotonic() + SAMPLE_SECONDS
        if not select.select([child.stdout], [], [], SAMPLE_SECONDS)[0]:
            continue
        chunk = os.read(child.stdout.fileno(), 1 << 16)
        if not chunk:
            return pieces
        log.write(chunk)
        # A progress line ends only when the next one begins, so what is pending counts as seen.
        *lines, pending = re.split(rb"[\r\n]", pending + chunk)
        at = time.monotonic() - start
        pieces += [(at, line.decode(errors="replace")) for line in [*lines, pending] if line]


def watch(command, log):
    """Run `command` to its end: its timed output, and what the kernel says about it."""
    start, busy = time.monotonic(), busy_seconds()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    memory = Memory(child.pid)
    try:
        pieces = read_timed(child, memory, log)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if child.returncode is None:
            child.kill()
    wall, cpu = time.monotonic() - start, usage.ru_utime + usage.ru_stime
    return pieces, {
        "status": child.returncode,
        "total": wall,
        "resident": max(memory.resident, usage.ru_maxrss * 1024),
        "private": memory.private,
        "others": max(0.0, (busy_seconds() - busy - cpu) / wall),
    }


PEER_LINES = {
    "load": r"loading tensors completed, taking ([\d.]+)s",
    "text": r"get_learned_condition completed, taking ([\d.]+)s",
    "vae": r"decode_first_stage completed, taking ([\d.]+)s",
}


def peer_seconds(pieces):
    """Seconds of the parts of stable-diffusion.cpp, from its log.

    A step is timed by the moments at which its progress line and the one before appear:
    the number printed there is the mean of the steps so far, not the time of the last.
    """
    found, steps, mark = {}, [], None
    for at, line in pieces:
        for part, pattern in PEER_LINES.items():
            if match := re.search(pattern, line):
                found[part] = float(match.group(1))
        if "generating image:" in line:
            mark = at
        elif "sampling completed" in line:
            mark = None
        progress = re.search(r"\| (\d+)/\d+ - [\d.]+(?:s/it|it/s)", line)
        if mark is not None and progress and int(progress.group(1)) == len(steps) + 1:
            steps.append(at - mark)
            mark = at
    return {**found, "unet_steps": steps}


def fulmen_seconds(pieces):
    """Seconds of the parts of fulmen, from its last line: {"event":"done","seconds":{...},...}."""
    for _, line in reversed(pieces):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("event") == "done":
            return event["seconds"]
    return {}


def measure(args):
    """Run once and store what was seen; the exit status says whether the machine was quiet."""
    out = Path(args.out)
    with open(out.with_suffix(".log"), "wb", buffering=0) as log:
        log.write((" ".join(args.command) + "\n").encode())
        pieces, run = watch(args.command, log)
    seconds = (peer_seconds if args.who == "peer" else fulmen_seconds)(pieces)
    steps = seconds.get("unet_steps", [])
    if run["status"] != 0:
        sys.exit(f"{args.label} ended with status {run['status']}; see {out.with_suffix('.log')}")
    if len(steps) != args.steps or "vae" not in seconds:
        sys.exit(f"{args.label}: its output has no times of {args.steps} steps and the VAE; see {out.with_suffix('.log')}")
    run |= {part: seconds.get(part) for part in ("load", "text", "vae")}
    run |= {"who": args.who, "label": args.label, "not_counted": args.not_counted}
    run |= {"steps": steps, "unet": min(steps[1:]), "busy": run["others"] > BUSY_CPUS}
    out.write_text(json.dumps(run, indent=1) + "\n")
    print(
        f"{args.label}: UNet call {run['unet']:.2f} s, VAE decode {run['vae']:.2f} s, "
        f"peak {run['resident'] / GIB:.2f} GiB, whole run {run['total']:.1f} s"
    )
    if run["busy"]:
        print(f"warning: others used {run['others']:.2f} CPUs during this run: its times are too long")
        sys.exit(BUSY_EXIT)


# ---- all runs --------------------------------------------------------------

# key, name, unit size, whether it is part of the bar
METRICS = [
    ("unet", "UNet call, s", 1, True),
    ("vae", "VAE decode, s", 1, True),
    ("resident", "peak resident memory, GiB", GIB, True),
    ("private", "peak without mapped files, GiB", GIB, True),
    ("text", "text encoders, s", 1, False),
    ("load", "loading, s", 1, False),
    ("total", "whole run, s", 1, False),
]


def load_runs(folder):
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]


def best(runs, who, key):
    """The counted run of `who` with the smallest `key`, if any has it."""
    having = [run for run in runs if run["who"] == who and not run["not_counted"] and run.get(key) is not None]
    return min(having, key=lambda run: run[key], default=None)


def again(args):
    """The peer's configurations that lead in a metric of the bar, or were never run undisturbed."""
    runs = load_runs(args.runs)
    leaders = {best(runs, "peer", key)["label"] for key, _, _, bar in METRICS if bar}
    print("\n".join(sorted(leaders | disturbed(runs, "peer"))))


def disturbed(runs, who):
    """The counted configurations of `who` that have not had one quiet run."""
    counted = [run for run in runs if run["who"] == who and not run["not_counted"]]
    return {run["label"] for run in counted} - {run["label"] for run in counted if not run["busy"]}


def cell(run, key, unit, bar):
    """A value with what a reader must know of its run: the peer's configuration, other work meanwhile."""
    if not run:
        return "-"
    notes = [run["label"]] if run["who"] == "peer" else []
    # Other work makes a run slower but not bigger.
    notes += ["BUSY"] if run["busy"] and unit == 1 and bar else []
    return f"{run[key] / unit:.2f}" + (f" ({', '.join(notes)})" if notes else "")


def comparison(runs):
    """The rows of the first table: metric, peer's best, fulmen's best, ratio."""
    rows, verdicts = [], []
    for key, name, unit, bar in METRICS:
        peer, ours = best(runs, "peer", key), best(runs, "fulmen", key)
        cells = [cell(run, key, unit, bar) for run in (peer, ours)]
        ratio = peer[key] / ours[key] if peer and ours and ours[key] else None
        rows.append([f"**{name}**" if bar else name, *cells, f"{ratio:.2f}" if ratio else "-"])
        if bar and ratio:
            timed = unit == 1
            unsafe = timed and (disturbed(runs, "peer") if ratio > 1 else ours["busy"])
            verdict = "ahead" if ratio > 1 else "NOT ahead"
            verdicts.append(f"{name.split(',')[0]} {'UNDECIDED (busy machine)' if unsafe else verdict}")
    return rows, verdicts


def print_table(head, rows):
    for row in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(row) + " |")


def each_run(run):
    steps = " ".join(f"{step:.2f}" for step in run["steps"])
    memory = [f"{run[key] / GIB:.2f}" for key in ("resident", "private")]
    label = run["label"] + (f" (not counted: {run['not_counted']})" if run["not_counted"] else "")
    others = f"{run['others']:.2f}" + (" BUSY" if run["busy"] else "")
    return [label, steps, f"{run['vae']:.2f}", *memory, f"{run['total']:.1f}", others]


def table(args):
    runs = load_runs(args.runs)
    rows, verdicts = comparison(runs)
    print("# Fulmen and stable-diffusion.cpp on the CPU\n")
    for fact in [f"Machine: {machine_line()}", *args.facts]:
        print(f"- {fact}")
    print()
    print_table(["metric", "stable-diffusion.cpp", "fulmen", "peer / fulmen"], rows)
    print("\nEach cell is the best of its runs, the peer's over all its counted configurations; a ratio above 1")
    print("means that fulmen is ahead. UNet call: the fastest step after the first. Bold: the bar. BUSY: others used the")
    print("machine during that run, so its time is too long.")
    if verdicts:
        print(f"\nFulmen against the bar: {', '.join(verdicts)}.")
    print("\nEvery run, in order:\n")
    head = ["run", "steps, s", "VAE, s", "resident GiB", "without files GiB", "total s", "others, CPUs"]
    print_table(head, map(each_run, runs))


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("idle")
    one.add_argument("--wait", type=int, required=True)
    one.set_defaults(act=idle)
    one = commands.add_parser("measure")
    one.add_argument("--who", choices=["peer", "fulmen"], required=True)
    one.add_argument("--label", required=True)
    one.add_argument("--not-counted", default="", help="why this configuration is shown but not compared")
    one.add_argument("--steps", type=int, required=True)
    one.add_argument("--out", required=True)
    one.add_argument("command", nargs="+")
    one.set_defaults(act=measure)
    one = commands.add_parser("again")
    one.add_argument("--runs", required=True)
    one.set_defaults(act=again)
    one = commands.add_parser("table")
    one.add_argument("--runs", required=True)
    one.add_argument("facts", nargs="*")
    one.set_defaults(act=table)
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    arguments = read_arguments()
    arguments.act(arguments)
