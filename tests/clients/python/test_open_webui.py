"""Open WebUI's own module of image generation, unmodified, for the engine `openai`.

Its database, its settings and its store of files are stand-ins: they would bring a machine-learning framework with
them, and none of them speaks to an image server.
"""

import asyncio
import importlib.abc
import importlib.machinery
import os
import re
import sys
import types
import unittest
from pathlib import Path
from unittest import mock

import aiohttp

from server import KEY, PROMPT, URL, png_size

PACKAGE = Path(os.environ["OPEN_WEBUI"])
ROUTER = "open_webui.routers.images"


def setting(name):
    """The default of one of its settings, as its own sources give it."""
    source = (PACKAGE / "config.py").read_text()
    found = re.search(rf"{name} = os\.getenv\(\s*'{name}',\s*'([^']*)'", source)
    return found.group(1)


class StandIn(types.ModuleType):
    """A module in which every name exists."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return {"CACHE_DIR": Path(os.environ["OPEN_WEBUI_CACHE"])}.get(name, mock.MagicMock(name=name))


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the module under test where it lies, and a stand-in for every other one of the package."""

    def find_spec(self, name, path, target=None):
        if name == ROUTER:
            return importlib.util.spec_from_file_location(name, PACKAGE / "routers" / "images.py")
        if name.split(".")[0] == "open_webui":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        pass


def guarded(url):
    """What its guard against requests to private addresses does with a link of this server."""
    raise ValueError(f"{url} is a private address")


def router():
    """The module, with the settings that matter here as its sources have them."""
    sys.meta_path.insert(0, StandIns())
    images = importlib.import_module(ROUTER)
    images.IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN = setting("IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN")
    images.ENABLE_FORWARD_USER_INFO_HEADERS = False
    images.AIOHTTP_CLIENT_SESSION_SSL = True
    images.validate_url = guarded
    return images


class OpenWebUi(unittest.TestCase):
    """image_generations, as a chat calls it."""

    @classmethod
    def setUpClass(cls):
        cls.images = router()

    async def generate(self, model, count):
        settings = dict.fromkeys(self.images.IMAGE_CONFIG_KEYS.values(), None) | {
            "image_generation.enable": True,
            "image_generation.engine": "openai",
            "image_generation.model": model,
            "image_generation.size": "256x256",
            "image_generation.openai.api_base_url": URL + "/v1",
            "image_generation.openai.api_key": KEY,
        }
        pictures = []

        async def get_many(*keys):
            return {key: settings[key] for key in keys}

        async def upload(request, data, content_type, metadata, user):
            pictures.append((data, content_type))
            return None, {"url": "kept"}

        async with aiohttp.ClientSession() as session:

            async def get_session():
                return session

            with (
                mock.patch.object(self.images.Config, "get_many", get_many),
                mock.patch.object(self.images, "upload_image", upload),
                mock.patch.object(self.images, "get_session", get_session),
            ):
                form = self.images.CreateImageForm(prompt=PROMPT, n=count)
                await self.images.image_generations(None, form)
        return pictures

    def test_every_model_that_people_set_draws(self):
        for model in ["dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1.5", "fulmen-demo"]:
            pictures = asyncio.run(self.generate(model, 2))
            self.assertEqual([png_size(data) for data, _ in pictures], [(256, 256)] * 2, model)


if __name__ == "__main__":
    unittest.main()
