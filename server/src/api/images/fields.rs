//! The members of `POST /v1/images/imagine`.

use crate::fields::{Field, Kind, LARGEST_SEED, LONGEST_PROMPT, LONGEST_SIDE, SHORTEST_SIDE};

/// A side of an image: the documented API has one size, and draws it where none is asked for.
const SIDE: Kind = Kind::Integer { least: SHORTEST_SIDE as i64, most: LONGEST_SIDE as i64, multiple_of: 8 };

/// The first four are the documented ones; the others are ours.
pub(super) const IMAGINE: &[Field] = &[
    Field::new(
        "name",
        Kind::Text { least: 1, most: 255 },
        "What the image is called in lists; need not be unique.",
    )
    .required(),
    Field::new("prompt", Kind::Text { least: 1, most: LONGEST_PROMPT }, "What to draw.").required(),
    Field::new(
        "negative_prompt",
        Kind::Text { least: 0, most: LONGEST_PROMPT },
        "What to leave out; read only by models that are drawn with guidance.",
    ),
    Field::new(
        "seed",
        Kind::Integer { least: 0, most: LARGEST_SEED, multiple_of: 1 },
        "Where the noise begins: the same seed and prompt make the same image. A random one if absent.",
    ),
    Field::new("width", SIDE, "Pixels from left to right.").or("1024"),
    Field::new("height", SIDE, "Pixels from top to bottom.").or("1024"),
    Field::new(
        "steps",
        Kind::Integer { least: 1, most: 100, multiple_of: 1 },
        "Steps of the sampler; the model's own number if absent.",
    ),
    Field::new(
        "guidance_scale",
        Kind::Number { least: 0.0, most: 30.0 },
        "How closely to follow the prompt; up to 1 is not at all. The model's own if absent.",
    ),
    Field::new(
        "previews",
        Kind::Integer { least: 0, most: 8, multiple_of: 1 },
        "How many pictures of the work to send on the way, where the answer is events.",
    )
    .or("0"),
];
