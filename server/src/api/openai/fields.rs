//! The members of `POST …/images/generations`.
//!
//! The documented ones come first, in the document's order; then those that clients of this family send; then ours.

use crate::fields::{
    ANY_SEED, ETA, Effect, Field, FieldType, Finish, LARGEST_SEED, LONG_PROMPTS, LONGEST_PROMPT,
    LONGEST_SIDE, Look, NAG_ALPHA, NAG_SCALE, NAG_TAU, PNG_TEXT, PREDICTION, PROMPT_SYNTAX, SAMPLER,
    SHORTEST_SIDE, SIGMAS, SPACING, When,
};

/// Text that is accepted and has no effect.
const ANY: FieldType = FieldType::Text { least: 0, most: LONGEST_NAME };

/// Characters of a model's name.
pub(super) const LONGEST_NAME: usize = 1000;

/// The documented words, and those of later models of the same API.
const QUALITIES: &[&str] = &["standard", "hd", "auto", "low", "medium", "high", "xhigh", "max"];

/// Vivid is what models draw by themselves.
const STYLE: &[Effect] = &[Effect {
    when: When::Is("\"natural\""),
    look: Look {
        words: "natural light, natural colours",
        finish: Finish { contrast: 0.92, saturation: 0.8, ..Finish::NONE },
        ..Look::NONE
    },
}];

const STEPS: FieldType = FieldType::Integer { least: 1, most: 100, multiple_of: 1 };
const SIDE: FieldType =
    FieldType::Integer { least: SHORTEST_SIDE as i64, most: LONGEST_SIDE as i64, multiple_of: 8 };

const PROMPT: Field =
    Field::new("prompt", FieldType::Text { least: 1, most: LONGEST_PROMPT }, "What to draw.").required();
const MODEL: Field = Field::new("model", ANY, "The model that draws, by its id in `GET /v1/models`.")
    .or("\"dall-e-2\"")
    .model();
const N: Field =
    Field::new("n", FieldType::Integer { least: 1, most: 10, multiple_of: 1 }, "How many images.").or("1");
const SIZE: Field = Field::new(
    "size",
    FieldType::Size,
    "Width and height in pixels: 256x256, 512x512, 1024x1024, 1792x1024, 1024x1792 or any other multiples of 8 \
     from 64 to 2048. `auto` is the size of the image that is edited, or 1024x1024 without one.",
);
const IMAGE: Field = Field::new(
    "image",
    FieldType::Pictures { several: true },
    "Images to edit: the first is drawn over, the others count as part of the prompt. PNG, JPEG or WebP, each in base64, \
     as a data URI, or as a link that this server gave; nothing is fetched from other places.",
);
const MASK: Field = Field::new(
    "mask",
    FieldType::Pictures { several: false },
    "What of the image is drawn anew: an image of its size that is transparent there, or white where nothing of it is \
     transparent.",
);

/// The members of `…/images/generations`.
pub(super) const GENERATIONS: &[Field] =
    &joined::<{ 5 + REST.len() }>(&[PROMPT, MODEL, IMAGE, N, SIZE.or("\"1024x1024\"")], REST);

/// The members of `…/images/edits`, in JSON or as a form.
pub(super) const EDITS: &[Field] =
    &joined::<{ 7 + REST.len() }>(&[IMAGE, IMAGES, MASK, PROMPT, MODEL, N, SIZE.or("\"auto\"")], REST);

/// The members of `…/images/variations`.
pub(super) const VARIATIONS: &[Field] =
    &joined::<{ 6 + REST.len() }>(&[IMAGE, IMAGES, MAYBE_PROMPT, MODEL, N, SIZE.or("\"auto\"")], REST);

const IMAGES: Field = Field::new(
    "images",
    FieldType::Pictures { several: true },
    "The same as `image`, as later models call it.",
);
const MAYBE_PROMPT: Field =
    Field::new("prompt", FieldType::Text { least: 0, most: LONGEST_PROMPT }, "What to draw.");

/// Members one after the other.
const fn joined<const N: usize>(first: &[Field], then: &[Field]) -> [Field; N] {
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { then[at - first.len()] };
        at += 1;
    }
    all
}

