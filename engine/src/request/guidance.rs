//! How strongly prompts guide a picture, as a caller wants it.

use super::refuse;
use crate::Result;
use crate::message::Setting;

/// Largest scale and threshold of attention guidance.
const MOST_NAG: f32 = 100.0;

/// Classifier-free guidance as a caller wants it; up to 1 is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Guidance {
    /// Done, whatever the model was made for.
    Exactly(f32),
    /// Done where the model was made to be guided. One that was distilled to draw without keeps its own, and says so:
    /// clients over HTTP send a 7 without knowing what draws.
    Suggested(f32),
}

impl Guidance {
    /// The number itself.
    pub(crate) const fn value(self) -> f32 {
        match self {
            Self::Exactly(value) | Self::Suggested(value) => value,
        }
    }
}

/// Normalised attention guidance (Chen et al. 2025, arXiv 2505.21179) as a caller wants it: what a negative prompt does
/// where there is no classifier-free guidance. `None` is as usual.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Nag {
    /// How far attention is steered away from what it finds in the negative prompt; up to 1 has no effect.
    pub scale: Option<f32>,
    /// How large what it finds may become by that, as a multiple.
    pub tau: Option<f32>,
    /// How much of that is blended in, 0 to 1.
    pub alpha: Option<f32>,
}

impl Nag {
    pub(super) fn validate(self) -> Result<()> {
        let checks = [
            (Setting::NagScale, self.scale, 0.0..=MOST_NAG, "use 1 for none, or for instance 3"),
            (Setting::NagTau, self.tau, 1.0..=MOST_NAG, "use 1 to 100, for instance 2.5"),
            (Setting::NagAlpha, self.alpha, 0.0..=1.0, "use 0 to 1"),
        ];
        for (setting, value, possible, instead) in checks {
            if let Some(value) = value
                && !possible.contains(&value)
            {
                return refuse(setting, format!(" {value} is not possible; {instead}"));
            }
        }
        Ok(())
    }
}
