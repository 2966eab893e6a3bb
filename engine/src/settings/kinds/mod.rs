//! The table of few-step models: the words by which each kind is recognised, and its settings.

mod known;

use super::names::Words;
use crate::schedule::{Grid, Prediction, SamplerName, SchedulerConfig, TimestepSpacing};
use known::{
    HYPER, beside, beside_kind, is_dmd, is_few, is_hyper, is_lcm, is_lightning, is_lora, is_nitro, is_pcm,
    is_perflow, is_tcd, is_turbo, label,
};

/// Guidance of the few distilled models that were made for it.
const GUIDED: f32 = 5.0;

/// A kind of models.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Whether a name is that of such a model.
    known: fn(&Words) -> bool,
    /// The word behind which a mere number is one of steps; that of DMD2 is its own.
    word: Option<&'static str>,
    /// Where the name does not say how many.
    steps: usize,
    /// Mostly none.
    guidance: f32,
    /// Its sampler, unless its folder names another than SDXL's own.
    sampler: SamplerName,
    /// Number of levels that it was distilled at, of which every n-th is used; others use trailing levels.
    origin: Option<usize>,
    /// What differs with a single step.
    one_step: OneStep,
}

/// How the one-step model of a kind is drawn.
#[derive(Debug, Clone, Copy)]
enum OneStep {
    /// As the others.
    AsOthers,
    /// It predicts the picture: at σ = 14.6 the error of a prediction of ε would be multiplied by 14.6.
    Picture,
    /// It was distilled at this level.
    From(usize),
}

/// Every kind, in the order in which names are asked for them.
static KINDS: [Kind; 13] = [
    Kind {
        name: "Lightning",
        known: is_lightning,
        word: Some("lightning"),
        one_step: OneStep::Picture,
        ..FEW
    },
    Kind { name: "Turbo", known: is_turbo, word: Some("turbo"), sampler: SamplerName::EulerAncestral, ..FEW },
    Kind {
        name: "Hyper-SD",
        known: is_hyper,
        word: Some(HYPER),
        sampler: SamplerName::Ddim,
        one_step: OneStep::From(800),
        ..FEW
    },
    Kind { name: "DMD2", known: is_dmd, sampler: SamplerName::Lcm, one_step: OneStep::From(399), ..FEW },
    Kind {
        name: "TCD",
        known: is_tcd,
        word: Some("tcd"),
        sampler: SamplerName::Tcd,
        origin: Some(50),
        ..FEW
    },
    Kind {
        name: "LCM",
        known: is_lcm,
        word: Some("lcm"),
        sampler: SamplerName::Lcm,
        origin: Some(50),
        ..FEW
    },
    Kind { name: "PCM", known: is_pcm, word: Some("pcm"), ..FEW },
    Kind { name: "TDD", known: |words| label(words, "tdd"), word: Some("tdd"), ..FEW },
    Kind { name: "PeRFlow", known: is_perflow, ..FEW },
    Kind { name: "NitroSD", known: is_nitro, ..FEW },
    // Two of the same name: a checkpoint with a little guidance, and merges with the other one's LoRA.
    Kind {
        name: "SDXL-Flash",
        known: |words| words.have(&["sdxl", "flash"]),
        steps: 8,
        guidance: 3.0,
        ..FEW
    },
    Kind { name: "Flash", known: |words| beside(words, "flash"), sampler: SamplerName::Lcm, ..FEW },
    FEW,
];

/// The defaults of all of them; also the kind of a name that only states a small number of steps.
const FEW: Kind = Kind {
    name: "few steps",
    known: is_few,
    word: None,
    steps: 4,
    guidance: super::UNGUIDED,
    sampler: SamplerName::Euler,
    origin: None,
    one_step: OneStep::AsOthers,
};

/// What a name says about the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) kind: &'static Kind,
    pub(super) steps: usize,
    /// Whether the name states the number of steps.
    pub(super) stated: bool,
    pub(super) guidance: f32,
    /// What the UNet predicts, where this kind decides it.
    pub(super) prediction: Option<Prediction>,
}

impl Kind {
    /// Whether a name is that of such a model, in any of its readings.
    fn is_in(&self, readings: &[Words]) -> bool {
        readings.iter().any(|words| (self.known)(words))
    }

    /// The number of steps that a name of this kind states.
    fn stated(&self, words: &Words) -> Option<usize> {
        let behind = || words.steps_behind(self.word?);
        words.steps().or_else(|| beside_kind(words)).or_else(behind).or_else(|| words.short_steps())
    }
}

impl Found {
    /// What a text says; nothing where it is about a LoRA.
    pub(super) fn of(words: &Words) -> Option<Self> {
        if is_lora(words) {
            return None;
        }
        Self::even_of_lora(words)
    }

