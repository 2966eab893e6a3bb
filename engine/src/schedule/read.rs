//! `scheduler_config.json` as it is written, read for the class that it names.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::classes::{Class, Member, foreign};
use super::solver::{SamplerName, Solver};
use super::{BetaSchedule, Grid, LastLevel, Prediction, Replaced, SchedulerConfig, Sigmas, TimestepSpacing};
use crate::weights::python_json;

/// What is absent, or null, has the class's default.
#[derive(Deserialize)]
struct Raw {
    _class_name: Option<String>,
    num_train_timesteps: Option<usize>,
    beta_start: Option<f64>,
    beta_end: Option<f64>,
    beta_schedule: Option<String>,
    trained_betas: Option<Vec<f32>>,
    timestep_spacing: Option<String>,
    steps_offset: Option<usize>,
    prediction_type: Option<String>,
    interpolation_type: Option<String>,
    final_sigmas_type: Option<String>,
    timestep_type: Option<String>,
    original_inference_steps: Option<usize>,
    rescale_betas_zero_snr: Option<bool>,
    set_alpha_to_one: Option<bool>,
    clip_sample: Option<bool>,
    thresholding: Option<bool>,
    use_karras_sigmas: Option<bool>,
    use_exponential_sigmas: Option<bool>,
    use_beta_sigmas: Option<bool>,
    use_lu_lambdas: Option<bool>,
    use_flow_sigmas: Option<bool>,
    algorithm_type: Option<String>,
    solver_order: Option<usize>,
    solver_type: Option<String>,
    lower_order_final: Option<bool>,
    euler_at_final: Option<bool>,
    lambda_min_clipped: Option<f64>,
    predict_x0: Option<bool>,
    disable_corrector: Option<Vec<Value>>,
    skip_prk_steps: Option<bool>,
    sigma_data: Option<f32>,
    sigma_schedule: Option<String>,
    rho: Option<f64>,
    sigma_min: Option<f64>,
    sigma_max: Option<f64>,
}

/// The settings that a file holds.
pub(super) fn config(json: &[u8]) -> Result<SchedulerConfig, String> {
    // By way of a map: serde would also take a bare list for the settings.
    let raw: Raw = python_json(json)
        .and_then(serde_json::from_value::<Map<String, Value>>)
        .and_then(|fields| serde_json::from_value(fields.into()))
        .map_err(|e| format!("not a scheduler's settings: {e}"))?;
    let name = raw._class_name.as_deref().unwrap_or("EulerDiscreteScheduler");
    if let Some(made_for) = foreign(name) {
        let replaced = Replaced { class: name.to_owned(), is_known: false, made_for: Some(made_for) };
        return Ok(SchedulerConfig { replaced: Some(replaced), ..SchedulerConfig::sdxl() });
    }
    let class = Class::named(name);
    let is_drawn = class.is_some_and(|class| class.sampler.is_some());
    let replaced = Replaced { class: name.to_owned(), is_known: class.is_some(), made_for: None };
    let config = raw.read(class.unwrap_or(Class::euler()))?;
    Ok(SchedulerConfig { replaced: (!is_drawn).then_some(replaced), ..config })
}

impl Raw {
    fn beta_schedule(&self, class: &Class) -> Result<BetaSchedule, String> {
        let known = [
            ("linear", BetaSchedule::Linear),
            ("scaled_linear", BetaSchedule::ScaledLinear),
            ("squaredcos_cap_v2", BetaSchedule::Cosine),
            ("sigmoid", BetaSchedule::Sigmoid),
            ("laplace", BetaSchedule::Laplace),
        ];
        // The other classes do not have the last two.
        let known = if class.reads(Member::Shapes) { &known[..] } else { &known[..3] };
        choose("beta_schedule", self.beta_schedule.as_deref().unwrap_or(class.betas.2), known)
    }

