"""Runs one program and measures it from outside: wall time, memory, other work on the machine. Linux only (/proc)."""

import os
import re
import select
import subprocess
import time
from pathlib import Path

from machine import busy_seconds

SAMPLE_SECONDS = 0.02


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
        "cpu": cpu,
        "resident": max(memory.resident, usage.ru_maxrss * 1024),
        "private": memory.private,
        "others": max(0.0, (busy_seconds() - busy - cpu) / wall),
    }
