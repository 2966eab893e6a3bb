//! What a JSON body may hold, field by field: one table checks requests and describes them in `openapi.json`.
//!
//! What the description allows is what the check lets through, and nothing else; tests hold one against the other.

mod body;
mod charset;
mod check;
mod form;
mod inert;
mod look;
#[cfg(test)]
mod row;
mod schema;
#[cfg(test)]
mod tests;
mod value;
mod values;

use fulmen_engine::schedule::{Prediction, SamplerName, Sigmas, TimestepSpacing};

/// Most characters of a prompt. The engine reads about 60 words; what is longer is cut there, not refused.
pub(crate) const LONGEST_PROMPT: usize = 32_000;

/// The largest seed where no document says otherwise.
pub(crate) const LARGEST_SEED: i64 = i64::MAX;

/// The seed that means any: a random one, as if it were absent.
pub(crate) const ANY_SEED: i64 = -1;

/// The shortest side of a picture that `FieldType::Size` takes; all are multiples of 8.
pub(crate) const SHORTEST_SIDE: usize = 64;

/// The longest.
pub(crate) const LONGEST_SIDE: usize = 2048;

/// How far attention is steered away from a negative prompt.
pub(crate) const NAG_SCALE: Field = Field::new(
    "nag_scale",
    FieldType::Number { least: 0.0, most: 100.0 },
    "How far to steer attention away from the negative prompt without guidance; up to 1 has no effect. \
     3 if absent.",
);

/// How large what it finds may become.
pub(crate) const NAG_TAU: Field = Field::new(
    "nag_tau",
    FieldType::Number { least: 1.0, most: 100.0 },
    "How much larger the output of attention may become by that, as a multiple; 2.5 if absent.",
);

/// How much of it is blended in.
pub(crate) const NAG_ALPHA: Field = Field::new(
    "nag_alpha",
    FieldType::Number { least: 0.0, most: 1.0 },
    "How much of that is blended in; 0.5 if absent.",
);

/// The sampler, which moves the latents from step to step.
pub(crate) const SAMPLER: Field = Field::new(
    "sampler",
    FieldType::Word(&words(&SamplerName::WORDS)),
    "The sampler; as the model wants it if absent.",
);

/// How the noise falls.
pub(crate) const SIGMAS: Field = Field::new(
    "sigmas",
    FieldType::Word(&words(&Sigmas::WORDS)),
    "The noise schedule; as the model wants it if absent.",
);

/// The share of fresh noise.
pub(crate) const ETA: Field = Field::new(
    "eta",
    FieldType::Number { least: 0.0, most: 1.0 },
    "The share of fresh noise in every step, for euler-a, ddim and tcd; the sampler's own if absent.",
);

/// Which noise levels the steps use.
pub(crate) const SPACING: Field = Field::new(
    "spacing",
    FieldType::Word(&words(&TimestepSpacing::WORDS)),
    "Which noise levels the steps use; as the model wants it if absent.",
);

/// What a UNet predicts.
pub(crate) const PREDICTION: Field = Field::new(
    "prediction",
    FieldType::Word(&words(&Prediction::WORDS)),
    "What the UNet predicts; what the model's files say if absent.",
);

/// The words of a table of the engine's.
pub(crate) const fn words<T: Copy, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut place = 0;
    while place < N {
        words[place] = table[place].0;
        place += 1;
    }
    words
}

/// Whether a file carries the settings that it was drawn with, where the server's option does not say it.
pub(crate) const PNG_TEXT: Field = Field::new(
    "png_text",
    FieldType::Word(&["full", "none"]),
    "Whether the file carries its settings as text, including prompt and seed; as the server was started if absent. \
     What is published never does.",
);

/// How a prompt is read, by the engine's words.
pub(crate) const PROMPT_SYNTAX: Field = Field::new(
    "prompt_syntax",
    FieldType::Word(&["a1111", "plain"]),
    "Whether prompts are read with weights such as `(word:1.3)`, `BREAK` and LoRA tags, or as plain words; as the \
     server was started if absent.",
);

/// What to do with long prompts, by the engine's words.
pub(crate) const LONG_PROMPTS: Field = Field::new(
    "long_prompts",
    FieldType::Word(&["chunk", "cut"]),
    "Whether prompts of more than 75 tokens are read in chunks, or cut; as the server was started if absent.",
);

pub(crate) use form::Form;
pub(crate) use look::{Effect, Finish, Look, Looks, Pass, When};
#[cfg(test)]
pub(crate) use row::row;
pub(crate) use schema::{form_schema, schema};
pub(crate) use value::shown;
pub(crate) use values::Values;

