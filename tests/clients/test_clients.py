"""The official Python clients against a running server: FULMEN_URL, FULMEN_KEY."""

import base64
import os
import time
import unittest
import urllib.request

import openai
from leonardo_ai_sdk import LeonardoAiSDK

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

    def test_errors_have_their_classes(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.images.generate(prompt=PROMPT, size="257x256")
        self.assertEqual(caught.exception.body["param"], "size")
        stranger = openai.OpenAI(base_url=URL + "/api", api_key="wrong")
        with self.assertRaises(openai.AuthenticationError):
            stranger.images.generate(prompt=PROMPT)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("no-such-model")

    def test_the_model_is_listed(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["fulmen-demo"])


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
