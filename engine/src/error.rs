//! Everything that can stop a picture: what failed, where, and what to try.

use std::path::PathBuf;

use crate::message::{Message, Setting};

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can stop a picture: what failed, where, and what to try.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be met as it was asked (wrong size, steps, option): the caller's mistake.
    #[error("{0}")]
    Request(Message),

    /// A file could not be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A file could not be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A file was read and is not what it should be.
    #[error("{}: {what}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },

    /// The checkpoint has no tensor of this name.
    #[error("{} has no tensor `{name}`; is it an SDXL checkpoint?", file.display())]
    MissingTensor {
        /// The file (or folder) that was searched.
        file: PathBuf,
        /// The tensor's name.
        name: String,
    },

    /// A tensor is there, but not of the shape that the model needs.
    #[error("{}: tensor `{name}` has shape {found:?}, the model needs {wanted:?}", file.display())]
    TensorShape {
        /// The file that holds it.
        file: PathBuf,
        /// The tensor's name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that the configuration asks for.
        wanted: Vec<usize>,
    },

    /// A tensor holds NaN or infinity.
    #[error("{}: tensor `{name}` holds values that are not finite; the file is damaged", file.display())]
    TensorNotFinite {
        /// The file that holds it.
        file: PathBuf,
        /// The tensor's name.
        name: String,
    },

    /// A picture came out with NaN or infinity in it.
    #[error("{}", not_finite(layer))]
    PictureNotFinite {
        /// The first layer whose output was not finite.
        layer: String,
    },

    /// The device cannot hold what the request needs.
    #[error("{}", too_large(device, *need, *have))]
    Memory {
        /// The device.
        device: String,
        /// Bytes that are needed.
        need: u64,
        /// Bytes that are available.
        have: u64,
    },

    /// No device answers to what was asked for, or it failed.
    #[error("{0}")]
    Device(String),

    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,

    /// Shapes that do not fit together: a mistake in a model's code, never in a user's input.
    #[error("internal error in the graph at `{node}`: {what}; please report it")]
    Graph {
        /// The node's label.
        node: String,
        /// What does not fit.
        what: String,
    },
}

impl Error {
    /// The sentence with its settings still to be named, for readers who do not know the flags.
    #[must_use]
    pub fn message(&self) -> Message {
        match self {
            Self::Request(message) => message.clone(),
            Self::PictureNotFinite { layer } => not_finite(layer),
            Self::Memory { device, need, have } => too_large(device, *need, *have),
            other => other.to_string().into(),
        }
    }
}

fn not_finite(layer: &str) -> Message {
    let what = format!("the picture is not finite: the first bad values are in `{layer}`; try ");
    Message::from(what).setting(Setting::Precision).text(" f32")
}

fn too_large(device: &str, need: u64, have: u64) -> Message {
    let (need, have) = (need >> 20, have >> 20);
    let what = format!(
        "this picture needs {need} MiB on {device}, {have} MiB are available; try a smaller size or another "
    );
    Message::from(what).setting(Setting::Device)
}
