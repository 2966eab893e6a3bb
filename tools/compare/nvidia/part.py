"""Runs one part of the comparison within a time limit and stores how it went.

    part.py --results FILE --part NAME --limit SECONDS --log FILE [--json] -- COMMAND...

The memory of the card is what `nvidia-smi` says of it, before the part and at its highest while
it runs. With `--json` each object that the command prints is stored as a row, too. The exit
status is always 0: a part that fails must not keep the others from running.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from results import Results

QUERY = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]


class CardMemory:
    """MiB in use on the first card, sampled by one long-running `nvidia-smi`."""

    def __init__(self):
        self.before = self.read_once()
        self.peak = self.before
        self.sampler = None
        if self.before is not None:
            self.sampler = subprocess.Popen([*QUERY, "-lms", "50"], stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self.follow, daemon=True).start()

    @staticmethod
    def read_once():
        try:
            return int(subprocess.run(QUERY, capture_output=True, text=True, timeout=20).stdout.split()[0])
        except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
            return None

    def follow(self):
        for line in self.sampler.stdout:
            if line.strip().isdigit():
                self.peak = max(self.peak, int(line))

    def row(self):
        """What the part took, in bytes; nothing where there is no `nvidia-smi`."""
        if self.sampler is None:
            return {}
        self.sampler.terminate()
        return {"card_bytes": (self.peak - self.before) << 20}


def stop(child):
    """Ends the command with all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(timeout=5)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def run(command, limit, log):
    """Exit status (`None` where the limit was reached), seconds, what was printed."""
    start = time.monotonic()
    with open(log, "w") as errors, open(f"{log}.out", "w") as output:
        child = subprocess.Popen(command, stdout=output, stderr=errors, start_new_session=True)
        try:
            status = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            stop(child)
    return status, time.monotonic() - start, Path(f"{log}.out").read_text(errors="replace")


def objects(text):
    """The JSON objects in what was printed: one that spans lines, or one a line."""
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except ValueError:
        pass
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [value for value in found if isinstance(value, dict)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True)
    parser.add_argument("--part", required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    results = Results(args.results, args.part)
    memory = CardMemory()
    try:
        status, seconds, printed = run(args.command, args.limit, args.log)
    except OSError as error:
        results.add(what="process", status=str(error), command=args.command)
        return
    for value in objects(printed) if args.json else []:
        results.add(what="printed", value=value)
    ended = "cut off at its limit" if status is None else status
    results.add(what="process", status=ended, seconds=seconds, command=args.command, **memory.row())


if __name__ == "__main__":
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
