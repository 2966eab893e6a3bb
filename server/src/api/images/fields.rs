//! The members of `POST /v1/images/imagine`.

use fulmen_engine::edit::Fit;
use fulmen_engine::request::{SecondPass, Upscale};

use crate::fields::{
    ANY_SEED, ETA, Field, FieldType, LARGEST_SEED, LONG_PROMPTS, LONGEST_PROMPT, LONGEST_SIDE, NAG_ALPHA,
    NAG_SCALE, NAG_TAU, PNG_TEXT, PREDICTION, PROMPT_SYNTAX, SAMPLER, SHORTEST_SIDE, SIGMAS, SPACING, words,
};

/// A side of an image: the documented API has one size, and draws it where none is asked for.
const SIDE: FieldType =
    FieldType::Integer { least: SHORTEST_SIDE as i64, most: LONGEST_SIDE as i64, multiple_of: 8 };

/// Most pixels that are added at a side, or drawn around a mask.
const MOST_MARGIN: i64 = LONGEST_SIDE as i64;

/// A LoRA.
const LORA: &[Field] = &[
    Field::new("name", FieldType::Text { least: 1, most: 255 }, "Its name, as `GET /elements` lists it.")
        .required(),
    Field::new(
        "weight",
        FieldType::Number { least: -10.0, most: 10.0 },
        "How much of it; 1 is as it was trained.",
    )
    .or("1"),
];

