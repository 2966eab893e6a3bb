//! What stands between latents and the UNet, whatever the sampler: the UNet's input, guidance, and x₀ from its
//! prediction. Formulas and the order of operations are those of diffusers' `EulerDiscreteScheduler`.

use crate::schedule::Prediction;

/// The latents as the UNet wants them: of variance 1 whatever the noise, x / √(σ² + 1).
#[must_use]
pub fn model_input(latents: &[f32], sigma: f32) -> Vec<f32> {
    let deviation = deviation(sigma);
    latents.iter().map(|x| x / deviation).collect()
}

/// Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598): away from the prediction without the prompt,
/// `guidance` times as far as the prediction with it. 1 is the latter itself.
#[must_use]
pub fn guide(without: &[f32], with: &[f32], guidance: f32) -> Vec<f32> {
    assert_eq!(without.len(), with.len(), "both predictions are of the same latents");
    without.iter().zip(with).map(|(u, c)| u + guidance * (c - u)).collect()
}

/// x₀, the finished latents as the UNet's prediction has them, of latents with noise of deviation `sigma`.
#[must_use]
pub fn denoised(latents: &[f32], predicted: &[f32], prediction: Prediction, sigma: f32) -> Vec<f32> {
    assert_eq!(latents.len(), predicted.len(), "the UNet predicts in the shape of its input");
    let pairs = latents.iter().zip(predicted);
    match prediction {
        Prediction::Epsilon => pairs.map(|(x, epsilon)| x - sigma * epsilon).collect(),
        Prediction::Velocity => {
            let variance = sigma * sigma + 1.0;
            pairs.map(|(x, v)| v * (-sigma / deviation(sigma)) + x / variance).collect()
        }
        Prediction::Sample => predicted.to_vec(),
    }
}

/// [`model_input`] of a model whose noise is counted as EDM does (Karras et al. 2022, arXiv 2206.00364, table 1):
/// x / √(σ² + σ_data²).
#[must_use]
pub fn edm_model_input(latents: &[f32], sigma: f32, sigma_data: f32) -> Vec<f32> {
    let deviation = (sigma * sigma + sigma_data * sigma_data).sqrt();
    latents.iter().map(|x| x / deviation).collect()
}

/// The timestep of such a model: ln σ / 4.
#[must_use]
pub fn edm_timestep(sigma: f32) -> f32 {
    0.25 * sigma.ln()
}

/// [`denoised`] of such a model: σ_data² / (σ² + σ_data²) · x ± σ · σ_data / √(σ² + σ_data²) · F, of which the sign is
/// that of v for a UNet that predicts v.
#[must_use]
pub fn edm_denoised(
    latents: &[f32],
    predicted: &[f32],
    prediction: Prediction,
    sigma: f32,
    sigma_data: f32,
) -> Vec<f32> {
    let variance = sigma * sigma + sigma_data * sigma_data;
    let (skip, out) = (sigma_data * sigma_data / variance, sigma * sigma_data / variance.sqrt());
    let out = match prediction {
        Prediction::Epsilon => out,
        Prediction::Velocity => -out,
        Prediction::Sample => return predicted.to_vec(),
    };
    latents.iter().zip(predicted).map(|(x, f)| skip * x + out * f).collect()
}

/// √(σ² + 1): the standard deviation of the latents, the picture's own being 1.
fn deviation(sigma: f32) -> f32 {
    (sigma * sigma + 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_prediction_in_every_form_gives_the_same_x0() {
        let (picture, noise, sigma) = (0.7_f32, -1.2_f32, 4.081728_f32);
        let x = picture + sigma * noise;
        // v = (ε − σ·x₀) / √(σ² + 1), from α·ε − s·x₀ with α = 1/√(σ² + 1), s = σ·α.
        let velocity = (noise - sigma * picture) / deviation(sigma);
        for (prediction, predicted) in
            [(Prediction::Epsilon, noise), (Prediction::Sample, picture), (Prediction::Velocity, velocity)]
        {
            let x0 = denoised(&[x], &[predicted], prediction, sigma)[0];
            assert!((x0 - picture).abs() < 2e-6, "{prediction:?}: {x0} is not {picture}");
        }
    }

    #[test]
    fn guidance_of_one_is_the_prediction_with_the_prompt_and_of_zero_that_without() {
        let (without, with) = ([1.0, -2.0], [3.0, 0.5]);
        assert_eq!(guide(&without, &with, 1.0), with);
        assert_eq!(guide(&without, &with, 0.0), without);
        assert_eq!(guide(&without, &with, 5.0), [11.0, 10.5]);
    }
}