    /// The same, also for the name of a LoRA: a file that opened as a UNet is not one, and a model is drawn as the LoRA
    /// that was merged into it.
    pub(super) fn even_of_lora(words: &Words) -> Option<Self> {
        let readings = words.readings();
        let kind = KINDS.iter().find(|kind| kind.is_in(&readings))?;
        let stated = readings.iter().find_map(|words| kind.stated(words));
        let steps = stated.unwrap_or(kind.steps);
        let picture = matches!(kind.one_step, OneStep::Picture) && (steps == 1 || words.have(&["x", "0"]));
        // “Small” guidance is up to 2, and none does as well.
        let guided = ["Hyper-SD", "PCM"].contains(&kind.name)
            && words.words.iter().any(|word| word.ends_with("cfg") && word != "smallcfg");
        Some(Self {
            kind,
            steps,
            stated: stated.is_some(),
            guidance: if guided { GUIDED } else { kind.guidance },
            prediction: picture.then_some(Prediction::Sample),
        })
    }

    /// The same for words that may be about other models too, such as a folder's name: they must name one kind only, and
    /// not deny it. `turbo and lightning` is a collection.
    pub(super) fn surely(words: &Words) -> Option<Self> {
        const DOUBTS: [&str; 9] = ["and", "or", "vs", "not", "no", "non", "without", "than", "unlike"];
        let readings = words.readings();
        // Every SDXL-Flash is also called as a Flash is.
        let kinds = KINDS.iter().filter(|kind| kind.name != "Flash" && kind.is_in(&readings));
        let several = kinds.filter(|kind| kind.name != FEW.name).count() > 1;
        let doubted = DOUBTS.iter().any(|word| words.has(word));
        Self::of(words).filter(|_| !several && !doubted)
    }

