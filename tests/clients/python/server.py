"""The server that the tests talk to, and what they all look at: FULMEN_URL, FULMEN_KEY."""

import os
import urllib.request

URL, KEY = os.environ["FULMEN_URL"], os.environ["FULMEN_KEY"]
PROMPT = "a red circle on a blue background"


def png_size(data):
    """Width and height, as a PNG's first chunk says."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def fetch(url):
    """A picture, without a key."""
    with urllib.request.urlopen(url) as answer:
        return answer.read()
