//! The members of `POST /generations`: every documented one, in the document's order, with its type, its default and
//! its range, whether this server uses it or not. Rules between members are in `rules`.
//!
//! Later work shrinks what is `lacking`: such a member is refused where it asks for something.

use super::{recipes, styles, words};
use crate::fields::{ANY_SEED, Field, FieldType, LONGEST_PROMPT};

/// Any number: the document has no range.
const ANY: FieldType = FieldType::Number { least: f64::NEG_INFINITY, most: f64::INFINITY };
const ID: FieldType = FieldType::Text { least: 0, most: 200 };
const ON: &[&str] = &["true"];

const fn side(name: &'static str, about: &'static str) -> Field {
    Field::new(name, FieldType::Integer { least: 32, most: 1536, multiple_of: 8 }, about)
}

const fn flag(name: &'static str, about: &'static str) -> Field {
    Field::new(name, FieldType::Flag, about)
}

const CONTROL: &[Field] = &[
    Field::new("initImageId", ID, "A picture of the caller's."),
    Field::new(
        "initImageType",
        FieldType::Word(words::CONTROL_IMAGES),
        "Where it comes from; its id says it, too.",
    ),
    Field::new(
        "preprocessorId",
        ANY,
        "What is read from it: 19 its edges (canny), 20 and 21 nothing, it is a map of depth or of a pose; 67, 100 and 133: \
         it is a reference of style, content or character.",
    ),
    Field::new("weight", ANY, "How much it counts, 0 to 2; 1 is as the net was trained."),
    Field::new(
        "strengthType",
        FieldType::Word(words::CONTROL_STRENGTHS),
        "The same in words: 0.2, 0.6, 1, 1.4, 1.8.",
    ),
];

const ELEMENT: &[Field] = &[
    Field::new("akUUID", ID, "Which element, by its id or its name.").required(),
    Field::new("weight", ANY, "How much it counts, -10 to 10.").or("1"),
];

const USER_ELEMENT: &[Field] = &[
    Field::new("userLoraId", ANY, "Which element."),
    Field::new("weight", ANY, "How much it counts; 1 if absent."),
];

