//! LoRAs and their kin: files of differences that change a model while its weights are read. The model's
//! file stays as it is, and no merged copy is made.

mod adapter;
mod apply;
mod change;
mod checkpoint;
mod matrix;
mod names;
mod patch;
mod stated;
mod strangers;

pub use self::adapter::Adapter;
pub(crate) use self::checkpoint::Changeable;
pub use self::checkpoint::{Lora, LoraFile};