/// The first four are the documented ones; the others are ours.
pub(super) const IMAGINE: &[Field] = &[
    Field::new(
        "name",
        FieldType::Text { least: 1, most: 255 },
        "What the image is called in lists; need not be unique.",
    )
    .required(),
    Field::new("prompt", FieldType::Text { least: 1, most: LONGEST_PROMPT }, "What to draw.").required(),
    Field::new(
        "negative_prompt",
        FieldType::Text { least: 0, most: LONGEST_PROMPT },
        "What to keep out of the picture: by guidance if it is above 1, otherwise by steering attention \
         away from it.",
    ),
    Field::new(
        "seed",
        FieldType::Integer { least: ANY_SEED, most: LARGEST_SEED, multiple_of: 1 },
        "Seed of the noise: the same seed and prompt make the same image. A random one if absent or -1.",
    ),
    Field::new(
        "image",
        FieldType::Pictures { several: false },
        "A picture to draw over: PNG, JPEG or WebP in base64, as a data URI, or as a link that this server gave; nothing is \
         fetched from other places.",
    ),
    Field::new(
        "strength",
        FieldType::Number { least: 0.0, most: 1.0 },
        "How much of `image` is drawn anew: the share of the steps that is done, at least one. 0.75 if absent, and 1 with \
         `outpaint`.",
    ),
    Field::new(
        "fit",
        FieldType::Word(&words(&Fit::WORDS)),
        "How `image` is brought to `width` and `height` where its shape is another: `crop` cuts off what is too much, \
         `pad` continues its edges.",
    )
    .or("\"crop\""),
    Field::new(
        "mask",
        FieldType::Pictures { several: false },
        "What of `image` is drawn anew: a picture of any size that is white there, and black where all stays as it is; or \
         the word `alpha`, which means what is transparent in `image`.",
    ),
    Field::new(
        "mask_blur",
        FieldType::Number { least: 0.0, most: 256.0 },
        "Pixels over which the edge of the mask is softened (the deviation of a Gaussian).",
    )
    .or("0"),
    Field::new(
        "only_masked",
        FieldType::Integer { least: 0, most: MOST_MARGIN, multiple_of: 1 },
        "Draws the masked region alone, with so many pixels around it, in `width` and `height`, and puts it back into \
         `image`, whose size the finished picture has.",
    ),
    Field::new(
        "outpaint",
        FieldType::Integers { count: 4, least: 0, most: MOST_MARGIN },
        "Pixels that are added to `image` on the left, at the top, on the right and at the bottom, and drawn.",
    ),
    Field::new(
        "upscale",
        FieldType::Number { least: 1.0, most: Upscale::MOST },
        "How many times as long the sides of the finished picture are, as far as the server draws so many pixels (`limits` in \
         `GET /v1/models`): enlarged by the network that the server was started with (`--upscale FILE`), or resampled.",
    )
    .or("1"),
    Field::new(
        "hires",
        FieldType::Number { least: 1.0, most: SecondPass::MOST },
        "A second pass: what was drawn is enlarged so many times, and drawn over in that size. Where a part of `image` is drawn, the rest is enlarged with it.",
    ),
    Field::new(
        "hires_strength",
        FieldType::Number { least: 0.0, most: 1.0 },
        "How much the second pass draws anew: its share of the steps, at least one. 0.5 if absent.",
    ),
    Field::new(
        "tile",
        FieldType::WordOrFlag(&["x", "y", "both"]),
        "Which opposite borders continue each other, so that pictures can be laid side by side: left and right (`x`), top and \
         bottom (`y`), or all of them (`both` or true).",
    )
    .or("false"),
    Field::new(
        "transparent",
        FieldType::Flag,
        "Whether the background is transparent: drawn so by LayerDiffuse where the server was started with it \
         (`--layer-diffuse DIR`), else by a matte of what is connected with the border and of its colour.",
    )
    .or("false"),
    Field::new("loras", FieldType::Objects(LORA), "LoRAs of the server's `--lora-dir`, beside those that the prompt names."),
    Field::new(
        "model",
        FieldType::Text { least: 0, most: 1000 },
        "The model that draws, by its id in `GET /v1/models`; the first if absent.",
    )
    .model(),
    Field::new(
        "width",
        SIDE,
        "Width in pixels; 1024 if absent. With `image` and without both it is as large as that, with what `outpaint` adds, \
         in multiples of 8 and at most 2048 a side; with one of both it keeps its shape.",
    ),
    Field::new("height", SIDE, "Height in pixels; as `width`."),
    Field::new(
        "steps",
        FieldType::Integer { least: 1, most: 100, multiple_of: 1 },
        "Steps of the sampler; the model's own number if absent.",
    ),
    Field::new(
        "guidance_scale",
        FieldType::Number { least: 0.0, most: 30.0 },
        "How closely to follow the prompt; up to 1 is no guidance. The model's own if absent.",
    ),
    NAG_SCALE,
    NAG_TAU,
    NAG_ALPHA,
    SAMPLER,
    SIGMAS,
    ETA,
    SPACING,
    PREDICTION,
    PROMPT_SYNTAX,
    LONG_PROMPTS,
    PNG_TEXT,
    Field::new(
        "previews",
        FieldType::Integer { least: 0, most: 8, multiple_of: 1 },
        "How many previews to send while it is drawn, where the answer is events.",
    )
    .or("0"),
];

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::IMAGINE;
    use crate::fields::{Values, schema};
    use crate::problem::Problem;

    fn checked(members: Value) -> Result<Values, Problem> {
        let mut body =
            Map::from_iter([("name".into(), json!("Cat Image")), ("prompt".into(), json!("a cat"))]);
        let Value::Object(members) = members else { panic!("members are an object") };
        body.extend(members);
        Values::checked(body, IMAGINE)
    }

    /// The field that these members are refused for.
    fn refused(members: Value) -> Option<String> {
        let problem = checked(members).err()?;
        assert_eq!(problem.status, 400);
        problem.field
    }

    #[test]
    fn the_documented_members_have_their_documented_types() {
        let schema = schema(IMAGINE);
        for (name, kind) in
            [("name", "string"), ("prompt", "string"), ("negative_prompt", "string"), ("seed", "integer")]
        {
            let required = ["name", "prompt"].contains(&name);
            let described = if required { json!(kind) } else { json!([kind, "null"]) };
            assert_eq!(schema["properties"][name]["type"], described, "{name}");
        }
        assert_eq!(schema["required"], json!(["name", "prompt"]));
    }

    #[test]
    fn name_and_prompt_are_required_and_not_empty() {
        for name in ["name", "prompt"] {
            let mut body = json!({"name": "a", "prompt": "a"}).as_object().cloned().unwrap();
            body.remove(name);
            let problem = Values::checked(body, IMAGINE).unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some(name)));
            for value in [json!(""), json!(null), json!(7), json!(["a"]), json!({"a": 1}), json!("a\0b")] {
                assert_eq!(refused(json!({name: value})).as_deref(), Some(name));
            }
        }
        assert_eq!(refused(json!({"name": "é".repeat(255), "prompt": "two\nlines"})), None);
        assert_eq!(refused(json!({"name": "é".repeat(256)})).as_deref(), Some("name"));
        assert_eq!(refused(json!({"prompt": "a".repeat(32_001)})).as_deref(), Some("prompt"));
    }

    #[test]
    fn a_seed_is_a_whole_number() {
        for seed in [
            json!(null),
            json!(-1),
            json!(0),
            json!(42),
            json!(9_999_999_998_u64),
            json!(i64::MAX),
            json!(4.0),
        ] {
            assert_eq!(refused(json!({"seed": seed})), None, "{seed}");
        }
        for seed in [json!(0.5), json!(-2), json!(u64::MAX), json!(1e300), json!("42"), json!(true)] {
            assert_eq!(refused(json!({"seed": seed})).as_deref(), Some("seed"), "{seed}");
        }
    }

    #[test]
    fn what_is_absent_or_null_is_left_open() {
        let values = checked(json!({})).unwrap();
        assert_eq!((values.integer("width"), values.text("fit")), (None, Some("crop")));
        assert_eq!((values.integer("seed"), values.text("negative_prompt")), (None, None));
        let nulls: Map<String, Value> =
            IMAGINE.iter().skip(2).map(|field| (field.name.into(), json!(null))).collect();
        let values = checked(Value::Object(nulls)).unwrap();
        assert_eq!((values.integer("width"), values.integer("previews")), (None, Some(0)));
        assert_eq!(checked(json!({"negative_prompt": ""})).unwrap().text("negative_prompt"), Some(""));
    }

    #[test]
    fn our_own_members_have_their_ranges() {
        for (name, inside, beyond) in [
            ("width", json!([64, 2048]), json!([56, 2056, 100, "64"])),
            ("height", json!([64, 2048]), json!([56, 2056, 100, "64"])),
            ("steps", json!([1, 100]), json!([0, 101, 1.5])),
            ("guidance_scale", json!([0, 7.5, 30]), json!([-0.1, 30.1, "7"])),
            ("previews", json!([0, 8]), json!([-1, 9])),
            ("image", json!(["aGk=", {"image_url": "aGk="}]), json!([7, ["aGk="], true])),
            ("strength", json!([0, 0.5, 1]), json!([-0.1, 1.1, "1"])),
            ("fit", json!(["crop", "pad", "stretch"]), json!(["CROP", "", 1])),
            ("mask", json!(["alpha", "aGk="]), json!([7, ["aGk="]])),
            ("mask_blur", json!([0, 2.5, 256]), json!([-1, 257])),
            ("upscale", json!([1, 1.5, 16]), json!([0.9, 17, "2"])),
            ("hires", json!([1, 8]), json!([0.5, 8.5, true])),
            ("hires_strength", json!([0, 1]), json!([-1, 2])),
            ("tile", json!(["x", "y", "both", true, false]), json!(["z", 1, ["x"]])),
            ("transparent", json!([true, false]), json!([1, "true"])),
            ("only_masked", json!([0, 2048]), json!([-1, 2049, 0.5, true])),
            (
                "outpaint",
                json!([[0, 0, 0, 2048]]),
                json!([[1, 2, 3], [0, 0, 0, -1], [0, 0, 0, 2049], "1,2,3,4"]),
            ),
        ] {
            for value in inside.as_array().unwrap() {
                assert_eq!(refused(json!({name: value})), None, "{name}: {value}");
            }
            for value in beyond.as_array().unwrap() {
                assert_eq!(refused(json!({name: value})).as_deref(), Some(name), "{value}");
            }
        }
    }
}
