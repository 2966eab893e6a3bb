"""What is compared, and how each program tells the seconds of its parts."""

import json
import re

from machine import GIB

CPP_LINES = {
    "load": r"loading tensors completed, taking ([\d.]+)s",
    "text": r"get_learned_condition completed, taking ([\d.]+)s",
    "vae": r"decode_first_stage completed, taking ([\d.]+)s",
}


def from_cpp_log(pieces):
    """Seconds of the parts of stable-diffusion.cpp, from its log.

    A step is timed by the moments at which its progress line and the one before appear:
    the number printed there is the mean of the steps so far, not the time of the last.
    """
    found, steps, mark = {}, [], None
    for at, line in pieces:
        for part, pattern in CPP_LINES.items():
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


def from_last_line(pieces):
    """Of Fulmen and of the peers in Python: {"event":"done","seconds":{...},...}.

    Fulmen tells every decode; the second one counts as the VAE's, as with the others.
    """
    for _, line in reversed(pieces):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("event") == "done":
            seconds = event["seconds"]
            if decodes := seconds.pop("vae_decodes", None):
                del seconds["vae"]
                seconds |= zip(("vae_first", "vae"), decodes)
            return seconds
    return {}


# What is compared: its name and its unit.
METRICS = {
    "unet": ("UNet call, s", 1),
    "vae": ("VAE decode, s", 1),
    "vae_first": ("first VAE decode, s", 1),
    "resident": ("peak resident memory, GiB", GIB),
    "private": ("peak without mapped files, GiB", GIB),
    "text": ("text encoders, s", 1),
    "load": ("loading, s", 1),
    "total": ("whole run, s", 1),
}
SECONDS = {
    "fulmen": from_last_line,
    "stable-diffusion.cpp": from_cpp_log,
    "diffusers": from_last_line,
    "OpenVINO": from_last_line,
}
PEERS = [who for who in SECONDS if who != "fulmen"]
