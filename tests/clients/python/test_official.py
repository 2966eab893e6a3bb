"""The official Python clients."""

import base64
import io
import json
import time
import unittest

import httpx
import openai
from leonardo_ai_sdk import LeonardoAiSDK

from PIL import Image

from server import KEY, PROMPT, URL, fetch, png_size

# Every pixel of it is another.
PICTURE = Image.merge("RGB", [
    Image.linear_gradient("L"), Image.linear_gradient("L").rotate(90), Image.radial_gradient("L")])


def png(picture, name="a.png"):
    """A file as the clients send it."""
    data = io.BytesIO()
    picture.save(data, "PNG")
    data.seek(0)
    return name, data, "image/png"


def hole(size, box):
    """A mask that is transparent in a box."""
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), box)
    return mask


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


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

    def test_an_edit_keeps_what_its_mask_does_not_show(self):
        for base in ["/v1", "/api"]:
            client = openai.OpenAI(base_url=URL + base, api_key=KEY)
            answer = client.images.edit(
                image=png(PICTURE), mask=png(hole(PICTURE.size, (64, 64, 192, 192))), prompt=PROMPT,
                response_format="b64_json", size="256x256")
            edited = opened(base64.b64decode(answer.data[0].b64_json))
            self.assertEqual(edited.size, PICTURE.size)
            self.assertEqual(edited.crop((0, 0, 256, 64)).tobytes(), PICTURE.crop((0, 0, 256, 64)).tobytes())
            middle = (64, 64, 192, 192)
            self.assertNotEqual(edited.crop(middle).tobytes(), PICTURE.crop(middle).tobytes())

    def test_the_first_of_several_images_is_edited_in_its_own_size(self):
        answer = self.client.images.edit(
            image=[png(PICTURE), png(PICTURE)], prompt=PROMPT, model="gpt-image-1", size="auto", input_fidelity="high")
        self.assertEqual(opened(base64.b64decode(answer.data[0].b64_json)).size, PICTURE.size)
        self.assertIn("the first of several", " ".join(answer.model_extra["warnings"]))

    def test_previews_of_an_edit_come_before_it(self):
        stream = self.client.images.edit(
            image=png(PICTURE), prompt=PROMPT, size="256x256", stream=True, partial_images=2)
        kinds = [event.type for event in stream]
        self.assertEqual(kinds, ["image_edit.partial_image"] * 2 + ["image_edit.completed"])

    def test_a_variation_is_another_picture(self):
        answer = self.client.images.create_variation(image=png(PICTURE), n=2, size="256x256")
        for image in answer.data:
            self.assertEqual(png_size(fetch(image.url)), (256, 256))

    def test_an_answered_link_can_be_edited_and_no_other_is_fetched(self):
        link = self.client.images.generate(prompt=PROMPT, size="256x256").data[0].url
        answer = self.client.images.generate(prompt=PROMPT, size="auto", extra_body={"image": link})
        self.assertEqual(png_size(fetch(answer.data[0].url)), (256, 256))
        with self.assertRaisesRegex(openai.BadRequestError, "nothing is fetched"):
            self.client.images.generate(prompt=PROMPT, extra_body={"image": "http://127.0.0.1:9/a.png"})

    def test_what_is_no_picture_is_told_in_a_sentence(self):
        for data in [b"\x89PNG\r\n\x1a\n", b"a picture", png(PICTURE)[1].getvalue()[:200]]:
            with self.assertRaisesRegex(openai.BadRequestError, "`image`: the picture"):
                self.client.images.edit(image=("a.png", io.BytesIO(data), "image/png"), prompt=PROMPT)
        with self.assertRaisesRegex(openai.BadRequestError, "image's size"):
            self.client.images.edit(image=png(PICTURE), mask=png(hole((64, 64), (0, 0, 8, 8))), prompt=PROMPT)

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

    def send(self, form, picture):
        """Sends a picture as the service's own guide does: the fields, then the file, and no key."""
        url, fields = form
        answer = httpx.post(url, data=json.loads(fields), files={"file": png(picture)})
        self.assertEqual(answer.status_code, 204, answer.text)

    def upload(self, picture):
        form = self.client.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
        self.send((form.url, form.fields), picture)
        return form.id

    def wait(self, identity):
        """Waits for a variation."""
        for _ in range(600):
            found = self.client.variation.get_variation_by_id(id=identity).object.generated_image_variation_generic[0]
            if found.status != "PENDING":
                return found
            time.sleep(0.05)
        self.fail("it is still pending")

    def test_a_picture_is_sent_and_drawn_over(self):
        identity = self.upload(PICTURE)
        found = self.client.init_images.get_init_image_by_id(id=identity).object.init_images_by_pk
        self.assertEqual(opened(fetch(found.url)).tobytes(), PICTURE.tobytes())
        asked = {"num_images": 1, "width": 256, "height": 256, "seed": 7}
        plain = self.generate(**asked).generated_images[0]
        over = [self.generate(init_image_id=identity, init_strength=strength, **asked) for strength in [0.2, 0.7]]
        pictures = [opened(fetch(image.url)) for image in [plain, *(one.generated_images[0] for one in over)]]
        self.assertEqual(len({picture.tobytes() for picture in pictures}), 3)
        self.assertEqual([one.init_strength for one in over], [0.2, 0.7])
        again = self.generate(init_generation_image_id=plain.id, **asked)
        self.assertEqual(again.status, "COMPLETE")
        self.client.init_images.delete_init_image_by_id(id=identity)
        found = self.client.init_images.get_init_image_by_id(id=identity).object.init_images_by_pk
        self.assertIsNone(found)
        with self.assertRaisesRegex(Exception, "init_image_id"):
            self.generate(init_image_id=identity, **asked)

    def test_the_canvas_draws_what_its_mask_shows(self):
        forms = self.client.init_images.upload_canvas_init_image(
            request={"init_extension": "png", "mask_extension": "png"}).object.upload_canvas_init_image
        self.send((forms.init_url, forms.init_fields), PICTURE)
        box = (64, 64, 192, 192)
        white = Image.new("L", PICTURE.size, 0)
        white.paste(255, box)
        self.send((forms.mask_url, forms.mask_fields), white)
        for kind in ["INPAINT", "OUTPAINT", "SKETCH2IMG", "IMG2IMG"]:
            found = self.generate(
                num_images=1, width=256, height=256, canvas_request=True, canvas_request_type=kind,
                canvas_init_id=forms.init_image_id, canvas_mask_id=forms.mask_image_id)
            self.assertEqual(found.status, "COMPLETE")
            drawn = opened(fetch(found.generated_images[0].url))
            if kind == "INPAINT":
                top = (0, 0, 256, 64)
                self.assertEqual(drawn.crop(top).tobytes(), PICTURE.crop(top).tobytes())
            self.assertNotEqual(drawn.crop(box).tobytes(), PICTURE.crop(box).tobytes())

    def test_variations_are_larger_wider_and_without_background(self):
        image = self.generate(num_images=1, width=256, height=256).generated_images[0]
        upscale = self.client.variation.create_variation_upscale(request={"id": image.id}).object.sd_upscale_job.id
        unzoom = self.client.variation.create_variation_unzoom(request={"id": image.id}).object.sd_unzoom_job.id
        nobg = self.client.variation.create_variation_no_bg(request={"id": image.id}).object.sd_nobg_job.id
        found = [self.wait(identity) for identity in [upscale, unzoom, nobg]]
        self.assertEqual([one.transform_type for one in found], ["UPSCALE", "UNZOOM", "NOBG"])
        self.assertEqual([png_size(fetch(one.url)) for one in found], [(512, 512), (256, 256), (256, 256)])
        self.assertEqual(Image.open(io.BytesIO(fetch(found[2].url))).mode, "RGBA")
        again = self.client.variation.create_variation_no_bg(request={"id": upscale, "is_variation": True})
        self.assertEqual(png_size(fetch(self.wait(again.object.sd_nobg_job.id).url)), (512, 512))

    def test_the_universal_upscaler_draws_over_a_larger_picture(self):
        image = self.generate(num_images=1, width=256, height=256).generated_images[0]
        for request, size in [
            ({"generated_image_id": image.id}, 384),
            ({"init_image_id": self.upload(PICTURE), "prompt": "a red circle", "upscale_multiplier": 2.0}, 512),
            ({"generated_image_id": image.id, "ultra_upscale_style": "ARTISTIC", "similarity": 8, "detail_contrast": 3}, 384),
        ]:
            job = self.client.variation.create_universal_upscaler_job(request=request).object.universal_upscaler
            self.assertEqual(png_size(fetch(self.wait(job.id).url)), (size, size))

    def test_unzoom_draws_around_a_picture(self):
        identity = self.upload(PICTURE)
        found = self.generate(
            num_images=1, width=256, height=256, unzoom=True, unzoom_amount=1, init_image_id=identity)
        drawn = opened(fetch(found.generated_images[0].url))
        self.assertEqual(drawn.size, (256, 256))

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