    fn read(&self, class: &Class) -> Result<SchedulerConfig, String> {
        if let Some(word) = self.timestep_type.as_deref().filter(|_| class.reads(Member::Types)) {
            choose("timestep_type", word, &[("discrete", ()), ("continuous", ())])?;
        }
        let (beta_start, beta_end, _) = class.betas;
        let predictions = [
            ("epsilon", Prediction::Epsilon),
            ("v_prediction", Prediction::Velocity),
            ("sample", Prediction::Sample),
            // A note says that it is not followed.
            ("flow_prediction", Prediction::Epsilon),
        ];
        let predictions = if class.reads(Member::Flow) { &predictions[..] } else { &predictions[..3] };
        let spacing = self.timestep_spacing.as_deref().filter(|_| class.reads(Member::Spacing));
        let ends = class.reads(Member::CurveEnds);
        Ok(SchedulerConfig {
            num_train_timesteps: self.num_train_timesteps.unwrap_or(1000),
            beta_start: self.beta_start.unwrap_or(beta_start),
            beta_end: self.beta_end.unwrap_or(beta_end),
            beta_schedule: self.beta_schedule(class)?,
            trained_betas: self.trained_betas.clone(),
            zero_terminal_snr: self.rescale_betas_zero_snr == Some(true) && class.reads(Member::ZeroSnr),
            timestep_spacing: spacing.map_or(Ok(class.spacing), |word| {
                choose("timestep_spacing", word, &TimestepSpacing::WORDS)
            })?,
            steps_offset: self.steps_offset.filter(|_| class.reads(Member::Spacing)).unwrap_or(0),
            grid: match class.grid {
                Grid::Origin(usual) => Grid::Origin(self.original_inference_steps.unwrap_or(usual)),
                grid => grid,
            },
            sigmas: self.sigmas(class)?,
            sigma_ends: match ends {
                true if class.reads(Member::Edm) => {
                    (self.sigma_min.or(Some(0.002)), self.sigma_max.or(Some(80.0)))
                }
                true => (self.sigma_min, self.sigma_max),
                false => (None, None),
            },
            last_level: self.last_level(class)?,
            prediction: choose(
                "prediction_type",
                self.prediction_type.as_deref().unwrap_or("epsilon"),
                predictions,
            )?,
            sigma_data: self.sigma_data(class),
            solver: self.solver(class),
            replaced: None,
            undone: self.undone(class),
        })
    }

    /// The deviation of latents, where noise is counted as EDM does. Euler's class does so only for a UNet that predicts v.
    fn sigma_data(&self, class: &Class) -> Option<f32> {
        let is_velocity = self.prediction_type.as_deref() == Some("v_prediction");
        let is_continuous = self.timestep_type.as_deref() == Some("continuous") && class.reads(Member::Types);
        match class.reads(Member::Edm) {
            true => Some(self.sigma_data.unwrap_or(0.5)),
            false => (is_continuous && is_velocity).then_some(1.0),
        }
    }

    /// The class's sampler with what the file says of it; Euler's method for a class that nothing here draws as.
    fn solver(&self, class: &Class) -> Solver {
        let is_sde = self.algorithm_type.as_deref().is_some_and(|word| word.starts_with("sde"));
        let sampler = match class.sampler.unwrap_or(SamplerName::Euler) {
            SamplerName::Dpmpp2m if is_sde => SamplerName::Dpmpp2mSde,
            sampler => sampler,
        };
        Solver {
            lower_order_final: self.lower_order_final.unwrap_or(true),
            runge_kutta: class.reads(Member::RungeKutta) && self.skip_prk_steps == Some(false),
            ..Solver::new(sampler)
        }
    }

    fn sigmas(&self, class: &Class) -> Result<Sigmas, String> {
        if class.reads(Member::Edm) {
            let word = self.sigma_schedule.as_deref().unwrap_or("karras");
            let known = [("karras", Sigmas::Karras), ("exponential", Sigmas::Exponential)];
            return choose("sigma_schedule", word, &known);
        }
        let flags = [
            (self.use_karras_sigmas, Sigmas::Karras),
            (self.use_exponential_sigmas, Sigmas::Exponential),
            (self.use_beta_sigmas, Sigmas::Beta),
        ];
        let set = flags.into_iter().find(|(flag, _)| *flag == Some(true) && class.reads(Member::Curves));
        Ok(set.map_or(Sigmas::Model, |(_, sigmas)| sigmas))
    }

