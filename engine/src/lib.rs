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
//! that run a graph: `gpu` (wgpu and WGSL) and `cpu` (rayon), behind `backend`. `cases` is one
//! table of every operation on awkward sizes, by which `selftest` and all tests hold a backend against its
//! definition.

pub mod backend;
pub mod cases;
pub mod controlnet;
pub mod cpu;
pub mod edit;
pub mod engine;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod init;
pub mod ip_adapter;
pub mod layer_diffuse;
pub mod layers;
pub mod memory;
pub mod message;
pub mod networks;
pub mod noise;
pub mod picture;
pub mod prompt;
pub mod quote;
pub mod request;
pub mod sampler;
pub mod schedule;
pub mod selftest;
pub mod settings;
pub mod strips;
pub mod synth;
pub mod text;
pub mod threads;
pub mod tokens;
pub mod unet;
pub mod upscaler;
pub mod vae;
pub mod weights;

pub use engine::{Engine, Options};
pub use error::{Error, Result};
pub use request::Request;
