//! diffusers' classes of schedulers: their default values, and the members that each of them reads.
//!
//! A class mostly stands for a sampler, which is a matter of taste; noise levels and prediction type belong to the
//! model. Tests compare this table with what diffusers does with every class.

use super::solver::SamplerName;
use super::{Grid, LastLevel, TimestepSpacing};

/// Members beyond those that every class has, by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// `timestep_spacing`, `steps_offset`
    Spacing,
    /// `use_karras_sigmas`, `use_exponential_sigmas`, `use_beta_sigmas`
    Curves,
    /// `algorithm_type`, `solver_order`, `solver_type`, `lower_order_final`, `euler_at_final`, `use_lu_lambdas`,
    /// `lambda_min_clipped`
    Dpm,
    /// `solver_order`, `solver_type`, `predict_x0`, `disable_corrector`
    UniPc,
    /// `skip_prk_steps`
    RungeKutta,
    /// `sigma_min`, `sigma_max`
    CurveEnds,
    /// `use_flow_sigmas`
    Flow,
    /// `interpolation_type`, `timestep_type`
    Types,
    /// `final_sigmas_type`
    LastLevel,
    /// `rescale_betas_zero_snr`
    ZeroSnr,
    /// `set_alpha_to_one`
    AlphaOne,
    /// `clip_sample`
    Clip,
    /// `thresholding`
    Threshold,
    /// `beta_schedule` also `sigmoid` or `laplace`
    Shapes,
    /// `sigma_data`, `sigma_schedule`, `rho`
    Edm,
}

