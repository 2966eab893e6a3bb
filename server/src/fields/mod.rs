//! What a JSON body may hold, field by field: one table checks requests and describes them in `openapi.json`.
//!
//! What the description allows is what the check lets through, and nothing else; tests hold one against the other.

mod body;
mod charset;
mod check;
mod schema;
#[cfg(test)]
mod tests;
mod value;

/// Most characters of a prompt. The engine reads about 60 words; what is longer is cut there, not refused.
pub(crate) const LONGEST_PROMPT: usize = 32_000;

/// The largest seed where no document says otherwise.
pub(crate) const LARGEST_SEED: i64 = i64::MAX;

/// The shortest side of a picture that `Kind::Size` takes; all are multiples of 8.
pub(crate) const SHORTEST_SIDE: usize = 64;

/// The longest.
pub(crate) const LONGEST_SIDE: usize = 2048;

pub(crate) use check::Values;
pub(crate) use schema::schema;

/// One member of a JSON body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Its name on the wire.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    /// What an absent member means, as JSON: `"DYNAMIC"` with its quotes, `768`, `true`.
    pub(crate) default: Option<&'static str>,
    /// One or two sentences for the description; ours, not the original's.
    pub(crate) about: &'static str,
    pub(crate) support: Support,
    pub(crate) deprecated: bool,
}

/// Whether a member may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// May be absent; `null` is an error.
    Optional,
    /// May be absent; `null` means the same.
    Nullable,
}

/// What is done with a member.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Support {
    /// It changes the picture or the answer.
    Used,
    /// Checked, accepted, echoed where the family echoes; changes nothing.
    Hint,
    /// Needs an engine feature that is not there yet: 400 naming the field, unless the value is one of these, as
    /// JSON, which switch nothing on: `false`, `[]`, `"disabled"`.
    Lacking(&'static [&'static str]),
}

/// What a member's value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
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
    /// `WIDTHxHEIGHT`, both multiples of 8 from [`SHORTEST_SIDE`] to [`LONGEST_SIDE`], or `auto`.
    Size,
    /// A list of objects.
    Objects(&'static [Field]),
    /// A list of texts, any of which may be null.
    Texts,
    /// Text, or a list of texts.
    TextOrTexts,
}

impl Field {
    /// An optional member that is used. Chain `required`, `nullable`, `or`, `hint` and `lacking` on it.
    pub(crate) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        let (presence, default, support) = (Presence::Optional, None, Support::Used);
        Self { name, kind, presence, default, about, support, deprecated: false }
    }

    pub(crate) const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }

    pub(crate) const fn nullable(self) -> Self {
        Self { presence: Presence::Nullable, ..self }
    }

    /// What an absent member means, as JSON.
    pub(crate) const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    pub(crate) const fn hint(self) -> Self {
        Self { support: Support::Hint, ..self }
    }

    /// Refused, but for the values that switch nothing on, as JSON.
    pub(crate) const fn lacking(self, off: &'static [&'static str]) -> Self {
        Self { support: Support::Lacking(off), ..self }
    }

    /// Whether `null` means the same as absent.
    pub(crate) const fn may_be_null(&self) -> bool {
        matches!(self.presence, Presence::Nullable)
    }

    pub(crate) const fn deprecated(self) -> Self {
        Self { deprecated: true, ..self }
    }
}
