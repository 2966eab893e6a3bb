//! Latents that a picture is drawn over.

use std::sync::Arc;

use super::{check_strength, first_step};
use crate::graph::Shape;
use crate::{Error, Result};

/// Latents that a picture begins from, with noise of the first level that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct InitLatents {
    /// `[channels, height, width]`, as the UNet sees them: times the VAE's scaling factor.
    pub latents: Arc<[f32]>,
    /// The share of the steps that is taken, 0 to 1. The less, the more of the latents is kept.
    pub denoising_strength: f64,
    /// `[height, width]` of the latents: drawn where it is 1, kept where it is 0, blended between. Without one all
    /// is drawn.
    pub mask: Option<Arc<[f32]>>,
}

impl InitLatents {
    /// An error unless latents of this shape can begin from these, in some of so many steps.
    pub(crate) fn check(&self, shape: Shape, steps: usize) -> Result<()> {
        check_strength(self.denoising_strength)?;
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
                self.first_step(steps) < steps,
                format!(
                    "a denoising strength of {} leaves none of {steps} steps; use more of either",
                    self.denoising_strength
                ),
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Error::Request(what.into())),
            None => Ok(()),
        }
    }

    /// Steps that are left out.
    pub(crate) fn first_step(&self, steps: usize) -> usize {
        first_step(self.denoising_strength, steps)
    }
}
