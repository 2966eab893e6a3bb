//! The noise that a picture starts from: the same numbers as PyTorch draws for the same seed.
//!
//! Two generators are in use out there, and one seed gives another picture in each: torch's CPU generator
//! (diffusers' examples, ComfyUI) and the one of NVIDIA cards (AUTOMATIC1111's default). Both are made here on
//! the CPU, whatever device draws the picture, so that a seed means one picture on every machine.

pub mod philox;
pub mod torch;

pub use philox::Philox;
pub use torch::TorchRng;

/// Which generator a picture's noise comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rng {
    /// torch's CPU generator: MT19937. It reads the seed's low 32 bits only.
    #[default]
    Torch,
    /// The generator of torch on NVIDIA cards: Philox 4x32-10.
    Philox,
}

/// The noise of one picture, as a stream: its first draw makes the first latents, and samplers that add noise
/// within their steps draw on, as diffusers' pipelines do from one generator.
#[derive(Debug, Clone)]
pub enum Noise {
    /// torch's CPU generator.
    Torch(Box<TorchRng>),
    /// That of NVIDIA cards.
    Philox(Philox),
}

impl Noise {
    /// A fresh generator.
    #[must_use]
    pub fn new(rng: Rng, seed: u64) -> Self {
        match rng {
            Rng::Torch => Self::Torch(Box::new(TorchRng::seed(seed))),
            Rng::Philox => Self::Philox(Philox::seed(seed)),
        }
    }

    /// The next `count` values of N(0, 1), as `torch.randn(1, channels, height, width)` of that many in all: latents
    /// `[channels, height, width]`, not yet scaled by σ.
    pub fn normals(&mut self, count: usize) -> Vec<f32> {
        match self {
            Self::Torch(generator) => generator.normals(count),
            Self::Philox(generator) => generator.normals(count),
        }
    }
}
