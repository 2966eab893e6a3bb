//! σ of every level of training.
//!
//! Types follow torch: β in f32, its products in f64 and kept in f32, σ in f32. All is then torch's to the bit (with
//! AVX2 or AVX-512) but for its square root, which is off by one unit in the last place in a fifth of the levels.

use super::{BetaSchedule, Grid, SchedulerConfig};

/// ᾱ of the noisiest level where that is noise alone: 0 would be an infinite σ. With diffusers' choice σ is 4096.
const ALMOST_NO_PICTURE: f32 = 1.0 / (1 << 24) as f32;

/// The same for classes that count whole levels, which have 0 there and no σ: σ is 10¹², whose square f32 still holds.
const NO_PICTURE: f32 = 1e-24;

/// The greatest β of a schedule by ᾱ, such as a cosine one, whose own last one would be 1.
const GREATEST_BETA: f64 = 0.999;

impl SchedulerConfig {
    /// σ of every training level, cleanest first.
    pub(super) fn train_sigmas(&self) -> Vec<f32> {
        let mut alphas = products(&self.betas());
        if self.zero_terminal_snr {
            alphas = products(&rescaled(&alphas));
            let is_whole = matches!(self.grid, Grid::Whole | Grid::Origin(_));
            let end = if is_whole { NO_PICTURE } else { ALMOST_NO_PICTURE };
            alphas.last_mut().into_iter().for_each(|alpha| *alpha = end);
        }
        alphas.iter().map(|&alpha| ((1.0 - alpha) / alpha).sqrt()).collect()
    }

    fn betas(&self) -> Vec<f32> {
        if let Some(betas) = &self.trained_betas {
            return betas.clone();
        }
        let count = self.num_train_timesteps;
        match self.beta_schedule {
            BetaSchedule::Linear => linspace(self.beta_start as f32, self.beta_end as f32, count),
            BetaSchedule::ScaledLinear => {
                let roots = linspace(self.beta_start.sqrt() as f32, self.beta_end.sqrt() as f32, count);
                roots.iter().map(|root| root * root).collect()
            }
            BetaSchedule::Cosine => {
                let bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
                falling(count, bar)
            }
            BetaSchedule::Sigmoid => {
                let (width, start) = ((self.beta_end - self.beta_start) as f32, self.beta_start as f32);
                let at = |x: &f32| 1.0 / (1.0 + (-x).exp()) * width + start;
                linspace(-6.0, 6.0, count).iter().map(at).collect()
            }
            BetaSchedule::Laplace => falling(count, |t| {
                let log = (1.0 - 2.0 * (0.5 - t).abs() + 1e-6).ln();
                let snr = (-0.5 * 1.0_f64.copysign(0.5 - t) * log).exp();
                (snr / (1.0 + snr)).sqrt()
            }),
        }
    }
}

/// β with which ᾱ falls as `bar` from 0 to 1.
fn falling(count: usize, bar: impl Fn(f64) -> f64) -> Vec<f32> {
    let at = |i: usize| i as f64 / count as f64;
    (0..count).map(|i| (1.0 - bar(at(i + 1)) / bar(at(i))).min(GREATEST_BETA) as f32).collect()
}

/// ᾱ of every level: the products of 1 − β.
fn products(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0_f64;
    let next = |beta: &f32| {
        product *= f64::from(1.0 - beta);
        product as f32
    };
    betas.iter().map(next).collect()
}

/// β such that √ᾱ falls to 0 at the noisiest level and stays at the cleanest.
fn rescaled(alphas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = alphas.iter().map(|alpha| alpha.sqrt()).collect();
    let (Some(&first), Some(&last)) = (roots.first(), roots.last()) else { return vec![] };
    let scale = first / (first - last);
    let bars: Vec<f32> = roots.iter().map(|root| (root - last) * scale).map(|root| root * root).collect();
    let rest = bars.windows(2).map(|pair| 1.0 - pair[1] / pair[0]);
    std::iter::once(1.0 - bars[0]).chain(rest).collect()
}

/// `torch.linspace` in f32, which counts from whichever end is nearer.
fn linspace(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = if count > 1 { (end - start) / (count - 1) as f32 } else { 0.0 };
    let at = |i: usize| {
        if i < count.div_ceil(2) {
            step.mul_add(i as f32, start)
        } else {
            (-step).mul_add((count - 1 - i) as f32, end)
        }
    };
    (0..count).map(at).collect()
}
