//! Latents that a picture is drawn over.

use std::sync::Arc;

use crate::graph::Shape;
use crate::{Error, Result};

/// Latents that a picture begins from, with noise of the first level that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Init {
    /// `[channels, height, width]`, as the UNet sees them: times the VAE's scaling factor.
    pub latents: Arc<[f32]>,
    /// The share of the steps that is taken, 0 to 1. The less, the more of the latents is kept.
    pub denoising_strength: f64,
    /// `[height, width]` of the latents: drawn where it is 1, kept where it is 0, blended between. Without one all
    /// is drawn.
    pub mask: Option<Arc<[f32]>>,
}

impl Init {
    /// An error unless latents of this shape can begin from these, in some of so many steps.
    pub(crate) fn check(&self, shape: Shape, steps: usize) -> Result<()> {
        let strength = self.denoising_strength;
        let mask = self.mask.as_deref().unwrap_or_default();
        let is_share = |value: &f32| (0.0..=1.0).contains(value);
        let checks = [
            (
                self.latents.len() == shape.len(),
                format!("the latents to begin from are not of the shape {shape}"),
            ),
            (
                self.latents.iter().all(|value| value.is_finite()),
                "the latents to begin from are not finite".into(),
            ),
            (
                self.mask.is_none() || mask.len() == shape.pixels() && mask.iter().all(is_share),
                format!("the mask has not {} numbers from 0 to 1", shape.pixels()),
            ),
            (
                (0.0..=1.0).contains(&strength),
                format!("a denoising strength of {strength} is not possible; use 0 to 1"),
            ),
            (
                self.first_step(steps) < steps,
                format!(
                    "a denoising strength of {strength} leaves none of {steps} steps; use more of either"
                ),
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Error::Request(what.into())),
            None => Ok(()),
        }
    }

    /// Steps that are left out: all but the whole steps in that share, as diffusers' `get_timesteps` counts them.
    pub(crate) fn first_step(&self, steps: usize) -> usize {
        steps - ((steps as f64 * self.denoising_strength) as usize).min(steps)
    }

    /// With noise of deviation `sigma`. `normals` are N(0, 1), in the same order.
    pub(crate) fn noised(&self, normals: &[f32], sigma: f32) -> Vec<f32> {
        self.latents.iter().zip(normals).map(|(x, n)| x + n * sigma).collect()
    }

    /// Where the mask keeps something, these latents with the noise that is left come back.
    pub(crate) fn keep(&self, latents: &mut [f32], normals: &[f32], sigma: f32) {
        let Some(mask) = &self.mask else { return };
        let kept = self.noised(normals, sigma);
        for ((x, kept), drawn) in latents.iter_mut().zip(kept).zip(mask.iter().cycle()) {
            *x = (1.0 - drawn) * kept + drawn * *x;
        }
    }
}