    /// The model's schedule: this kind's levels, and the rest from `scheduler`.
    pub(super) fn schedule(self, scheduler: SchedulerConfig) -> SchedulerConfig {
        let own = scheduler.grid;
        let is_plain = scheduler.solver.sampler == SamplerName::Euler;
        let scheduler = if is_plain { scheduler.sampled(self.kind.sampler) } else { scheduler };
        let scheduler = scheduler.spaced(TimestepSpacing::Trailing);
        let grid = match (self.kind.one_step, self.kind.origin, own) {
            (OneStep::From(level), ..) if self.steps == 1 => Grid::From(level),
            // The model's own file knows at how many levels it was distilled.
            (_, Some(_), Grid::Origin(levels)) => Grid::Origin(levels),
            (_, Some(levels), _) => Grid::Origin(levels),
            (_, None, _) => scheduler.grid,
        };
        SchedulerConfig { grid, ..scheduler }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Option<(&'static str, usize, f32)> {
        Found::of(&Words::of(name)).map(|found| (found.kind.name, found.steps, found.guidance))
    }

    #[test]
    fn models_are_known_by_the_words_in_their_names_in_any_order_and_spelling() {
        let known = [
            ("RealVisXL_V4.0_Lightning", "Lightning", 4),
            ("juggernautXL_v9Rdphoto2Lightning", "Lightning", 4),
            ("realvisxlV40_v40LightningBakedvae", "Lightning", 4),
            ("dreamshaperXL_lightningDPMSDE", "Lightning", 4),
            ("sdxl_lightning_4step", "Lightning", 4),
            ("sdxl_lightning_8step_unet", "Lightning", 8),
            ("SDXL-Lightning-2step.fp16", "Lightning", 2),
            ("SDXL Lightning 8 steps", "Lightning", 8),
            ("8steps lightning merge", "Lightning", 8),
            ("REALVISXLLIGHTNING", "Lightning", 4),
            ("lightningxl", "Lightning", 4),
            ("DreamShaperXL_Turbo_v2_1", "Turbo", 4),
            ("dreamshaperXL_v21TurboDPMSDE", "Turbo", 4),
            ("sd_xl_turbo_1.0_fp16", "Turbo", 4),
            ("turbovisionxlSuperFastXL_tvxlV431", "Turbo", 4),
            ("sdxl-turbo", "Turbo", 4),
            ("Hyper-SDXL-1step-Unet", "Hyper-SD", 1),
            ("hypersdxl_8steps", "Hyper-SD", 8),
            ("juggernautXL_juggXByRdnHyper", "Hyper-SD", 4),
            ("epicrealismXL_vxiAbeast4SHyper", "Hyper-SD", 4),
            ("realismHyper_6step", "Hyper-SD", 6),
            ("lcm-sdxl", "LCM", 4),
            ("LCM_RealVis", "LCM", 4),
            ("sdxlLCM_8step", "LCM", 8),
            ("dmd2_sdxl_4step_unet_fp16", "DMD2", 4),
            ("myModelDMD2", "DMD2", 4),
            ("tcd_merge", "TCD", 4),
            ("pcm_sdxl_smallcfg_2step", "PCM", 2),
            ("flash-sdxl", "Flash", 4),
            ("SDXL-Flash", "SDXL-Flash", 8),
            ("floraXL_lightning", "Lightning", 4),
            ("explorationTurboXL", "Turbo", 4),
            ("myModel_4-step", "few steps", 4),
            ("RealVisXL_V4.0_LIGHTNINGv2", "Lightning", 4),
            ("LIGHTNINGv2_8step", "Lightning", 8),
            ("TURBOsdxl", "Turbo", 4),
            ("LCMsdxl", "LCM", 4),
            ("HYPERsdxl", "Hyper-SD", 4),
            ("sdxlDMDv2", "DMD2", 4),
            ("modelTURBOv3", "Turbo", 4),
            ("8STEPLIGHTNING", "Lightning", 8),
            ("8stepturbo", "Turbo", 8),
            ("realvisXL8steplightning", "Lightning", 8),
            ("lightning8", "Lightning", 8),
            ("Lightning-8", "Lightning", 8),
            ("RealVis_Lightning-8.fp16", "Lightning", 8),
            ("LCM-8", "LCM", 8),
            ("hyper8", "Hyper-SD", 8),
            ("RealVis_Lightning_2.0", "Lightning", 4),
            ("turbo-8k", "Turbo", 4),
            ("albedobaseXL_v3Mini_8s", "few steps", 8),
            ("nitrosd-realism_unet", "NitroSD", 4),
            ("NitroSD_Vibrant", "NitroSD", 4),
            ("perflow-sdxl-dreamshaper", "PeRFlow", 4),
            ("PeRFlow_SDXL", "PeRFlow", 4),
            ("sdxl_tdd", "TDD", 4),
            ("Latent Consistency SDXL", "LCM", 4),
            ("trajectory_consistency", "TCD", 4),
            ("distribution_matching", "DMD2", 4),
        ];
        for (name, kind, steps) in known {
            let got = found(name).map(|(kind, steps, _)| (kind, steps));
            assert_eq!(got, Some((kind, steps)), "{name}: {:?}", Words::of(name).words);
        }
    }

    #[test]
    fn other_names_and_loras_are_of_no_kind() {
        let others = [
            "sdxl_lightning_4step_lora",
            "LCM-LoRA-sdxl",
            "lcmlora_turbo",
            "Hyper-SDXL-8steps-CFG-lora",
            "sd_xl_base_1.0",
            "pyramid_lightning_bolt",
            "LightningStormXL",
            "turbochargedXL",
            "hyperrealismXL_v3",
            "HyperReal XL",
            "hyper_detailed_xl",
            "calcmodel",
            "flashlight",
            "my_sdxl_epoch4-step2000",
            "anime_30steps",
            "step_4000",
            "LightningMcQueen",
            "LIGHTNING_Storm",
            "TurboCharged_XL",
            "SuperFlowXL",
            "nitrous_xl",
            "iphone5s",
            "juggernautXL_v9Rdphoto2",
            "",
        ];
        for name in others {
            assert_eq!(found(name), None, "{name}: {:?}", Words::of(name).words);
        }
    }

    #[test]
    fn few_of_them_were_made_to_be_guided() {
        assert_eq!(found("Hyper-SDXL-8steps-CFG").unwrap().2, GUIDED);
        assert_eq!(found("pcm_sdxl_normalcfg_8step").unwrap().2, GUIDED);
        assert_eq!(found("SDXL-Flash").unwrap().2, 3.0);
        assert_eq!(found("sdxl_lightning_8step_cfg").unwrap().2, super::super::UNGUIDED);
        let merged = Words::of("sd_xl_base_1.0, sdxl_lightning_4step_lora");
        assert_eq!(Found::even_of_lora(&merged).unwrap().kind.name, "Lightning");
    }

    #[test]
    fn one_step_models_begin_where_they_were_distilled() {
        let schedule = |name: &str| Found::of(&Words::of(name)).unwrap().schedule(SchedulerConfig::sdxl());
        assert_eq!(schedule("Hyper-SDXL-1step-Unet").grid, Grid::From(800));
        assert_eq!(schedule("dmd2_sdxl_1step_unet").grid, Grid::From(399));
        assert_eq!(schedule("sdxl_lightning_1step_x0").grid, Grid::Continuous);
        assert_eq!(schedule("lcm-sdxl").grid, Grid::Origin(50));
        assert_eq!(schedule("sdxl-turbo").timestep_spacing, TimestepSpacing::Trailing);
        assert_eq!(schedule("dmd2_sdxl_4step_unet").grid, Grid::Whole);
        let sampler = |name: &str| schedule(name).solver.sampler.word();
        let names =
            ["sdxl_lightning_4step", "sdxl-turbo", "dmd2_sdxl_4step", "lcm-sdxl", "tcd_merge", "hyper8"];
        assert_eq!(names.map(sampler), ["euler", "euler-a", "lcm", "lcm", "tcd", "ddim"]);
    }
}
