"""The official Python clients."""

import base64
import io
import time
import unittest

import openai
from leonardo_ai_sdk import LeonardoAiSDK

from server import KEY, PROMPT, URL, fetch, png_size


class OpenAI(unittest.TestCase):
    """openai, below both of the paths that it can be pointed at."""

    def setUp(self):
        self.client = openai.OpenAI(base_url=URL + "/api", api_key=KEY)

    def test_a_link_leads_to_a_picture_of_the_asked_size(self):
        answer = self.client.images.generate(prompt=PROMPT, size="256x256")
        self.assertEqual(png_size(fetch(answer.data[0].url)), (256, 256))
        self.assertAlmostEqual(answer.created, time.time(), delta=60)

    def test_several_pictures_come_in_base64(self):
        client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY)
        answer = client.images.generate(prompt=PROMPT, n=2, size="512x512", response_format="b64_json")
        sizes = [png_size(base64.b64decode(image.b64_json)) for image in answer.data]
        self.assertEqual(sizes, [(512, 512)] * 2)

    def test_previews_come_before_the_picture(self):
        stream = self.client.images.generate(prompt=PROMPT, size="256x256", stream=True, partial_images=2)
        events = [(event.type, base64.b64decode(event.b64_json)) for event in stream]
        kinds = [kind for kind, _ in events]
        partial, completed = "image_generation.partial_image", "image_generation.completed"
        self.assertEqual(kinds, [partial, partial, completed])
        self.assertEqual(png_size(events[-1][1]), (256, 256))

    def test_models_of_the_gpt_image_family_answer_base64(self):
        for model in ["gpt-image-1", "gpt-image-1-mini", "gpt-image-2", "chatgpt-image-latest"]:
            answer = self.client.images.generate(model=model, prompt=PROMPT, size="256x256")
            self.assertEqual(png_size(base64.b64decode(answer.data[0].b64_json)), (256, 256), model)
        link = self.client.images.generate(model="dall-e-3", prompt=PROMPT, size="256x256").data[0]
        self.assertIsNone(link.b64_json)

    def test_what_generate_accepts_can_be_retrieved(self):
        for model in ["fulmen-demo", "dall-e-2", "dall-e-3", "gpt-image-1"]:
            self.assertEqual(self.client.models.retrieve(model).id, model)

    def test_quality_is_answered_as_it_was_asked(self):
        for quality in ["low", "medium", "high"]:
            answer = self.client.images.generate(
                model="gpt-image-1", prompt=PROMPT, size="256x256", quality=quality)
            self.assertEqual(answer.quality, quality)

    def test_a_base_url_without_its_version_is_served(self):
        client = openai.OpenAI(base_url=URL, api_key=KEY)
        answer = client.images.generate(prompt=PROMPT, size="256x256", response_format="b64_json")
        self.assertEqual(png_size(base64.b64decode(answer.data[0].b64_json)), (256, 256))

    def test_editing_is_refused_in_a_sentence_that_the_client_shows(self):
        picture = ("a.png", io.BytesIO(b"\x89PNG\r\n\x1a\n"), "image/png")
        for base in ["/v1", "/api"]:
            client = openai.OpenAI(base_url=URL + base, api_key=KEY)
            with self.assertRaisesRegex(openai.BadRequestError, "(?i)edit"):
                client.images.edit(image=picture, prompt=PROMPT)
            with self.assertRaisesRegex(openai.BadRequestError, "(?i)variation"):
                client.images.create_variation(image=picture)

    def test_warnings_come_with_the_picture(self):
        answer = self.client.images.with_raw_response.generate(prompt="a red circle " * 500, size="256x256")
        self.assertIn("longer than 1200 tokens", answer.headers["x-fulmen-warning"])
        self.assertTrue(answer.parse().model_extra["warnings"])

    def test_errors_have_their_classes(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.images.generate(prompt=PROMPT, size="257x256")
        self.assertEqual(caught.exception.body["param"], "size")
        stranger = openai.OpenAI(base_url=URL + "/api", api_key="wrong")
        with self.assertRaises(openai.AuthenticationError):
            stranger.images.generate(prompt=PROMPT)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("x" * 1001)

    def test_the_model_is_listed(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["fulmen-demo"])
        for name in ["fulmen-demo", "gpt-image-1", "openai/gpt-image-1", "black-forest-labs/FLUX.1-dev", "my model"]:
            self.assertEqual(self.client.models.retrieve(name).id, name)


class Leonardo(unittest.TestCase):
    """leonardo-ai-sdk."""

    def setUp(self):
        self.client = LeonardoAiSDK(bearer_auth=KEY, server_url=URL + "/api/rest/v1")

    def generate(self, **asked):
        """Asks, and waits for the end."""
        answer = self.client.image.create_generation(request={"prompt": PROMPT, **asked})
        self.assertEqual(answer.status_code, 200)
        identity = answer.object.sd_generation_job.generation_id
        for _ in range(600):
            found = self.client.image.get_generation_by_id(id=identity).object.generations_by_pk
            if found.status != "PENDING":
                return found
            time.sleep(0.05)
        self.fail("it is still pending")

    def test_a_prompt_alone_makes_four_pictures(self):
        found = self.generate()
        self.assertEqual((found.status, len(found.generated_images)), ("COMPLETE", 4))
        self.assertEqual((found.image_width, found.image_height), (1024, 768))
        for image in found.generated_images:
            self.assertEqual(png_size(fetch(image.url)), (1024, 768))

    def test_what_was_asked_is_echoed(self):
        found = self.generate(
            num_images=1, width=256, height=512, seed=9999999998, guidance_scale=7, num_inference_steps=10,
            sd_version="SDXL_LIGHTNING", scheduler="EULER_DISCRETE", negative_prompt="a square", public=True,
        )
        self.assertEqual(png_size(fetch(found.generated_images[0].url)), (256, 512))
        echoed = (found.seed, found.negative_prompt, found.sd_version, found.public)
        self.assertEqual(echoed, (9999999998, "a square", "SDXL_LIGHTNING", True))
        self.assertEqual(found.inference_steps, 4)

    def test_a_deleted_generation_is_gone(self):
        found = self.generate(num_images=1, width=128, height=128)
        self.client.image.delete_generation_by_id(id=found.id)
        again = self.client.image.get_generation_by_id(id=found.id).object.generations_by_pk
        self.assertIsNone(again)

    def test_a_wrong_size_is_refused(self):
        with self.assertRaisesRegex(Exception, "width"):
            self.client.image.create_generation(request={"prompt": PROMPT, "width": 100})

    def test_the_account_and_its_models_are_answered(self):
        me = self.client.user.get_user_self().object.user_details[0].user
        self.assertTrue(me.id)
        models = self.client.models.list_platform_models().object.custom_models
        self.assertEqual(len(models), 1)
        found = self.client.image.get_generations_by_user_id(user_id=me.id)
        self.assertIsNotNone(found.object.generations)


if __name__ == "__main__":
    unittest.main()
