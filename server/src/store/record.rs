//! What is kept: images, and generations of several.

use bytes::Bytes;
use fulmen_engine::picture::Format;
use jiff::Timestamp;
use serde_json::Value;

/// What an image was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageKind {
    /// It has a name, and stays until it is deleted.
    Named,
    /// It is fetched through a link that expires.
    Link,
    /// One of a generation's.
    Generation {
        /// The generation's id.
        id: String,
        /// Its place among them, from 0.
        position: usize,
    },
    /// A picture that a caller sent, to draw others from.
    Input(InputKind),
}

/// What a picture that was sent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// To begin from.
    Init,
    /// To begin from, on the canvas.
    Canvas,
    /// What of the canvas is drawn.
    Mask,
    /// For one request, which waits for its answer.
    Edit,
}

impl InputKind {
    const ALL: [Self; 4] = [Self::Init, Self::Canvas, Self::Mask, Self::Edit];

    /// The word for it in the database, and in `/metrics`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Canvas => "canvas",
            Self::Mask => "mask",
            Self::Edit => "edit",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl ImageKind {
    /// The columns that tell it: `kind, generation, position`.
    pub(super) fn columns(&self) -> (&'static str, Option<&str>, Option<usize>) {
        match self {
            Self::Named => ("named", None, None),
            Self::Link => ("link", None, None),
            Self::Generation { id, position } => ("generation", Some(id), Some(*position)),
            Self::Input(kind) => (kind.word(), None, None),
        }
    }
}

/// An input picture that was announced, and has not come yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) kind: InputKind,
    /// To the millisecond.
    pub(crate) created_at: Timestamp,
    /// Until when it may come.
    pub(crate) expires_at: Timestamp,
}

/// An image that is to be kept.
#[derive(Debug, Clone)]
pub(crate) struct NewImage {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) kind: ImageKind,
    pub(crate) name: String,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) format: Format,
    /// The picture's file, whole.
    pub(crate) bytes: Bytes,
    pub(crate) seed: u64,
    /// When it may be swept; `None`: it stays until it is deleted.
    pub(crate) expires_at: Option<Timestamp>,
    /// Whether anybody may see it who knows its address, from the beginning.
    pub(crate) public: bool,
}

/// An image that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) kind: ImageKind,
    pub(crate) name: String,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) format: Format,
    pub(crate) seed: u64,
    pub(crate) expires_at: Option<Timestamp>,
    /// Bytes of its file.
    pub(crate) size: u64,
    /// To the millisecond.
    pub(crate) created_at: Timestamp,
    /// Whether anybody may see it who knows its address.
    pub(crate) public: bool,
    /// The name of its file: ours, random, never a client's words.
    pub(super) file: String,
}

/// The pages before and after a page of a listing, by the id of their first image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Neighbours {
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

/// How far a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// To be drawn; drawn again if the server stopped meanwhile.
    Pending,
    Complete,
    Failed,
}

/// A request for several images, which is answered before they are drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Generation {
    pub(crate) id: String,
    pub(crate) owner: String,
    /// To the millisecond.
    pub(crate) created_at: Timestamp,
    pub(crate) state: State,
    /// What must be echoed.
    pub(crate) request: Value,
    /// What must be drawn, so that it can be drawn again.
    pub(crate) spec: Value,
    /// Steps that were really done, once it is complete.
    pub(crate) inference_steps: Option<usize>,
    /// How often it was begun and neither ended nor put back: the server died of it, or with it.
    pub(crate) attempts: usize,
    /// Why there are no pictures, once it failed.
    pub(crate) failure: Option<String>,
    /// The picture that this is a variation of, by its id.
    pub(crate) variation_of: Option<String>,
}
