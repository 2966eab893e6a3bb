//! What an encoder says of a picture's latents: not one picture of them, but where they lie.

use crate::noise::Noise;

/// The logarithm of a variance is taken for no less and no more.
const LOG_VARIANCE: (f32, f32) = (-30.0, 20.0);

/// A normal distribution of latents, each by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// `[channels, height, width]`
    mean: Vec<f32>,
    /// The same; none where the latents are known exactly.
    deviation: Option<Vec<f32>>,
    /// The UNet's latents are these times this.
    scaling_factor: f32,
}

impl Posterior {
    /// Of moments `[height, width, 2 · channels]`: means, then logarithms of variances.
    #[must_use]
    pub fn of_moments(moments: &[f32], channels: usize, scaling_factor: f32) -> Self {
        let plane = |c: usize| moments.iter().skip(c).step_by(2 * channels).copied();
        let (least, most) = LOG_VARIANCE;
        let deviation = |log_variance: f32| (0.5 * log_variance.clamp(least, most)).exp();
        Self {
            mean: (0..channels).flat_map(plane).collect(),
            deviation: Some((channels..2 * channels).flat_map(plane).map(deviation).collect()),
            scaling_factor,
        }
    }

    /// Of latents `[height, width, channels]` themselves.
    #[must_use]
    pub fn exactly(latents: &[f32], channels: usize, scaling_factor: f32) -> Self {
        let plane = |c: usize| latents.iter().skip(c).step_by(channels).copied();
        Self { mean: (0..channels).flat_map(plane).collect(), deviation: None, scaling_factor }
    }

    /// Of latents `[channels, height, width]` as the UNet sees them.
    pub(crate) fn known(latents: Vec<f32>) -> Self {
        Self { mean: latents, deviation: None, scaling_factor: 1.0 }
    }

    /// Latents `[channels, height, width]` as the UNet sees them. What is random in them is drawn from `noise`, and
    /// nothing is where they are known exactly.
    #[must_use]
    pub fn sample(&self, noise: &mut Noise) -> Vec<f32> {
        let Some(deviation) = &self.deviation else {
            return self.mean.iter().map(|mean| mean * self.scaling_factor).collect();
        };
        let drawn = noise.normals(self.mean.len()).into_iter().zip(deviation);
        let latents =
            self.mean.iter().zip(drawn).map(|(mean, (normal, deviation))| mean + deviation * normal);
        latents.map(|latent| latent * self.scaling_factor).collect()
    }

    /// Draws what [`Posterior::sample`] would draw, and leaves it.
    pub fn skip(&self, noise: &mut Noise) {
        if self.deviation.is_some() {
            noise.normals(self.mean.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Rng;

    #[test]
    fn logarithms_of_variances_are_bounded_and_what_is_known_exactly_draws_nothing() {
        let noise = || Noise::new(Rng::Torch, 7);
        let normal = noise().normals(2);
        // Two pixels of one channel: mean, logarithm.
        let posterior = Posterior::of_moments(&[1.0, -90.0, -2.0, 1000.0], 1, 0.5);
        let (least, most) = ((-15.0_f32).exp(), 10.0_f32.exp());
        let wanted = [(1.0 + least * normal[0]) * 0.5, (-2.0 + most * normal[1]) * 0.5];
        assert_eq!(posterior.sample(&mut noise()), wanted);
        let [mut sampled, mut skipped, mut untouched] = [noise(), noise(), noise()];
        let _ = posterior.sample(&mut sampled);
        posterior.skip(&mut skipped);
        let exact = Posterior::exactly(&[1.0, 3.0, 2.0, 4.0], 2, 2.0);
        assert_eq!(exact.sample(&mut untouched), [2.0, 4.0, 6.0, 8.0]);
        assert_eq!(sampled.normals(2), skipped.normals(2));
        assert_eq!(untouched.normals(2), normal);
    }
}
