"""Programs and frameworks that draw through OpenAI's form, with the models that they choose by themselves."""

import base64
import io
import os
import unittest

from server import KEY, PROMPT, URL, fetch, png_size

# Before the frameworks: some read it when they are imported.
os.environ.update(
    OPENAI_API_KEY=KEY,
    OPENAI_BASE_URL=URL + "/v1",
    AGNO_TELEMETRY="false",
    HAYSTACK_TELEMETRY_ENABLED="False",
    LITELLM_LOCAL_MODEL_COST_MAP="True",
)

import litellm
import openai
import together
from agno.tools.dalle import DalleTools
from agno.tools.openai import OpenAITools
from haystack.components.generators import OpenAIImageGenerator
from haystack.utils import Secret
from semantic_kernel.connectors.ai.open_ai import OpenAITextToImage, OpenAITextToImageExecutionSettings
from semantic_kernel.connectors.ai.open_ai.prompt_execution_settings.open_ai_text_to_image_execution_settings import (
    ImageSize,
)
from xinference_client.client.restful.restful_client import RESTfulImageModelHandle


class Haystack(unittest.TestCase):
    """OpenAIImageGenerator, whose default model is one of the gpt-image family."""

    def test_the_default_model_draws(self):
        component = OpenAIImageGenerator(api_key=Secret.from_token(KEY), api_base_url=URL + "/v1")
        component.warm_up()
        images = component.run(prompt=PROMPT)["images"]
        self.assertEqual(png_size(base64.b64decode(images[0])), (1024, 1024))


class Agno(unittest.TestCase):
    """Both of its tools."""

    def test_the_tool_of_the_openai_toolkit_draws(self):
        result = OpenAITools(image_size="256x256").generate_image(PROMPT)
        content = result.images[0].content
        # The toolkit keeps what it decoded, or that encoded again.
        data = content if content[:4] == b"\x89PNG" else base64.b64decode(content)
        self.assertEqual(png_size(data), (256, 256))

    def test_the_dalle_tool_draws(self):
        result = DalleTools(model="dall-e-3", size="1024x1024").create_image(PROMPT)
        self.assertEqual(png_size(fetch(result.images[0].url)), (1024, 1024))


class LiteLlm(unittest.TestCase):
    """Its openai provider, with and without a model of the gpt-image family."""

    def generate(self, model, **more):
        answer = litellm.image_generation(
            model=model, prompt=PROMPT, api_base=URL + "/v1", api_key=KEY, size="256x256", **more)
        return answer.data[0]

    def test_models_draw(self):
        self.assertEqual(png_size(fetch(self.generate("openai/dall-e-3").url)), (256, 256))
        for model in ["openai/gpt-image-1", "openai/gpt-image-1.5"]:
            self.assertEqual(png_size(base64.b64decode(self.generate(model).b64_json)), (256, 256), model)

    def test_a_picture_is_edited(self):
        picture = io.BytesIO(base64.b64decode(self.generate("openai/gpt-image-1").b64_json))
        picture.name = "a.png"
        answer = litellm.image_edit(
            model="openai/gpt-image-1", image=[picture], prompt=PROMPT, api_base=URL + "/v1", api_key=KEY, size="256x256")
        self.assertEqual(png_size(base64.b64decode(answer.data[0].b64_json)), (256, 256))


class SemanticKernel(unittest.IsolatedAsyncioTestCase):
    """semantic-kernel's service of pictures, which edits with the client of openai."""

    async def test_pictures_are_drawn_and_edited(self):
        client = openai.AsyncOpenAI(base_url=URL + "/v1", api_key=KEY)
        service = OpenAITextToImage(ai_model_id="gpt-image-1", async_client=client)
        settings = OpenAITextToImageExecutionSettings(prompt=PROMPT, size=ImageSize(width=1024, height=1024))
        data = base64.b64decode((await service.generate_images(PROMPT, settings=settings))[0])
        self.assertEqual(png_size(data), (1024, 1024))
        picture = io.BytesIO(data)
        picture.name = "a.png"
        edited = await service.edit_image(prompt=PROMPT, image_files=[picture])
        # It names no model here, so that a link comes.
        self.assertEqual(png_size(fetch(edited[0])), (1024, 1024))


class Together(unittest.TestCase):
    """together: width and height, and its own word for base64."""

    def test_width_height_and_base64(self):
        client = together.Together(api_key=KEY, base_url=URL + "/v1")
        answer = client.images.generate(
            model="black-forest-labs/FLUX.1-schnell", prompt=PROMPT, width=512, height=256, response_format="base64")
        self.assertEqual(png_size(base64.b64decode(answer.data[0].b64_json)), (512, 256))


class Xinference(unittest.TestCase):
    """xinference-client: sizes with an asterisk."""

    def test_a_size_with_an_asterisk(self):
        # The handle that its client makes of a running model.
        model = RESTfulImageModelHandle("fulmen-demo", URL, {"Authorization": f"Bearer {KEY}"})
        answer = model.text_to_image(PROMPT, size="512*256", response_format="b64_json")
        self.assertEqual(png_size(base64.b64decode(answer["data"][0]["b64_json"])), (512, 256))


if __name__ == "__main__":
    unittest.main()