/// What the bodies of all three have.
const REST: &[Field] = &[
    Field::new(
        "response_format",
        FieldType::Word(&["url", "b64_json", "base64"]),
        "A link that is valid for one hour, or the file itself in base64, which `base64` means too. Absent, it is \
         `b64_json` where `model` begins with `gpt-image` or `chatgpt-image`, as the clients of those expect.",
    )
    .or("\"url\""),
    Field::new(
        "quality",
        FieldType::Word(QUALITIES),
        "Steps: `standard`, `medium` and `auto` take the model's own number; `low` half of it, `hd`, `high`, `xhigh` and \
         `max` twice as many, or the next number that a distilled model knows. One that was made for a single number \
         keeps that, and is drawn at three quarters of the size with `low`, sharpened with the others.",
    )
    .or("\"standard\""),
    Field::new("style", FieldType::Word(&["vivid", "natural"]), "`vivid` is what the model draws.")
        .or("\"vivid\"")
        .does(STYLE),
    Field::new("output_format", FieldType::Word(&["png", "jpeg", "webp"]), "The kind of file.").or("\"png\""),
    Field::new(
        "output_compression",
        FieldType::Integer { least: 0, most: 100, multiple_of: 1 },
        "The quality of a JPEG; 100 is the best and the largest. PNG and WebP lose nothing here.",
    )
    .only_where("output_format", &["\"jpeg\""]),
    Field::new("stream", FieldType::Flag, "Answer with server-sent events.").or("false"),
    Field::new(
        "partial_images",
        FieldType::Integer { least: 0, most: 3, multiple_of: 1 },
        "How many previews to send while it is drawn.",
    )
    .or("0")
    .only_where("stream", &["true"]),
    Field::new(
        "background",
        ANY,
        "With `transparent`, the background is transparent, in PNG and WebP: drawn so by LayerDiffuse where the server was \
         started with it (`--layer-diffuse DIR`); else what is connected with the borders and alike in colour, with a soft \
         edge.",
    ),
    Field::new("moderation", ANY, "How strictly to moderate; nothing is moderated.").hint(&["\"auto\"", "\"\""]),
    Field::new("complexity", ANY, "How much to plan.").hint(&["\"\""]),
    Field::new("frame_count", FieldType::Integer { least: 0, most: 1000, multiple_of: 1 }, "Frames of an animation.")
        .hint(&["0", "1"]),
    Field::new("frame_duration_ms", FieldType::Integer { least: 0, most: 1_000_000, multiple_of: 1 }, "Time of each.")
        .hint(&["0"]),
    Field::new("user", ANY, "Who asks.").hint(&["\"\""]),
    Field::new("safety_identifier", ANY, "Who asks.").hint(&["\"\""]),
    Field::new(
        "input_fidelity",
        FieldType::Word(&["low", "high"]),
        "How close to stay to an image: `high` draws half as much of it anew as otherwise.",
    ),
    Field::new(
        "strength",
        FieldType::Number { least: 0.0, most: 1.0 },
        "How much of an image is drawn anew, from 0 to 1: the share of the steps that is done, at least one. 0.75 if \
         absent, and 1 where a mask says what is drawn.",
    ),
    Field::new("width", SIDE, "Width in pixels, instead of `size` or of its first number."),
    Field::new("height", SIDE, "Height in pixels, instead of `size` or of its second number."),
    Field::new(
        "seed",
        FieldType::Integer { least: ANY_SEED, most: LARGEST_SEED, multiple_of: 1 },
        "Seed of the noise; image i of several has seed + i. A random one if absent or -1.",
    ),
    Field::new(
        "negative_prompt",
        FieldType::Text { least: 0, most: LONGEST_PROMPT },
        "What to keep out of the picture: by guidance if it is above 1, otherwise by steering attention \
         away from it.",
    ),
    Field::new("steps", STEPS, "Steps of the sampler; the model's own number if absent."),
    Field::new("num_inference_steps", STEPS, "The same as `steps`, which wins."),
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
];

/// The members of `POST /api/v2/image`: what AIGNE's hub is sent by its client.
pub(super) const HUB: &[Field] = &[
    Field::new("input", FieldType::Object(INPUT), "What to draw.").required(),
    Field::new("agent", ANY, "What the client calls the model that makes the request."),
    Field::new("options", FieldType::Object(&[]), "What the client reports of its own state."),
];