    fn last_level(&self, class: &Class) -> Result<LastLevel, String> {
        let words = [("zero", LastLevel::Zero), ("sigma_min", LastLevel::Cleanest)];
        match (self.final_sigmas_type.as_deref(), self.set_alpha_to_one) {
            (Some(word), _) if class.reads(Member::LastLevel) => choose("final_sigmas_type", word, &words),
            (_, Some(true)) if class.reads(Member::AlphaOne) => Ok(LastLevel::Zero),
            (_, Some(false)) if class.reads(Member::AlphaOne) => Ok(LastLevel::Cleanest),
            _ => Ok(class.last),
        }
    }

    /// What the file asks for and is not done, and what is done instead.
    fn undone(&self, class: &Class) -> Vec<(&'static str, &'static str)> {
        let interpolation = self.interpolation_type.as_deref().is_some_and(|word| word != "linear");
        let algorithm = self.algorithm_type.as_deref().is_some_and(|word| !word.ends_with("solver++"));
        let order = self.solver_order.is_some_and(|order| order != 2);
        let heun = self.solver_type.as_deref().is_some_and(|word| word != "midpoint");
        let lu = self.use_lu_lambdas == Some(true);
        let plain = "the plain levels are used";
        // Only a cosine of β reaches noise that others clip.
        let clips =
            self.lambda_min_clipped.is_some() && self.beta_schedule.as_deref() == Some("squaredcos_cap_v2");
        let euler =
            self.euler_at_final == Some(true) && self.final_sigmas_type.as_deref() == Some("sigma_min");
        let other_form = self.solver_type.as_deref().is_some_and(|word| word == "bh1");
        let uncorrected = self.disable_corrector.as_ref().is_some_and(|steps| !steps.is_empty());
        let flow = self.use_flow_sigmas == Some(true);
        let predicts_flow = self.prediction_type.as_deref() == Some("flow_prediction");
        let undone = [
            ("use_flow_sigmas", Member::Flow, flow, "pictures of a flow matching model will be noise"),
            ("prediction_type", Member::Flow, predicts_flow, "the UNet is taken to predict epsilon"),
            ("rho", Member::Edm, self.rho.is_some_and(|rho| rho != 7.0), "7 is used"),
            ("algorithm_type", Member::Dpm, algorithm, "DPM-Solver++ is used"),
            ("solver_order", Member::Dpm, order, "order 2 is used"),
            ("solver_type", Member::Dpm, heun, "the midpoint form is used"),
            ("use_lu_lambdas", Member::Dpm, lu, plain),
            ("euler_at_final", Member::Dpm, euler, "the last step has the order of the others"),
            ("lambda_min_clipped", Member::Dpm, clips, "no level is left out"),
            ("solver_order", Member::UniPc, order, "order 2 is used"),
            ("solver_type", Member::UniPc, other_form, "its form bh2 is used"),
            ("predict_x0", Member::UniPc, self.predict_x0 == Some(false), "the form on x₀ is used"),
            ("disable_corrector", Member::UniPc, uncorrected, "every step is corrected"),
            ("interpolation_type", Member::Types, interpolation, plain),
            ("clip_sample", Member::Clip, self.clip_sample.unwrap_or(class.clips), "nothing is clipped"),
            ("thresholding", Member::Threshold, self.thresholding == Some(true), "nothing is clipped"),
        ];
        let undone = undone.into_iter().filter(|(_, member, set, _)| *set && class.reads(*member));
        undone.map(|(field, _, _, instead)| (field, instead)).collect()
    }
}

/// The choice that a word names, or a sentence with the words that are known.
fn choose<T: Copy>(field: &str, word: &str, known: &[(&str, T)]) -> Result<T, String> {
    known.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("`{field}` is \"{word}\"; supported are {}", names.join(", "))
    })
}
