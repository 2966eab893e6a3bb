"""The rows that the parts of a comparison leave behind: one JSON object a line, written at once.

A run that is cut off keeps every row that it had measured by then.
"""

import json
import os
from pathlib import Path


class Results:
    """A file of rows that grows while a part runs."""

    def __init__(self, path, part):
        self.path = Path(path)
        self.part = part

    def add(self, **row):
        """Store one row, and show it: whoever watches a terminal sees how far it is."""
        line = json.dumps({"part": self.part, **row})
        with self.path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        print(line, flush=True)


def read(path):
    """All whole rows of a file; a line that was cut off is left out."""
    rows = []
    for line in Path(path).read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def reason(error):
    """What went wrong in one line, for a row that has no time."""
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0][:200] if first else ''}"
