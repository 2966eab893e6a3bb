//! The members of `POST …/images/generations`.
//!
//! The documented ones come first, in the document's order; then those that clients of this family send; then ours.
//! Every one but the prompt may be null, because official clients send nulls for what was not set.

use crate::fields::{Field, Kind, LARGEST_SEED, LONGEST_PROMPT};

/// Text that is accepted and has no effect.
const ANY: Kind = Kind::Text { least: 0, most: 1000 };

/// The documented words, and those of later models of the same API.
const QUALITIES: &[&str] = &["standard", "hd", "auto", "low", "medium", "high"];

const STEPS: Kind = Kind::Integer { least: 1, most: 100, multiple_of: 1 };

/// The members of the body.
pub(super) const GENERATIONS: &[Field] = &[
    Field::new("prompt", Kind::Text { least: 1, most: LONGEST_PROMPT }, "What to draw.").required(),
    Field::new("model", ANY, "Any name is taken: the one model that is loaded draws.").nullable().or("\"dall-e-2\"").hint(),
    Field::new("image", Kind::TextOrTexts, "Images to edit, as URLs or in base64.").nullable().lacking(&["\"\"", "[]"]),
    Field::new("n", Kind::Integer { least: 1, most: 10, multiple_of: 1 }, "How many images.").nullable().or("1"),
    Field::new(
        "size",
        Kind::Size,
        "Width and height in pixels: 256x256, 512x512, 1024x1024, 1792x1024, 1024x1792 or any other multiples of 8 \
         from 64 to 2048. `auto` is 1024x1024.",
    )
    .nullable()
    .or("\"1024x1024\""),
    Field::new(
        "response_format",
        Kind::Word(&["url", "b64_json"]),
        "A link that is good for one hour, or the file itself in base64.",
    )
    .nullable()
    .or("\"url\""),
    Field::new("quality", Kind::Word(QUALITIES), "`hd` takes twice the steps, or the next number the model knows.")
        .nullable()
        .or("\"standard\""),
    Field::new("style", Kind::Word(&["vivid", "natural"]), "A look.").nullable().or("\"vivid\"").hint(),
    Field::new("output_format", Kind::Word(&["png", "jpeg", "webp"]), "The kind of file.").nullable().or("\"png\""),
    Field::new("output_compression", Kind::Integer { least: 0, most: 100, multiple_of: 1 }, "A quality of files.")
        .nullable()
        .hint(),
    Field::new("stream", Kind::Flag, "Answer with server-sent events.").nullable().or("false"),
    Field::new(
        "partial_images",
        Kind::Integer { least: 0, most: 3, multiple_of: 1 },
        "How many pictures of the work to send on the way, where `stream` is true.",
    )
    .nullable()
    .or("0"),
    Field::new("background", ANY, "A background.").nullable().hint(),
    Field::new("moderation", ANY, "A strictness.").nullable().hint(),
    Field::new("user", ANY, "Who asks.").nullable().hint(),
    Field::new("safety_identifier", ANY, "Who asks.").nullable().hint(),
    Field::new(
        "seed",
        Kind::Integer { least: 0, most: LARGEST_SEED, multiple_of: 1 },
        "Where the noise begins; image i of several has seed + i. A random one if absent.",
    )
    .nullable(),
    Field::new(
        "negative_prompt",
        Kind::Text { least: 0, most: LONGEST_PROMPT },
        "What to leave out; read only by models that are drawn with guidance.",
    )
    .nullable(),
    Field::new("steps", STEPS, "Steps of the sampler; the model's own number if absent.").nullable(),
    Field::new("num_inference_steps", STEPS, "The same as `steps`, which wins.").nullable(),
    Field::new(
        "guidance_scale",
        Kind::Number { least: 0.0, most: 30.0 },
        "How closely to follow the prompt; up to 1 is not at all. The model's own if absent.",
    )
    .nullable(),
];