/// The members of the body.
pub(super) const GENERATION: &[Field] = &[
    flag(
        "alchemy",
        "Livelier pictures, at the cost of plain ones. Those of more than one and a half times the model's own area are \
         drawn in that area first, and then again in their size, with a strength of 0.4. With `false`, only the styles \
         LEONARDO and NONE, which is then the usual one.",
    )
    .or("true")
    .does(recipes::ALCHEMY),
    Field::new(
        "contrastRatio",
        FieldType::Number { least: 0.0, most: 1.0 },
        "Contrast of the picture; 0.5 leaves it as it is.",
    ),
    Field::new(
        "contrast",
        FieldType::NumberOf(&[1.0, 1.3, 1.8, 2.5, 3.0, 3.5, 4.0, 4.5]),
        "Contrast of the picture; 3.5 leaves it as it is. At least 2.5 for PHOENIX with alchemy.",
    ),
    Field::new(
        "controlnets",
        FieldType::Objects(CONTROL),
        "Pictures that guide this one, each by a net that the server was started with (`--control KIND=FILE`). References \
         count as `imagePrompts` do.",
    ),
    Field::new("elements", FieldType::Objects(ELEMENT), "LoRAs of the server's `--lora-dir`, as `GET /elements` lists them."),
    Field::new("userElements", FieldType::Objects(USER_ELEMENT), "The same, by their numbers."),
    flag("expandedDomain", "Reaches further in tones and colours.").does(recipes::EXPANDED_DOMAIN),
    flag("fantasyAvatar", "A portrait as in fantasy.").does(recipes::FANTASY_AVATAR),
    Field::new(
        "guidance_scale",
        FieldType::Number { least: 1.0, most: 20.0 },
        "How closely to follow the prompt; 7 is a good value for models that are drawn with guidance. The model's own if \
         absent.",
    ),
    side("height", "Height in pixels.").or("768"),
    flag("highContrast", "More contrast, or RAW mode; with or without `promptMagic`.").does(recipes::HIGH_CONTRAST),
    flag("highResolution", "A picture that is larger than `width` and `height`.").does(recipes::HIGH_RESOLUTION),
    Field::new(
        "imagePrompts",
        FieldType::Texts,
        "Ids of pictures of the caller's own, generated or uploaded, that count as part of the prompt; for servers that were \
         started with `--ip-adapter`.",
    ),
    Field::new(
        "imagePromptWeight",
        FieldType::Number { least: -10.0, most: 10.0 },
        "How much those pictures count: 1 is as the adapter was trained; 0.5 if absent.",
    ),
    Field::new("init_generation_image_id", ID, "A picture of one of the caller's generations to begin from."),
    Field::new("init_image_id", ID, "A picture to begin from, as `/init-image` answered its id."),
    Field::new(
        "init_strength",
        FieldType::Number { least: 0.1, most: 0.9 },
        "How close to stay to the picture that it begins from: the share of the steps that is left out. 0.3 if absent; 0.15 \
         for a sketch; what a mask shows is drawn wholly anew.",
    ),
    Field::new("modelId", ID, "The model that draws, by its id in `GET /platformModels` or its name.")
        .or("\"b24e16ff-06e3-43eb-8d33-4416c2d75876\"")
        .model(),
    Field::new(
        "negative_prompt",
        FieldType::Text { least: 0, most: LONGEST_PROMPT },
        "What to keep out of the picture: by guidance if it is above 1, otherwise by steering attention \
         away from it.",
    ),
    Field::new(
        "num_images",
        FieldType::Integer { least: 1, most: 8, multiple_of: 1 },
        "How many pictures; at most 4 where width or height is over 768.",
    )
    .or("4"),
    Field::new(
        "num_inference_steps",
        FieldType::Integer { least: 10, most: 60, multiple_of: 1 },
        "Steps of the sampler. A distilled model does the number it was made for, and the answer says which.",
    )
    .or("15"),
    flag("photoReal", "A picture like a photograph; not without `alchemy`.").does(recipes::PHOTO_REAL),
    Field::new(
        "photoRealVersion",
        FieldType::Word(&["v1", "v2"]),
        "Which kind of photograph; v1 not together with a `modelId`.",
    )
    .does(recipes::PHOTO_REAL_VERSION)
    .only_where("photoReal", ON),
    Field::new(
        "photoRealStrength",
        FieldType::NumberOf(&[0.55, 0.5, 0.45]),
        "The depth of field of the photograph.",
    )
    .or("0.55")
    .does(recipes::PHOTO_REAL_STRENGTH)
    .only_where("photoReal", ON),
    Field::new("presetStyle", FieldType::Word(words::STYLES), "A style: words that follow the prompt, and for some more.")
        .or("\"DYNAMIC\"")
        .does(styles::EFFECTS),
    // The document has a default for it too ("A majestic cat in the snow"), which nobody can get: it is required.
    Field::new("prompt", FieldType::Text { least: 1, most: LONGEST_PROMPT }, "What to draw.")
        .required()
        .or("\"A majestic cat in the snow\""),
    flag("promptMagic", "Has the prompt count for more.").does(recipes::PROMPT_MAGIC),
    Field::new("promptMagicStrength", FieldType::Number { least: 0.1, most: 1.0 }, "How much more.")
        .does(recipes::PROMPT_MAGIC_STRENGTH)
        .only_where("promptMagic", ON),
    Field::new("promptMagicVersion", FieldType::Word(&["v2", "v3"]), "In which way.")
        .does(recipes::PROMPT_MAGIC_VERSION)
        .only_where("promptMagic", ON),
    flag("public", "Whether the pictures' addresses need no signature."),
    Field::new(
        "scheduler",
        FieldType::Word(words::SCHEDULERS),
        "The sampler: KLMS is LMS, EULER_ANCESTRAL_DISCRETE Euler a, EULER_DISCRETE Euler, DDIM DDIM, DPM_SOLVER DPM++ 2M, \
         PNDM PNDM, LEONARDO UniPC. If absent, the one that the model was made for, which is Euler for most. `sampler` in \
         the answer says which one ran.",
    )
    .or("\"EULER_DISCRETE\""),
    Field::new(
        "sd_version",
        FieldType::Word(words::VERSIONS),
        "The kind of model, where `modelId` names none: SDXL_LIGHTNING is the first that is distilled to few steps, SDXL_1_0, \
         SDXL_0_9 and SDXL_0_8 the first that is not.",
    )
        .or("\"v1_5\"")
        .model(),
    Field::new(
        "seed",
        FieldType::Integer { least: ANY_SEED, most: 9_999_999_998, multiple_of: 1 },
        "Seed of the noise; picture i of several has seed + i. At most 2147483637 for FLUX and FLUX_DEV. A random \
         one if absent or -1.",
    ),
    flag("tiling", "Whether the picture continues at its opposite borders, so that it can be laid side by side."),
    Field::new(
        "transparency",
        FieldType::Word(words::TRANSPARENCIES),
        "With `foreground_only` the background is transparent: drawn so by LayerDiffuse where the server was started with it \
         (`--layer-diffuse DIR`); else what is connected with the borders and alike in colour, with a soft edge.",
    ),
    flag("ultra", "A picture that is much larger than `width` and `height`; not together with `alchemy: true`.")
        .does(recipes::ULTRA),
    flag("unzoom", "Whether to draw more around the picture that it begins from, which takes the middle."),
    Field::new(
        "unzoomAmount",
        FieldType::Number { least: 0.0, most: 3.0 },
        "How much more, in widths and heights of the picture: with 1 it takes half of each side. 0.5 if absent.",
    )
    .only_where("unzoom", &["true"]),
    Field::new(
        "upscaleRatio",
        FieldType::Number { least: 1.0, most: 4.0 },
        "How many times as long the sides of the finished picture are: enlarged by the network that the server was started \
         with (`--upscale FILE`), or resampled.",
    ),
    side("width", "Width in pixels.").or("1024"),
    flag("controlNet", "Whether the picture of `init_image_id` or `init_generation_image_id` guides this one by a net.")
        .deprecated(),
    Field::new("controlNetType", FieldType::Word(words::CONTROL_TYPES), "What is read from it, as in `controlnets`.")
        .only_where("controlNet", ON)
        .deprecated(),
    Field::new("weighting", FieldType::Number { least: 0.0, most: 2.0 }, "How much it counts; 1 if absent.")
        .only_where("controlNet", ON)
        .deprecated(),
    flag("canvasRequest", "Whether the canvas' picture is drawn over."),
    Field::new(
        "canvasRequestType",
        FieldType::Word(words::CANVAS_TYPES),
        "What is done: INPAINT and OUTPAINT draw what the mask shows, or without one what is transparent in the picture; \
         IMG2IMG draws over all of it, SKETCH2IMG with little of it left. IMG2IMG if absent, or INPAINT where there is a mask.",
    )
    .only_where("canvasRequest", &["true"]),
    Field::new("canvasInitId", ID, "The canvas' picture, as `/canvas-init-image` answered its id.")
        .only_where("canvasRequest", &["true"]),
    Field::new(
        "canvasMaskId",
        ID,
        "What of it is drawn, as `/canvas-init-image` answered its id: what is transparent; where nothing is, what is white. \
         For INPAINT and OUTPAINT; needed there unless the picture is transparent where it is to be drawn.",
    )
    .only_where("canvasRequest", &["true"]),
    flag("enhancePrompt", "Whether words for detail are added to the prompt."),
    Field::new(
        "enhancePromptInstruction",
        FieldType::Text { least: 0, most: 1000 },
        "What else is added to the prompt.",
    )
    .only_where("enhancePrompt", &["true"]),
];
