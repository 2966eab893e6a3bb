//! LoRAs and their kin: files of differences that change a model while its weights are read. The model's
//! file stays as it is, and no merged copy is made.

mod adapter;
mod applied;
mod apply;
mod change;
mod matrix;
mod names;
mod patch;
mod recognise;
mod stated;
mod strangers;

pub use self::adapter::Adapter;
pub use self::applied::{Lora, LoraFile};
pub(super) use self::apply::fit;
pub(super) use self::patch::Applied;
pub(super) use self::recognise::Places;
