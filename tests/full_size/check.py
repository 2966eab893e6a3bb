"""Draws with each file of tests/full_size/run, and holds what it takes against what was predicted.

    check.py FULMEN FOLDER UPSCALER [ROUNDS]

Steps are compared by the processor time that they take, which other programs disturb less than the clock; with and
without the LoRA they alternate, and the least of each counts.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

STEPS = 4
TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICK


def draw(fulmen, folder, more):
    """Processor seconds of each step, and the last event."""
    command = [fulmen, "generate", "a red fox in the snow", "--model", folder / "sdxl", *more]
    command += ["--device", "cpu", "--width", "512", "--height", "512", "--steps", str(STEPS), "--guidance", "1"]
    command += ["--seed", "7", "--json", "-o", folder / "picture.png"]
    steps, last, before = [], {}, 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            event = json.loads(line)
            if event["event"] in ("stage", "step"):
                now = processor_seconds(run.pid)
                if event["event"] == "step":
                    steps.append(now - before)
                before = now
            last = event
    if last.get("event") != "done":
        sys.exit(f"{' '.join(map(str, more))}: {last.get('message', 'nothing was drawn')}")
    return steps, last


def main(fulmen, folder, upscaler, rounds=2):
    folder = Path(folder)
    rows = {
        "f16": [],
        "f16, LoRA": ["--lora", folder / "lora.safetensors"],
        "fp8 (e4m3fn)": ["--unet", folder / "fp8.safetensors"],
        "Q8_0": ["--unet", folder / "q8_0.gguf"],
        "f16, ControlNet": ["--control", f"{folder}/controlnet={folder}/map.png"],
        "f16, ControlNet, small": ["--control", f"{folder}/controlnet-small={folder}/map.png"],
        "f16, T2I-Adapter": ["--control", f"{folder}/t2i-adapter={folder}/map.png"],
        "f16, from a picture": ["--init", folder / "map.png", "--strength", "0.75"],
        "f16, enlarged 4 times": ["--upscale", upscaler],
    }
    least, peaks, failures = {}, {}, []
    print("| UNet | processor time of a step | resident at the peak | besides mapped files | predicted |")
    print("| --- | --: | --: | --: | --: |")
    for round in range(int(rounds)):
        for name, more in list(rows.items())[: None if round == 0 else 2]:
            steps, done = draw(fulmen, folder, more)
            least[name] = min(steps + [least.get(name, steps[0])])
            peaks[name] = done["peak_rss_bytes"]
            found, predicted = done["peak_anonymous_bytes"], done["predicted_bytes"]
            cells = [f"{done['peak_rss_bytes'] / MIB:,.0f} MiB", f"{found / MIB:,.0f} MiB", f"{predicted / MIB:,.0f} MiB"]
            print(f"| {name} | {min(steps):.2f} s | {' | '.join(cells)} |", flush=True)
            if abs(found / predicted - 1) > 0.1:
                failures.append(f"{name}: {found / MIB:.0f} MiB where {predicted / MIB:.0f} MiB were predicted")
    for what, of in [("a step", least), ("resident memory", peaks)]:
        more = of["f16, LoRA"] / of["f16"] - 1
        print(f"with the LoRA, {what} takes {more:+.1%}")
        if more > 0.05:
            failures.append(f"the LoRA costs {more:.1%} of {what}")
    sys.exit("\n".join(failures) or None)


if __name__ == "__main__":
    main(*sys.argv[1:])
