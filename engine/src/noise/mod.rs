//! The noise that a picture starts from: the same numbers as PyTorch draws for the same seed.
//!
//! Two generators are in use out there, and one seed gives another picture in each: torch's CPU generator
//! (diffusers' examples, ComfyUI) and the one of NVIDIA cards (AUTOMATIC1111's default). Both are made here on
//! the CPU, whatever device draws the picture, so that a seed means one picture on every machine.

pub mod philox;
pub mod torch;

pub use philox::Philox;
pub use torch::TorchRng;

/// Which generator the first latents come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rng {
    /// torch's CPU generator: MT19937. It reads the seed's low 32 bits only.
    #[default]
    Torch,
    /// The generator of torch on NVIDIA cards: Philox 4x32-10.
    Philox,
}

/// Values of N(0, 1) for the latents of one picture, `[channels, height, width]` in that order, as
/// `torch.randn(1, channels, height, width)` of a fresh generator. They are not yet scaled by σ.
pub fn latents_noise(rng: Rng, seed: u64, shape: [usize; 3]) -> Vec<f32> {
    let count = shape.iter().product();
    match rng {
        Rng::Torch => TorchRng::seed(seed).normals(count),
        Rng::Philox => Philox::seed(seed).normals(count),
    }
}
