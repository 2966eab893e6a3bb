"""Turns all runs of a comparison into Markdown.

    report.py again --runs FOLDER               the peers' configurations worth another run
    report.py table --runs FOLDER FACT...       the report
"""

import argparse
import json
import statistics
from pathlib import Path

from machine import describe
from programs import METRICS, PEERS, SECONDS

# Those for which a configuration may be repeated.
REPEATED = {"unet", "vae", "resident", "private"}
TIMES = {key for key, (_, unit) in METRICS.items() if unit == 1}

# What Fulmen sets out to reach: metric, of which peers the best counts, share of it.
BARS = [
    ("unet", ["diffusers", "OpenVINO"], 0.85),
    ("vae", ["diffusers", "OpenVINO"], 0.70),
    ("unet", ["stable-diffusion.cpp"], 0.50),
    ("vae", ["stable-diffusion.cpp"], 0.50),
    ("resident", ["diffusers"], 0.60),
]


class Configuration:
    """All runs of one program with one set of options."""

    def __init__(self, who, label, runs):
        self.who, self.label, self.runs = who, label, runs
        self.not_counted = runs[0]["not_counted"]
        quiet = [run for run in runs if not run["busy"]]
        # Where there are runs that nobody disturbed, they alone count.
        self.counted = quiet or runs
        self.busy = not quiet

    def value(self, key):
        """The median of its runs; of memory too, as it hardly differs."""
        values = [run[key] for run in self.counted if run.get(key) is not None]
        return statistics.median(values) if values else None


def configurations(folder):
    """In the order in which they first ran."""
    groups = {}
    for path in sorted(Path(folder).glob("*.json")):
        run = json.loads(path.read_text())
        groups.setdefault((run["who"], run["label"]), []).append(run)
    return [Configuration(who, label, runs) for (who, label), runs in groups.items()]


def best(found, whos, key):
    """The counted configuration of these programs with the smallest `key`, if any has it."""
    having = [one for one in found if one.who in whos and not one.not_counted and one.value(key) is not None]
    return min(having, key=lambda one: one.value(key), default=None)


def again(args):
    """The peers' configurations that lead in a metric of a bar, or were never run undisturbed."""
    found = configurations(args.runs)
    leaders = [best(found, [who], key) for who in PEERS for key in METRICS if key in REPEATED]
    busy = [one for one in found if one.busy and one.who in PEERS and not one.not_counted]
    print("\n".join(sorted({f"{one.who}|{one.label}" for one in [*leaders, *busy] if one})))


def cell(one, key, unit):
    """A value with what a reader must know of it: the configuration, other work meanwhile."""
    if not one:
        return "-"
    # Other work makes a run slower but not bigger.
    notes = [one.label] + (["BUSY"] if one.busy and key in TIMES else [])
    return f"{one.value(key) / unit:.2f} ({', '.join(notes)})"


def share(ours, theirs, key):
    return ours.value(key) / theirs.value(key) if ours and theirs and theirs.value(key) else None


def comparison(found):
    """Metric by metric: the best configuration of every program, and Fulmen's as a share of the best peer's."""
    for key, (name, unit) in METRICS.items():
        ours, peer = best(found, ["fulmen"], key), best(found, PEERS, key)
        cells = [cell(best(found, [who], key), key, unit) for who in SECONDS]
        ratio = share(ours, peer, key)
        yield [f"**{name}**" if key in REPEATED else name, *cells, f"{ratio:.2f}" if ratio else "-"]


def bars(found):
    names = {key: name.split(",")[0] for key, (name, _) in METRICS.items()}
    for key, whos, wanted in BARS:
        ours, peer = best(found, ["fulmen"], key), best(found, whos, key)
        ratio = share(ours, peer, key)
        if ratio is None:
            continue
        verdict = "reached" if ratio <= wanted else "NOT reached"
        if key in TIMES and (ours.busy or peer.busy):
            verdict += ", on a busy machine"
        yield [names[key], " and ".join(whos), f"{peer.who}, {peer.label}", f"{wanted:.2f}", f"{ratio:.2f}", verdict]


def every_configuration(found):
    for one in found:
        values = [(one.value(key), unit) for key, (_, unit) in METRICS.items()]
        cells = [f"{value / unit:.2f}" if value is not None else "-" for value, unit in values]
        note = f" (not counted: {one.not_counted})" if one.not_counted else ""
        quiet = "BUSY" if one.busy else ""
        yield [one.who, one.label + note, f"{len(one.counted)} of {len(one.runs)}", *cells, quiet]


def every_run(found):
    for one in found:
        for run in one.runs:
            steps = " ".join(f"{step:.2f}" for step in run["steps"])
            others = f"{run['others']:.2f}" + (" BUSY" if run["busy"] else "")
            vae = " ".join(f"{run[key]:.2f}" for key in ("vae_first", "vae") if run.get(key) is not None)
            yield [one.who, one.label, steps, vae, f"{run['cpu']:.0f}", others]


def print_table(head, rows):
    for row in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(row) + " |")


def table(args):
    found = configurations(args.runs)
    names = [name for name, _ in METRICS.values()]
    print("# Fulmen and others on the CPU\n")
    for fact in [f"Machine: {describe()}", *args.facts]:
        print(f"- {fact}")
    print()
    print_table(["", *SECONDS, "fulmen / best peer"], comparison(found))
    print("\nMedians, each of the program's best configuration for that row. BUSY: others used the machine during")
    print("every run of it, so its time is too long.\n")
    print_table(["bar", "of the best of", "which is", "wanted", "is", ""], bars(found))
    print("\nEvery configuration:\n")
    print_table(["program", "configuration", "runs", *names, ""], every_configuration(found))
    print("\nEvery run:\n")
    print_table(["program", "configuration", "UNet calls, s", "VAE decodes, s", "processor s", "others, CPUs"], every_run(found))


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("again")
    one.add_argument("--runs", required=True)
    one.set_defaults(act=again)
    one = commands.add_parser("table")
    one.add_argument("--runs", required=True)
    one.add_argument("facts", nargs="*")
    one.set_defaults(act=table)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = read_arguments()
    arguments.act(arguments)