/// A class of schedulers.
#[derive(Debug)]
pub(super) struct Class {
    /// Without `Scheduler` at its end.
    pub(super) name: &'static str,
    /// What draws as it does, where anything here does.
    pub(super) sampler: Option<SamplerName>,
    pub(super) grid: Grid,
    /// Where the file does not say: `beta_start`, `beta_end`, `beta_schedule`.
    pub(super) betas: (f64, f64, &'static str),
    /// The same: `timestep_spacing`.
    pub(super) spacing: TimestepSpacing,
    /// The same: what is left after the last step.
    pub(super) last: LastLevel,
    /// The same: `clip_sample`.
    pub(super) clips: bool,
    pub(super) members: &'static [Member],
}

/// β of denoising diffusion as first published.
const FIRST: (f64, f64, &str) = (0.0001, 0.02, "linear");
/// β of latent diffusion, yet not in its form.
const LATENT: (f64, f64, &str) = (0.00085, 0.012, "linear");
/// β of latent diffusion.
const SCALED: (f64, f64, &str) = (0.00085, 0.012, "scaled_linear");

const EULER: Class = Class {
    name: "EulerDiscrete",
    sampler: Some(SamplerName::Euler),
    grid: Grid::Continuous,
    betas: FIRST,
    spacing: TimestepSpacing::Linspace,
    last: LastLevel::Zero,
    clips: false,
    members: &[
        Member::Spacing,
        Member::Curves,
        Member::CurveEnds,
        Member::Types,
        Member::LastLevel,
        Member::ZeroSnr,
    ],
};
const CURVED: Class = Class { sampler: None, members: &[Member::Spacing, Member::Curves], ..EULER };
const DPM: Class = Class { sampler: None, grid: Grid::OneMore, ..EULER };
const WHOLE: Class =
    Class { sampler: None, grid: Grid::Whole, spacing: TimestepSpacing::Leading, clips: true, ..EULER };
const DDIM: Class = Class {
    name: "DDIM",
    sampler: Some(SamplerName::Ddim),
    members: &[Member::Spacing, Member::ZeroSnr, Member::AlphaOne, Member::Clip, Member::Threshold],
    ..WHOLE
};
const DDPM: Class = Class {
    name: "DDPM",
    members: &[Member::Spacing, Member::ZeroSnr, Member::Clip, Member::Threshold, Member::Shapes],
    ..WHOLE
};
const CONSISTENCY: Class = Class {
    name: "LCM",
    sampler: Some(SamplerName::Lcm),
    grid: Grid::Origin(50),
    betas: SCALED,
    members: &[Member::ZeroSnr, Member::Clip, Member::Threshold],
    ..EULER
};

const EDM: Class = Class {
    name: "EDMEuler",
    spacing: TimestepSpacing::Leading,
    members: &[Member::Edm, Member::CurveEnds, Member::LastLevel],
    ..EULER
};

static CLASSES: [Class; 21] = [
    EULER,
    Class {
        name: "EulerAncestralDiscrete",
        sampler: Some(SamplerName::EulerAncestral),
        members: &[Member::Spacing, Member::ZeroSnr],
        ..EULER
    },
    EDM,
    Class {
        name: "EDMDPMSolverMultistep",
        sampler: Some(SamplerName::Dpmpp2m),
        members: &[Member::Edm, Member::CurveEnds, Member::LastLevel, Member::Dpm, Member::Threshold],
        ..EDM
    },
    Class { name: "LMSDiscrete", sampler: Some(SamplerName::Lms), ..CURVED },
    Class {
        name: "HeunDiscrete",
        sampler: Some(SamplerName::Heun),
        betas: LATENT,
        members: &[Member::Spacing, Member::Curves, Member::Clip],
        ..EULER
    },
    Class { name: "KDPM2Discrete", betas: LATENT, ..CURVED },
    Class { name: "KDPM2AncestralDiscrete", betas: LATENT, ..CURVED },
    Class { name: "DPMSolverSDE", betas: LATENT, ..CURVED },
    Class {
        name: "DPMSolverMultistep",
        sampler: Some(SamplerName::Dpmpp2m),
        members: &[
            Member::Spacing,
            Member::Curves,
            Member::Dpm,
            Member::Flow,
            Member::LastLevel,
            Member::ZeroSnr,
            Member::Threshold,
        ],
        ..DPM
    },
    Class {
        name: "DPMSolverSinglestep",
        members: &[Member::Curves, Member::Flow, Member::LastLevel, Member::Threshold],
        ..DPM
    },
    Class {
        name: "UniPCMultistep",
        sampler: Some(SamplerName::UniPc),
        members: &[
            Member::Spacing,
            Member::Curves,
            Member::UniPc,
            Member::CurveEnds,
            Member::Flow,
            Member::LastLevel,
            Member::ZeroSnr,
            Member::Threshold,
        ],
        ..DPM
    },
    Class {
        name: "DEISMultistep",
        last: LastLevel::Cleanest,
        members: &[Member::Spacing, Member::Curves, Member::Flow, Member::Threshold],
        ..DPM
    },
    Class {
        name: "SASolver",
        last: LastLevel::Cleanest,
        members: &[Member::Spacing, Member::Curves, Member::Flow, Member::Threshold],
        ..DPM
    },
    DDIM,
    Class { name: "DDIMParallel", ..DDIM },
    DDPM,
    Class { name: "DDPMParallel", ..DDPM },
    Class {
        name: "PNDM",
        sampler: Some(SamplerName::Pndm),
        last: LastLevel::Cleanest,
        clips: false,
        members: &[Member::Spacing, Member::AlphaOne, Member::RungeKutta],
        ..WHOLE
    },
    CONSISTENCY,
    Class { name: "TCD", sampler: Some(SamplerName::Tcd), last: LastLevel::Cleanest, ..CONSISTENCY },
];

impl Class {
    /// The class of this name; `None` where it is not known.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let name = name.strip_suffix("Scheduler").unwrap_or(name);
        CLASSES.iter().find(|class| class.name == name)
    }

    /// The class that a sampler comes from.
    pub(super) fn of(sampler: SamplerName) -> &'static Self {
        Self::named(sampler.class()).unwrap_or(Self::euler())
    }

    /// What a file of an unknown class, or of none, is read as.
    pub(super) fn euler() -> &'static Self {
        &CLASSES[0]
    }

    pub(super) fn reads(&self, member: Member) -> bool {
        self.members.contains(&member)
    }
}

/// What a class of schedulers is made for that is no SDXL model, to stand behind its name.
pub(super) fn foreign(name: &str) -> Option<&'static str> {
    let kinds = [
        ("Flow", "flow matching"),
        ("CosineDPM", "noise levels in angles"),
        ("CMStochastic", "consistency models without latents"),
        ("SCM", "noise levels in angles"),
        ("ScoreSde", "score models without latents"),
        ("KarrasVe", "score models without latents"),
        ("VQDiffusion", "quantised latents"),
        ("UnCLIP", "embeddings of pictures"),
    ];
    kinds.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, why)| why)
}
