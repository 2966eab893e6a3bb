"""How a peer tells its times: as `fulmen generate --json` does, in one line at the end."""

import json
import time


class Clock:
    """Seconds of the parts of one run."""

    def __init__(self):
        self.seconds = {"unet_steps": []}

    def measured(self, call):
        start = time.perf_counter()
        out = call()
        return time.perf_counter() - start, out

    def part(self, name, call):
        """Times a part that is done once."""
        self.seconds[name], out = self.measured(call)
        print(f"{name}: {self.seconds[name]:.3f} s", flush=True)
        return out

    def step(self, call):
        """Times one UNet call."""
        seconds, out = self.measured(call)
        self.seconds["unet_steps"].append(seconds)
        print(f"UNet call: {seconds:.3f} s", flush=True)
        return out

    def done(self):
        print(json.dumps({"event": "done", "seconds": self.seconds}), flush=True)