const INPUT: &[Field] = &[
    Field::new("prompt", FieldType::Text { least: 1, most: LONGEST_PROMPT }, "What to draw.").required(),
    Field::new("n", FieldType::Integer { least: 1, most: 10, multiple_of: 1 }, "How many images.").or("1"),
    Field::new(
        "image",
        FieldType::Objects(HUB_IMAGE),
        "Images to edit, as `image` of POST /v1/images/generations.",
    ),
    Field::new("outputFileType", FieldType::Word(&["url"]), "Links are answered.").or("\"url\""),
    // Everything of `POST /v1/images/generations` but the prompt.
    Field::new("modelOptions", FieldType::Object(GENERATIONS.split_at(1).1), "How to draw it."),
];

/// An image as AIGNE's client sends it.
const HUB_IMAGE: &[Field] = &[
    Field::new("type", FieldType::Word(&["file", "url"]), "Whether it is in `data` or behind `url`."),
    Field::new("data", FieldType::Pictures { several: false }, "It in base64."),
    Field::new("url", FieldType::Pictures { several: false }, "A link that this server gave, or a data URI."),
    Field::new("mimeType", ANY, "Its type, which its content tells, too."),
    Field::new("filename", ANY, "Its name."),
];

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{EDITS, GENERATIONS, VARIATIONS};
    use crate::fields::{Field, Values, schema};
    use crate::problem::Problem;

    fn checked(members: Value) -> Result<Values, Problem> {
        let mut body = Map::from_iter([("prompt".into(), json!("a cat"))]);
        let Value::Object(members) = members else { panic!("members are an object") };
        body.extend(members);
        Values::checked(body, GENERATIONS)
    }

    /// The field that these members are refused for.
    fn refused(members: Value) -> Option<String> {
        let problem = checked(members).err()?;
        assert_eq!(problem.status, 400);
        problem.field
    }

    /// The document, in its order: name, type, default.
    const DOCUMENT: &[(&str, &str, Option<&str>)] = &[
        ("prompt", "string", None),
        ("model", "string", Some("dall-e-2")),
        ("image", "string or array", None),
        ("n", "integer", None),
        ("size", "string", Some("1024x1024")),
        ("response_format", "string", Some("url")),
        ("quality", "string", Some("standard")),
        ("style", "string", Some("vivid")),
    ];

    #[test]
    fn the_documented_members_come_first_with_their_types_and_defaults() {
        let schema = schema(GENERATIONS);
        for ((name, kind, default), field) in DOCUMENT.iter().zip(GENERATIONS) {
            assert_eq!(field.name, *name);
            let described = &schema["properties"][name];
            match *name {
                "prompt" => assert_eq!(described["type"], "string"),
                "image" => assert_eq!(described["anyOf"][2]["type"], "array"),
                "response_format" | "quality" | "style" => {
                    assert_eq!(described["anyOf"][0]["type"], *kind, "{name}");
                }
                _ => assert_eq!(described["type"], json!([kind, "null"]), "{name}"),
            }
            assert!(default.is_none_or(|default| described["default"] == default), "{name}");
        }
        assert_eq!(
            (&schema["properties"]["n"]["default"], &schema["required"]),
            (&json!(1), &json!(["prompt"]))
        );
    }

    #[test]
    fn what_is_absent_or_null_is_the_default() {
        let nulls: Map<String, Value> =
            GENERATIONS.iter().skip(1).map(|field| (field.name.into(), json!(null))).collect();
        for values in [checked(json!({})).unwrap(), checked(Value::Object(nulls)).unwrap()] {
            assert_eq!((values.text("model"), values.integer("n")), (Some("dall-e-2"), Some(1)));
            assert_eq!(
                (values.size("size"), values.text("response_format")),
                (Some((1024, 1024)), Some("url"))
            );
            assert_eq!((values.text("quality"), values.text("style")), (Some("standard"), Some("vivid")));
            assert_eq!((values.text("output_format"), values.flag("stream")), (Some("png"), Some(false)));
            assert_eq!((values.integer("seed"), values.integer("steps")), (None, None));
        }
    }

    #[test]
    fn values_at_the_edges_are_taken_and_those_beyond_are_not() {
        for (name, inside, beyond) in [
            ("n", json!([1, 10, 2.0]), json!([0, 11, -1, 1.5, "1", true])),
            (
                "size",
                json!([
                    "256x256",
                    "512x512",
                    "1024x1024",
                    "1792x1024",
                    "1024x1792",
                    "64x2048",
                    "512*512",
                    "auto"
                ]),
                json!([
                    "",
                    "1024",
                    "1024x",
                    "1024X1024",
                    "56x64",
                    "2056x64",
                    "100x100",
                    "-64x64",
                    "64x64x64",
                    1024
                ]),
            ),
            ("response_format", json!(["url", "b64_json", "base64"]), json!(["URL", "b64", "", 1])),
            ("quality", json!(super::QUALITIES), json!(["best", "HD", 1])),
            ("width", json!([64, 2048]), json!([56, 2056, 100, "64"])),
            ("height", json!([64, 2048]), json!([56, 2056, 100, "64"])),
            ("nag_scale", json!([0, 3, 100]), json!([-1, 101, "3"])),
            ("nag_tau", json!([1, 2.5]), json!([0.5, 101])),
            ("nag_alpha", json!([0, 0.5, 1]), json!([-0.1, 1.1])),
            ("sampler", json!(["euler", "dpmpp-2m-sde"]), json!(["k_euler", ""])),
            ("sigmas", json!(["model", "karras"]), json!(["Karras", 1])),
            ("eta", json!([0, 0.5, 1]), json!([-0.1, 1.1, "0"])),
            ("spacing", json!(["trailing", "leading", "linspace"]), json!(["karras", ""])),
            ("prediction", json!(["epsilon", "v", "sample"]), json!(["x0", ""])),
            ("prompt_syntax", json!(["a1111", "plain"]), json!(["compel", ""])),
            ("long_prompts", json!(["chunk", "cut"]), json!(["drop", ""])),
            ("style", json!(["vivid", "natural"]), json!(["cubist", "", true])),
            ("model", json!(["dall-e-3", "gpt-image-1", "gemini", ""]), json!([3, ["dall-e-3"]])),
            ("output_format", json!(["png", "jpeg", "webp"]), json!(["gif", "PNG"])),
            ("output_compression", json!([0, 100]), json!([-1, 101])),
            ("stream", json!([true, false]), json!(["true", 1])),
            ("partial_images", json!([0, 3]), json!([-1, 4])),
            ("seed", json!([-1, 0, 9_999_999_998_u64]), json!([-2, 0.5, "1"])),
            ("steps", json!([1, 100]), json!([0, 101])),
            ("num_inference_steps", json!([1, 100]), json!([0, 101])),
            ("guidance_scale", json!([0, 30]), json!([-1, 31])),
            ("user", json!(["someone"]), json!([7])),
            ("background", json!(["transparent", "anything"]), json!([7])),
            ("moderation", json!(["low"]), json!([7])),
        ] {
            for value in inside.as_array().unwrap() {
                assert_eq!(refused(json!({name: value})), None, "{name}: {value}");
            }
            for value in beyond.as_array().unwrap() {
                assert_eq!(refused(json!({name: value})).as_deref(), Some(name), "{value}");
            }
        }
    }

    #[test]
    fn a_prompt_is_text_and_not_empty() {
        assert_eq!(Values::checked(Map::new(), GENERATIONS).unwrap_err().field.as_deref(), Some("prompt"));
        for prompt in [json!(""), json!(null), json!(7), json!(["a cat"])] {
            assert_eq!(refused(json!({"prompt": prompt})).as_deref(), Some("prompt"));
        }
    }

    #[test]
    fn images_to_edit_are_texts_or_objects_and_none_is_none() {
        for image in [
            json!("aGVsbG8="),
            json!(["a", {"image_url": "b"}]),
            json!({"image_url": "a"}),
            json!([]),
            json!(""),
        ] {
            assert_eq!(refused(json!({"image": image})), None, "{image}");
        }
        for image in [json!(7), json!([7]), json!({"file_id": "a"}), json!([null])] {
            assert_eq!(refused(json!({"image": image})).as_deref(), Some("image"), "{image}");
        }
    }

    #[test]
    fn edits_and_variations_have_what_generations_have() {
        let names = |fields: &'static [Field]| fields.iter().map(|field| field.name);
        for table in [EDITS, VARIATIONS] {
            assert!(names(GENERATIONS).all(|name| names(table).any(|other| other == name)));
            assert_eq!(schema(table)["properties"]["size"]["default"], "auto");
        }
        assert_eq!(schema(EDITS)["required"], json!(["prompt"]));
        assert_eq!(schema(VARIATIONS).get("required"), None);
    }

    #[test]
    fn what_nobody_knows_is_ignored() {
        assert_eq!(refused(json!({"something": {"new": [true]}})), None);
    }
}
