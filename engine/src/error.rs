//! Everything that can stop a picture: what failed, where, and what to try.

use std::fmt;
use std::path::PathBuf;

use crate::message::{Message, Setting};
use crate::quote;

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can stop a picture: what failed, where, and what to try.
#[derive(Debug)]
pub enum Error {
    /// The request cannot be met (wrong size, steps, option): the caller's mistake.
    Request(Message),

    /// A file could not be read.
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A file could not be written.
    Write {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A file was read and is not what it should be.
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },

    /// The checkpoint has no tensor of this name.
    MissingTensor {
        /// The file (or folder) that was searched.
        file: PathBuf,
        /// The tensor's name.
        name: String,
    },

    /// A tensor is there, but not of the shape that the model needs.
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
    TensorNotFinite {
        /// The file that holds it.
        file: PathBuf,
        /// The tensor's name.
        name: String,
    },

    /// A picture came out with NaN or infinity in it.
    PictureNotFinite {
        /// The first layer whose output was not finite.
        layer: String,
    },

    /// The device cannot hold what the request needs.
    Memory {
        /// The device.
        device: String,
        /// Bytes that are needed.
        need: u64,
        /// Bytes that are available.
        have: u64,
    },

    /// A picture takes more of a device's memory than may be taken, however its weights are held there.
    DoesNotFit(Message),

    /// No such device, or it failed.
    Device(String),

    /// The caller cancelled.
    Cancelled,

    /// Shapes that do not fit together: a mistake in a model's code, never in a user's input.
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
            Self::Request(message) | Self::DoesNotFit(message) => message.clone(),
            Self::PictureNotFinite { layer } => not_finite(layer),
            Self::Memory { device, need, have } => too_large(device, *need, *have),
            other => other.to_string().into(),
        }
    }

    /// Whether there is not as much memory.
    #[must_use]
    pub fn is_of_memory(&self) -> bool {
        matches!(self, Self::Memory { .. } | Self::DoesNotFit(_))
    }

    fn sentence(&self) -> String {
        match self {
            Self::Request(message) | Self::DoesNotFit(message) => message.to_string(),
            Self::Device(what) => what.clone(),
            Self::Read { file, source } if source.kind() == std::io::ErrorKind::NotFound => {
                format!("cannot read {}: there is no such file or folder; check the path", file.display())
            }
            Self::Read { file, source } => format!("cannot read {}: {source}", file.display()),
            Self::Write { file, source } => format!("cannot write {}: {source}", file.display()),
            Self::File { file, what } => format!("{}: {what}", file.display()),
            Self::MissingTensor { file, name } => {
                let (file, name) = (file.display(), quote::quoted(name));
                format!("{file} has no tensor `{name}`: it is incomplete, or its network is not SDXL's")
            }
            Self::TensorShape { file, name, found, wanted } => {
                let (file, name) = (file.display(), quote::quoted(name));
                format!("{file}: tensor `{name}` has shape {found:?}, the model needs {wanted:?}")
            }
            Self::TensorNotFinite { file, name } => {
                let (file, name) = (file.display(), quote::quoted(name));
                format!("{file}: tensor `{name}` holds values that are not finite; the file is damaged")
            }
            Self::PictureNotFinite { layer } => not_finite(layer).to_string(),
            Self::Memory { device, need, have } => too_large(device, *need, *have).to_string(),
            Self::Cancelled => "cancelled".into(),
            Self::Graph { node, what } => {
                format!("internal error in the graph at `{node}`: {what}; please report it")
            }
        }
    }
}

impl fmt::Display for Error {
    /// One line. Names and words in it may come from anywhere, a hostile file among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote::message(&self.sentence()))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            _ => None,
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