/// One member of a JSON body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Its name on the wire.
    pub(crate) name: &'static str,
    pub(crate) kind: FieldType,
    pub(crate) presence: Presence,
    /// What an absent member means, as JSON: `"DYNAMIC"` with its quotes, `768`, `true`.
    pub(crate) default: Option<&'static str>,
    /// One or two sentences for the description; ours, not the original's.
    pub(crate) about: &'static str,
    pub(crate) support: Support,
    /// Another member, and its values as JSON without which this one changes nothing.
    pub(crate) only: Option<(&'static str, &'static [&'static str])>,
    /// What its values do, where they are recipes.
    pub(crate) effects: &'static [Effect],
    pub(crate) deprecated: bool,
}

/// Whether a member may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// May be absent; `null` means the same, whatever the document says: clients write down what they did not set.
    Optional,
}

/// What is done with a member.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Support {
    /// It changes the picture or the answer.
    Used,
    /// Checked, accepted, echoed where the family echoes; has no effect. A warning says so, but for its
    /// default and these values, as JSON, which ask for nothing.
    Hint(&'static [&'static str]),
    /// Names a model. Any is taken; a warning says which model draws, where it is another.
    Model,
    /// Needs an engine feature that is not there yet: 400 naming the field, unless the value is one of these, as
    /// JSON, which switch nothing on: `false`, `[]`, `"disabled"`.
    Lacking(&'static [&'static str]),
}

/// What a member's value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldType {
    Flag,
    /// A whole number; `1.0` is one, as in JSON Schema.
    Integer {
        least: i64,
        most: i64,
        multiple_of: i64,
    },
    /// A bound may be infinite.
    Number {
        least: f64,
        most: f64,
    },
    /// One of these numbers.
    NumberOf(&'static [f64]),
    /// Text of at most this many characters; at least `least`.
    Text {
        least: usize,
        most: usize,
    },
    /// One of these words, in exactly this case.
    Word(&'static [&'static str]),
    /// One of these words, or a flag.
    WordOrFlag(&'static [&'static str]),
    /// `WIDTHxHEIGHT` or `WIDTH*HEIGHT`, both multiples of 8 from [`SHORTEST_SIDE`] to [`LONGEST_SIDE`], or `auto`.
    Size,
    /// An object; members that no field names are left out.
    Object(&'static [Field]),
    /// A list of objects.
    Objects(&'static [Field]),
    /// A list of texts, any of which may be null.
    Texts,
    /// A list of just so many whole numbers.
    Integers {
        count: usize,
        least: i64,
        most: i64,
    },
    /// A picture: text (a link of this server's, a data URI, base64), or an object with such a text as `image_url`. In a
    /// form a file, or such a text. If `several`, a list of those, too.
    Pictures {
        several: bool,
    },
    /// A picture's file, in a form; in JSON there is none.
    File,
}

/// Whether a body with these members may hold pictures: such a one may be large.
pub(crate) fn takes_pictures(fields: &[Field]) -> bool {
    fields.iter().any(|field| match field.kind {
        FieldType::Pictures { .. } | FieldType::File => true,
        FieldType::Object(fields) | FieldType::Objects(fields) => takes_pictures(fields),
        _ => false,
    })
}

impl Field {
    /// An optional member that is used. Chain `required`, `or`, `hint`, `lacking` and the others on it.
    pub(crate) const fn new(name: &'static str, kind: FieldType, about: &'static str) -> Self {
        let (presence, default, support) = (Presence::Optional, None, Support::Used);
        Self { name, kind, presence, default, about, support, only: None, effects: &[], deprecated: false }
    }

    pub(crate) const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }

    /// What an absent member means, as JSON.
    pub(crate) const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Without effect; these values, as JSON, ask for none.
    pub(crate) const fn hint(self, quiet: &'static [&'static str]) -> Self {
        Self { support: Support::Hint(quiet), ..self }
    }

    /// Names a model.
    pub(crate) const fn model(self) -> Self {
        Self { support: Support::Model, ..self }
    }

    /// Without effect unless `other` has one of these values, as JSON.
    pub(crate) const fn only_where(self, other: &'static str, is: &'static [&'static str]) -> Self {
        Self { only: Some((other, is)), ..self }
    }

    /// What its values do.
    pub(crate) const fn does(self, effects: &'static [Effect]) -> Self {
        Self { effects, ..self }
    }

    /// Refused, but for the values that switch nothing on, as JSON.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing is lacking; what comes to be is said so"))]
    pub(crate) const fn lacking(self, off: &'static [&'static str]) -> Self {
        Self { support: Support::Lacking(off), ..self }
    }

    pub(crate) const fn deprecated(self) -> Self {
        Self { deprecated: true, ..self }
    }
}
