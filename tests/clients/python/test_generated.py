"""A client made from /openapi.json by openapi-python-client: every route has its function, and they draw."""

import base64
import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import typing
import unittest
import urllib.request
from pathlib import Path

from server import KEY, PROMPT, URL, png_size


class Generated(unittest.TestCase):
    """The client, in a folder of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        with urllib.request.urlopen(URL + "/openapi.json") as answer:
            description = answer.read()
        cls.paths = json.loads(description)["paths"]
        source = Path(cls.folder.name, "openapi.json")
        source.write_bytes(description)
        target = Path(cls.folder.name, "fulmen_client")
        # The generator's own option: it knows files by one media type alone.
        files = dict.fromkeys(["image/png", "image/jpeg", "image/webp"], "application/octet-stream")
        config = Path(cls.folder.name, "config.json")
        config.write_text(json.dumps({"content_type_overrides": files}))
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        made = subprocess.run(
            ["openapi-python-client", "generate", "--meta", "none", "--path", source, "--output-path", target,
             "--config", config],
            capture_output=True, text=True, check=False, env=os.environ | {"PATH": tools})
        cls.said = made.stdout + made.stderr
        assert made.returncode == 0, cls.said
        sys.path.insert(0, cls.folder.name)
        cls.client = importlib.import_module("fulmen_client").AuthenticatedClient(base_url=URL, token=KEY, timeout=120)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def function(self, method, path):
        """The module of a route, found by its operation's name."""
        wanted = self.paths[path][method]["operationId"].replace("_", "").lower()
        for module in self.modules():
            if module.stem.replace("_", "") == wanted:
                return importlib.import_module(f"fulmen_client.api.{module.parent.name}.{module.stem}")
        return self.fail(f"{method} {path} has no function")

    def modules(self):
        return list(Path(self.folder.name, "fulmen_client", "api").rglob("[!_]*.py"))

    def get(self, path, **arguments):
        return self.function("get", path).sync_detailed(client=self.client, **arguments).parsed

    def post(self, path, **members):
        """Posts a body of the route's own class."""
        function = self.function("post", path).sync_detailed
        # `Body`, or `Body | Unset` where it may be left out.
        body = inspect.signature(function, eval_str=True).parameters["body"].annotation
        body = next(iter(typing.get_args(body)), body)
        return function(client=self.client, body=body(**members)).parsed

    def test_nothing_was_left_out(self):
        """The generator warns of what it cannot express, and goes on without it."""
        self.assertNotIn("WARNING", self.said.upper())
        operations = sum(len({"get", "post", "delete"} & set(path)) for path in self.paths.values())
        self.assertEqual(len(self.modules()), operations)

    def test_every_family_draws(self):
        drawn = self.post("/v1/images/generations", prompt=PROMPT, size="256x256", response_format="b64_json")
        self.assertEqual(png_size(base64.b64decode(drawn.data[0].b64_json)), (256, 256))
        kept = self.post("/v1/images/imagine", name="a", prompt=PROMPT, width=128, height=128)
        listed = self.get("/v1/images", take=3)
        self.assertEqual(listed.data[0].id, kept.id)
        begun = self.post("/generations", prompt=PROMPT, num_images=1, width=128, height=128)
        self.assertTrue(begun.sd_generation_job.generation_id)


if __name__ == "__main__":
    unittest.main()
