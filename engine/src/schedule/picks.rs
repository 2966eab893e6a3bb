//! Which levels a number of steps picks, and how noisy they are.

use statrs::function::beta::inv_beta_reg;

use super::{Grid, SchedulerConfig, Sigmas, TimestepSpacing};

/// The exponent of Karras's curve.
const RHO: f64 = 7.0;

/// The levels that `steps` steps pick with their σ, noisiest first.
pub(super) fn pick(config: &SchedulerConfig, train: &[f32], steps: usize) -> (Vec<f32>, Vec<f32>) {
    let timesteps = timesteps(config, steps);
    let sigmas: Vec<f32> = timesteps.iter().map(|&t| interpolate(train, t)).collect();
    // DPM++ and its kin bend the curve between the ends of training, the others between the ends of what is picked.
    let between =
        if config.grid == Grid::Continuous { &sigmas[..] } else { &[train[train.len() - 1], train[0]] };
    let (low, high) = (f64::from(between[between.len() - 1]), f64::from(between[0]));
    let (low, high) = (config.sigma_ends.0.unwrap_or(low), config.sigma_ends.1.unwrap_or(high));
    let ramp = |step: usize| if steps > 1 { step as f64 / (steps - 1) as f64 } else { 0.0 };
    let fall = |low: f64, high: f64, share: f64| high + share * (low - high);
    let sigma = |step: usize| match config.sigmas {
        Sigmas::Karras => fall(low.powf(1.0 / RHO), high.powf(1.0 / RHO), ramp(step)).powf(RHO),
        Sigmas::Exponential => fall(low.ln(), high.ln(), ramp(step)).exp(),
        Sigmas::Beta => fall(low, high, 1.0 - beta_quantile(1.0 - ramp(step))),
        Sigmas::Model | Sigmas::SgmUniform => f64::from(sigmas[step]),
    };
    match config.sigmas {
        Sigmas::Model => (timesteps, sigmas),
        Sigmas::SgmUniform => sgm_uniform(config, train, steps),
        _ => {
            let bent: Vec<f64> = (0..steps).map(sigma).collect();
            let timesteps = bent.iter().map(|&sigma| whole(config, level(train, sigma))).collect();
            (timesteps, bent.iter().map(|&sigma| sigma as f32).collect())
        }
    }
}

/// One level more than steps evenly from the noisiest to the cleanest, the last left out; σ between two levels by its
/// logarithm.
fn sgm_uniform(config: &SchedulerConfig, train: &[f32], steps: usize) -> (Vec<f32>, Vec<f32>) {
    let top = (train.len() - 1) as f64;
    let levels = (0..steps).map(|step| top - step as f64 * (top / steps as f64));
    let sigma = |level: f64| {
        let below = level as usize;
        let above = (below + 1).min(train.len() - 1);
        let (low, high) = (f64::from(train[below]).ln(), f64::from(train[above]).ln());
        (low + (high - low) * (level - below as f64)).exp() as f32
    };
    levels.map(|level| (whole(config, level), sigma(level))).unzip()
}

/// The quantile of Beta(0.6, 0.6).
fn beta_quantile(share: f64) -> f64 {
    const SHAPE: f64 = 0.6;
    inv_beta_reg(SHAPE, SHAPE, share)
}

/// What is taken for the noise after each step; see [`super::Schedule`].
pub(super) fn after(config: &SchedulerConfig, train: &[f32], timesteps: &[f32], sigmas: &[f32]) -> Vec<f32> {
    let steps = timesteps.len();
    if config.grid != Grid::Whole || config.sigmas != Sigmas::Model {
        return sigmas[1..].to_vec();
    }
    let stride = (train.len() / steps) as f32;
    let below = |t: &f32| if *t >= stride { interpolate(train, t - stride) } else { sigmas[steps] };
    timesteps.iter().map(below).collect()
}

fn timesteps(config: &SchedulerConfig, steps: usize) -> Vec<f32> {
    let levels = config.num_train_timesteps;
    match config.grid {
        Grid::Continuous | Grid::Whole => spaced(config, steps, steps),
        Grid::OneMore if config.timestep_spacing == TimestepSpacing::Trailing => spaced(config, steps, steps),
        Grid::OneMore => spaced(config, steps, steps + 1),
        Grid::Origin(origin) if steps <= origin => {
            let (stride, skip) = (levels / origin, origin as f64 / steps as f64);
            let at = |step: usize| (origin - (step as f64 * skip) as usize) * stride - 1;
            (0..steps).map(|step| at(step) as f32).collect()
        }
        // More steps than it was distilled at: there is nothing to pick from.
        Grid::Origin(_) => (0..steps).map(|step| trailing(levels, steps, step)).collect(),
        Grid::From(level) => (0..steps).map(|step| trailing(level + 1, steps, step).max(0.0)).collect(),
    }
}

/// The first `steps` of `count` levels.
fn spaced(config: &SchedulerConfig, steps: usize, count: usize) -> Vec<f32> {
    let levels = config.num_train_timesteps;
    let top = (levels - 1) as f64;
    let round = |t: f64| if config.grid == Grid::Continuous { t } else { t.round_ties_even() };
    let at = |step: usize| match config.timestep_spacing {
        TimestepSpacing::Trailing => trailing(levels, count, step),
        TimestepSpacing::Leading => ((count - 1 - step) * (levels / count) + config.steps_offset) as f32,
        TimestepSpacing::Linspace if count == 1 => 0.0,
        TimestepSpacing::Linspace if step == 0 => top as f32,
        TimestepSpacing::Linspace => round((count - 1 - step) as f64 * (top / (count - 1) as f64)) as f32,
    };
    (0..steps).map(at).collect()
}

/// diffusers, at 62 of the numbers up to 1,000 (61 is the first), makes one step too many by rounding; not here.
fn trailing(levels: usize, steps: usize, step: usize) -> f32 {
    let levels = levels as f64;
    (levels - step as f64 * (levels / steps as f64)).round_ties_even() as f32 - 1.0
}

/// Where whole levels are counted, the UNet gets one: diffusers rounds those of Karras's curve and cuts the others.
fn whole(config: &SchedulerConfig, level: f64) -> f32 {
    let whole = match config.sigmas {
        _ if config.grid == Grid::Continuous => level,
        Sigmas::Exponential | Sigmas::Beta => level.floor(),
        _ => level.round_ties_even(),
    };
    whole as f32
}

/// `np.interp`: the value between two levels, held at both ends.
fn interpolate(levels: &[f32], t: f32) -> f32 {
    let t = f64::from(t).clamp(0.0, (levels.len() - 1) as f64);
    let below = t as usize;
    let above = (below + 1).min(levels.len() - 1);
    let (low, high) = (f64::from(levels[below]), f64::from(levels[above]));
    ((high - low) * (t - below as f64) + low) as f32
}

/// The level of which σ this is, by its logarithm between the two nearest; held at both ends.
fn level(train: &[f32], sigma: f64) -> f64 {
    let above = train.partition_point(|&other| f64::from(other) <= sigma);
    let low = above.saturating_sub(1).min(train.len().saturating_sub(2));
    let high = (low + 1).min(train.len() - 1);
    // In f32, as numpy has the logarithms of f32: by it the noisiest level is cut to the one below, or not.
    let log = |at: usize| f64::from(f64::from(train[at]).ln() as f32);
    if low == high {
        return low as f64;
    }
    low as f64 + ((log(low) - sigma.ln()) / (log(low) - log(high))).clamp(0.0, 1.0)
}
