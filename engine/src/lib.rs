//! SDXL on a tensor engine of its own.
//!
//! The modules stand in the order in which a picture is made:
//!
//! ```text
//! request → prompt → tokens → text encoders → conditioning ┐
//!                      noise → latents → sampler × unet → vae → picture
//! ```
//!
//! Beneath them lie `weights` (checkpoints), `graph` (a model, written once) and the two backends
//! that run a graph: `gpu` (wgpu and WGSL) and `cpu` (rayon), behind `backend`.

pub mod backend;
pub mod cpu;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod noise;
pub mod picture;
pub mod request;
pub mod sampler;
pub mod schedule;
pub mod settings;
pub mod tokens;
pub mod weights;

pub use error::{Error, Result};
