"""What the machine is, and what else runs on it. Linux only (/proc)."""

import os
import re
import time
from pathlib import Path

BUSY_CPUS = 0.15  # others using more than this during a run is worth a warning
GIB = 1 << 30
VECTORS = "avx2 fma f16c avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_bf16 asimd asimdhp bf16 sve"


def busy_seconds():
    """CPU seconds used by everything on this machine since boot, stolen time included."""
    fields = Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(seconds):
    """Return once the machine has been quiet for two seconds, or say that it was not."""
    deadline = time.monotonic() + seconds
    while True:
        before, start = busy_seconds(), time.monotonic()
        time.sleep(2)
        used = (busy_seconds() - before) / (time.monotonic() - start)
        if used <= BUSY_CPUS:
            return
        if time.monotonic() > deadline:
            print(f"warning: others are using {used:.2f} CPUs; the next run will be too slow")
            return


def memory_bytes(which):
    """`MemTotal` or `MemAvailable`."""
    return int(re.search(rf"{which}:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1)) * 1024


def describe():
    """CPU, vector instructions, cores, memory: what a reader needs to place the numbers."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", info)
    flags = re.search(r"(?:flags|Features)\s*:\s*(.+)", info)
    has = set(flags.group(1).split()) if flags else set()
    return "{}, {}, {} CPUs, {:.1f} GiB memory".format(
        model.group(1) if model else os.uname().machine,
        " ".join(flag for flag in VECTORS.split() if flag in has) or "no known vector instructions",
        len(os.sched_getaffinity(0)),
        memory_bytes("MemTotal") / GIB,
    )
