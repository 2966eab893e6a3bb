//! What the benchmarks share: the devices of this machine, one operation as a graph, the timing.
//!
//! A benchmark is called `kernel/shape/device`, and any part of it is a filter:
//! `cargo bench -- linear`, `cargo bench -- cpu`.

mod bench;
mod devices;
mod sketch;

pub use bench::{Bench, Case, Work, settings};
pub use devices::{Device, devices};
pub use sketch::Sketch;
