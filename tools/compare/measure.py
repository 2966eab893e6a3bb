"""Runs one program once, and stores what was seen in one JSON file.

    measure.py idle --wait SECONDS              wait until nobody else uses the machine
    measure.py run --who ... -- COMMAND...      exit status 3: measured, but others were using the machine

All programs are watched by the same code: wall time, other work on the machine and
memory come from the kernel; only the seconds of a part come from the program itself.
Standard library only, Linux only (/proc).
"""

import argparse
import json
import signal
import statistics
import sys
from pathlib import Path

from machine import BUSY_CPUS, wait_until_idle
from programs import METRICS, SECONDS
from watch import watch

BUSY_EXIT = 3


def measured(args, log):
    """The row of one run; ends the program where it told no times."""
    with open(log, "wb", buffering=0) as file:
        file.write((" ".join(args.command) + "\n").encode())
        pieces, row = watch(args.command, file)
    seconds = SECONDS[args.who](pieces)
    steps = seconds.get("unet_steps", [])
    if row["status"] != 0:
        sys.exit(f"{args.who}, {args.label}, ended with status {row['status']}; see {log}")
    is_told = "vae" in seconds or args.pictures == 1 and "vae_first" in seconds
    if len(steps) != args.steps * args.pictures or not is_told:
        sys.exit(f"{args.who}, {args.label}: no times of {args.steps} steps and the VAE; see {log}")
    row |= {part: seconds.get(part) for part in ("load", "text", "vae", "vae_first")}
    row |= {"who": args.who, "label": args.label, "not_counted": args.not_counted, "steps": steps}
    # The first step includes preparations that a longer run makes once.
    row |= {"unet": statistics.median(steps[1:]), "busy": row["others"] > BUSY_CPUS}
    # Pictures side by side have other UNet calls than those of others, and take more memory.
    return row | {key: None for key in METRICS if args.pictures > 1 and key != "vae"}


def run(args):
    out = Path(args.out)
    row = measured(args, out.with_suffix(".log"))
    out.write_text(json.dumps(row, indent=1) + "\n")
    told = [f"{name} {row[key] / unit:.2f}" for key, (name, unit) in METRICS.items() if row.get(key) is not None]
    print(f"{args.who}, {args.label}: {'; '.join(told)}")
    if row["busy"]:
        print(f"warning: others used {row['others']:.2f} CPUs during this run: its times are too long")
        sys.exit(BUSY_EXIT)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("idle")
    one.add_argument("--wait", type=int, required=True)
    one.set_defaults(act=lambda args: wait_until_idle(args.wait))
    one = commands.add_parser("run")
    one.add_argument("--who", choices=SECONDS, required=True)
    one.add_argument("--label", required=True)
    one.add_argument("--not-counted", default="", help="why this configuration is shown but not compared")
    one.add_argument("--pictures", type=int, default=1, help="with two, the second VAE decode alone counts")
    one.add_argument("--steps", type=int, required=True)
    one.add_argument("--out", required=True)
    one.add_argument("command", nargs="+")
    one.set_defaults(act=run)
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    arguments = read_arguments()
    arguments.act(arguments)
