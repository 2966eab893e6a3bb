//! What the members of `POST /generations` do that are no settings of a model by themselves: each a recipe of words,
//! weights, larger sides and what is done to the finished picture. The table of fields refers to them, so that checks,
//! descriptions and pictures come from the same numbers.

use crate::fields::{Effect, Finish, Look, Pass, When};

const fn is(value: &'static str, look: Look) -> Effect {
    Effect { when: When::Is(value), look }
}

const fn finish(finish: Finish) -> Look {
    Look { finish, ..Look::NONE }
}

const AS_IT_IS: Finish = Finish::NONE;

/// What every client asks for by itself, and so no more than costs nothing.
pub(super) const ALCHEMY: &[Effect] =
    &[is("true", finish(Finish { contrast: 1.06, sharpness: 0.15, ..AS_IT_IS }))];

pub(super) const HIGH_CONTRAST: &[Effect] = &[
    is("true", finish(Finish { contrast: 1.3, ..AS_IT_IS })),
    is("false", Look { raw: true, ..Look::NONE }),
];

pub(super) const HIGH_RESOLUTION: &[Effect] =
    &[is("true", Look { pass: Some(Pass { ratio: 1.5, strength: 0.35 }), ..Look::NONE })];

pub(super) const ULTRA: &[Effect] = &[is(
    "true",
    Look {
        pass: Some(Pass { ratio: 2.0, strength: 0.4 }),
        finish: Finish { sharpness: 0.3, ..AS_IT_IS },
        ..Look::NONE
    },
)];

pub(super) const EXPANDED_DOMAIN: &[Effect] =
    &[is("true", finish(Finish { range: 1.0, saturation: 1.15, ..AS_IT_IS }))];

pub(super) const FANTASY_AVATAR: &[Effect] = &[is(
    "true",
    Look {
        words: "fantasy portrait of a character, ornate costume, painted",
        finish: Finish { saturation: 1.3, vignette: 0.5, ..AS_IT_IS },
        ..Look::NONE
    },
)];

pub(super) const PHOTO_REAL: &[Effect] = &[is(
    "true",
    Look {
        words: "realistic photograph, natural light",
        finish: Finish { saturation: 0.85, sharpness: 0.3, ..AS_IT_IS },
        ..Look::NONE
    },
)];

const FIRST: Look = Look { words: "35mm film", finish: Finish { contrast: 0.92, ..AS_IT_IS }, ..Look::NONE };

pub(super) const PHOTO_REAL_VERSION: &[Effect] = &[
    is("null", FIRST),
    is("\"v1\"", FIRST),
    is(
        "\"v2\"",
        Look {
            words: "fine texture, high dynamic range",
            avoid: "painting, drawing, render",
            finish: Finish { range: 0.6, ..AS_IT_IS },
            ..Look::NONE
        },
    ),
];

pub(super) const PHOTO_REAL_STRENGTH: &[Effect] = &[
    is("0.55", finish(Finish { blur: 0.01, ..AS_IT_IS })),
    is("0.5", finish(Finish { blur: 0.02, ..AS_IT_IS })),
    is("0.45", finish(Finish { blur: 0.04, ..AS_IT_IS })),
];

pub(super) const PROMPT_MAGIC: &[Effect] = &[is("true", Look { weight: 1.1, ..Look::NONE })];

const fn magic(weight: f32, saturation: f32) -> Look {
    Look { weight, finish: Finish { saturation, ..AS_IT_IS }, ..Look::NONE }
}

pub(super) const PROMPT_MAGIC_STRENGTH: &[Effect] =
    &[is("null", magic(1.1, 1.08)), Effect { when: When::Times, look: magic(1.4, 1.3) }];

const SECOND: Look = finish(Finish { sharpness: 0.2, ..AS_IT_IS });

pub(super) const PROMPT_MAGIC_VERSION: &[Effect] = &[
    is("null", SECOND),
    is("\"v2\"", SECOND),
    is(
        "\"v3\"",
        Look {
            words: "intricate detail",
            avoid: "blurry, plain, low quality",
            finish: Finish { sharpness: 0.3, contrast: 1.12, ..AS_IT_IS },
            ..Look::NONE
        },
    ),
];
