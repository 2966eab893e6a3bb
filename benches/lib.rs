//! What the benchmarks share: the devices of this machine, one operation as a graph, the timing; curves over all sizes of pictures.
//!
//! A benchmark is called `kernel/shape/device`, and any part of it is a filter:
//! `cargo bench -- linear`, `cargo bench -- cpu`.

mod bench;
pub mod curve;
mod devices;
pub mod sizes;
mod sketch;
mod worked;

pub use bench::{Bench, Case, Work, settings};
pub use devices::{Device, devices};
pub use sketch::Sketch;
