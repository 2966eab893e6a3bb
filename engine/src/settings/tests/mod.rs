//! What is deduced of a model, and what requests change of it.

mod effect;
mod loras;
mod metadata;

use super::*;
use crate::schedule::Prediction;
use crate::weights::About;

fn choose(clues: &Clues, steps: Option<usize>, guidance: Option<Guidance>) -> Settings {
    let request = Request { steps, guidance, ..Request::default() };
    Settings::choose(clues, &Request::default(), &request).unwrap()
}

fn file(name: &str) -> Clues {
    Clues { path: name.into(), ..Clues::default() }
}

fn folder(name: &str, scheduler: SchedulerConfig) -> Clues {
    Clues { scheduler: Some(scheduler), ..file(name) }
}

fn laid(name: &str, scheduler: SchedulerConfig) -> Clues {
    Clues { is_laid: true, ..folder(name, scheduler) }
}

pub(super) fn marked(about: About) -> Settings {
    choose(&Clues { about, ..file("model.safetensors") }, None, None)
}

fn trailing() -> SchedulerConfig {
    SchedulerConfig { timestep_spacing: TimestepSpacing::Trailing, ..SchedulerConfig::sdxl() }
}

fn velocity() -> SchedulerConfig {
    SchedulerConfig { prediction: Prediction::Velocity, ..SchedulerConfig::sdxl() }
}

fn told(settings: &Settings) -> Vec<String> {
    settings.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_distilled_file_is_drawn_as_it_was_made_to_be_and_the_line_says_why() {
    for (name, sampler) in [
        ("RealVisXL_V4.0_Lightning.safetensors", SamplerName::Euler),
        ("juggernautXL_v9Rdphoto2Lightning.safetensors", SamplerName::Euler),
        ("DreamShaperXL_Turbo_v2_1.safetensors", SamplerName::EulerAncestral),
        ("Hyper-SDXL-4steps.safetensors", SamplerName::Ddim),
        ("dmd2_sdxl_4step_unet_fp16.safetensors", SamplerName::Lcm),
    ] {
        let settings = choose(&file(name), None, None);
        assert_eq!((settings.steps, settings.guided(), settings.distilled), (4, false, true), "{name}");
        let trailing = SchedulerConfig::sdxl().sampled(sampler).spaced(TimestepSpacing::Trailing);
        assert_eq!(settings.scheduler, trailing, "{name}");
        let name = name.trim_end_matches(".safetensors");
        assert!(settings.line().contains(&format!("by its name `{name}`")), "{}", settings.line());
        assert_eq!(settings.warnings, []);
    }
    let line = choose(&file("SDXL Lightning 8 steps.safetensors"), None, None).line();
    assert_eq!(
        line,
        "8 steps without guidance on trailing timesteps, predicting epsilon: Lightning, by its name `SDXL Lightning 8 steps`"
    );
}

#[test]
fn lightning_laid_over_a_base_decides_by_its_name() {
    let zero = SchedulerConfig { zero_terminal_snr: true, ..velocity() };
    for base in [SchedulerConfig::sdxl(), velocity(), zero] {
        let settings = choose(&laid("sdxl_lightning_1step_unet_x0.safetensors", base.clone()), None, None);
        assert_eq!((settings.steps, settings.guidance, settings.guided()), (1, 1.0, false));
        assert_eq!(settings.scheduler, SchedulerConfig { prediction: Prediction::Sample, ..trailing() });
        let settings = choose(&laid("sdxl_lightning_4step_unet.safetensors", base), None, None);
        assert_eq!(settings.scheduler, trailing());
        assert_eq!(settings.warnings, []);
    }
}

#[test]
fn a_folder_called_by_a_kind_has_its_steps_and_levels_and_the_folders_own_prediction() {
    let settings = choose(&folder("RealVisXL_V4.0_Lightning", velocity()), None, None);
    assert_eq!((settings.steps, settings.distilled), (4, true));
    assert_eq!(settings.scheduler, SchedulerConfig { prediction: Prediction::Velocity, ..trailing() });
    let own = SchedulerConfig { grid: Grid::Origin(25), ..SchedulerConfig::sdxl() };
    assert_eq!(choose(&folder("lcm-model", own), None, None).scheduler.grid, Grid::Origin(25));
}

#[test]
fn a_folders_schedule_decides_where_its_name_says_nothing() {
    let settings = choose(&folder("models/sdxl", SchedulerConfig::sdxl()), None, None);
    assert_eq!((settings.steps, settings.guidance, settings.distilled), (30, 5.0, false));
    let settings = choose(&folder("models/demo", trailing()), Some(8), None);
    assert_eq!((settings.steps, settings.guided(), settings.distilled), (8, false, true));
    assert_eq!(settings.warnings, []);
    let sample = SchedulerConfig { prediction: Prediction::Sample, ..trailing() };
    assert_eq!(choose(&folder("models/demo", sample), None, None).steps, 1);
    let lcm = SchedulerConfig { grid: Grid::Origin(50), ..SchedulerConfig::sdxl() };
    assert_eq!(choose(&folder("models/x", lcm), None, None).steps, 4);
    // Models in v form are saved with trailing levels without being distilled.
    let v = SchedulerConfig { prediction: Prediction::Velocity, ..trailing() };
    let settings = choose(&folder("models/v", v), None, Some(Guidance::Suggested(7.0)));
    assert_eq!((settings.steps, settings.guidance, settings.distilled), (30, 7.0, false));
}

#[test]
fn a_file_of_which_nothing_is_known_is_like_sdxl_base() {
    let base = choose(&file("sd_xl_base_1.0.safetensors"), None, None);
    assert_eq!((base.steps, base.guidance, &base.scheduler), (30, 5.0, &SchedulerConfig::sdxl()));
    assert!(base.line().contains("like SDXL base"), "{}", base.line());
    assert_eq!((base.side, base.made_for, base.distilled), (None, None, false));
}

#[test]
fn turbo_itself_is_drawn_at_its_own_size_and_what_was_merged_with_it_is_not() {
    assert_eq!(choose(&file("sd_xl_turbo_1.0_fp16.safetensors"), None, None).side, Some(512));
    assert_eq!(choose(&file("sdxl-turbo.safetensors"), None, None).side, Some(512));
    assert_eq!(choose(&file("DreamShaperXL_Turbo_v2_1.safetensors"), None, None).side, None);
}

#[test]
fn marks_in_the_file_outweigh_its_folder_and_its_name() {
    let noob = marked(About::default().marked("v_pred").marked("ztsnr"));
    let v = SchedulerConfig { prediction: Prediction::Velocity, zero_terminal_snr: true, ..trailing() };
    assert_eq!((noob.scheduler.clone(), noob.steps, noob.guidance), (v, 30, 5.0));
    let line = noob.line();
    assert!(line.contains("by the mark `v_pred`") && line.contains("by the mark `ztsnr`"), "{line}");
    // With a prefix, as some tools write it.
    let prefixed = About::default().marked("model.diffusion_model.v_pred");
    assert_eq!(marked(prefixed.clone()).scheduler, velocity());
    let inside = Clues { about: prefixed, ..folder("models/eps", SchedulerConfig::sdxl()) };
    assert_eq!(choose(&inside, None, None).scheduler, velocity());
    let epsilon = About::default().saying("modelspec.prediction_type", "epsilon");
    let named = Clues { about: epsilon, ..file("NoobAI-XL-Vpred-v1.0.safetensors") };
    assert_eq!(choose(&named, None, None).scheduler.prediction, Prediction::Epsilon);
    // Noise alone tells a UNet that answers with noise nothing.
    assert!(!marked(About::default().marked("ztsnr")).scheduler.zero_terminal_snr);
}

#[test]
fn words_of_trainers_and_mergers_are_read() {
    for (name, text) in [
        ("modelspec.prediction_type", "v"),
        ("modelspec.predict_key", "v"),
        ("modelspec.prediction_type", "v_prediction"),
        ("ss_v_parameterization", "True"),
    ] {
        let settings = marked(About::default().saying(name, text));
        assert_eq!(settings.scheduler.prediction, Prediction::Velocity, "{name}");
        assert!(settings.line().contains(&format!("`{name}`")), "{}", settings.line());
    }
    assert_eq!(
        marked(About::default().saying("ss_v_parameterization", "False")).scheduler,
        SchedulerConfig::sdxl()
    );
    let zero =
        About::default().saying("ss_v_parameterization", "True").saying("ss_zero_terminal_snr", "True");
    assert!(marked(zero).scheduler.zero_terminal_snr);
    for (name, text) in [
        ("modelspec.title", "RealVisXL V4.0 Lightning"),
        ("modelspec.merged_from", "sd_xl_base_1.0, sdxl_lightning_4step_lora"),
        (
            "sd_merge_recipe",
            r#"{"primary_model_name": "base", "secondary_model_name": "dreamshaperXL_lightning"}"#,
        ),
        ("ss_sd_model_name", "sdxl_lightning_4step.safetensors"),
    ] {
        let settings = marked(About::default().saying(name, text));
        assert_eq!((settings.steps, settings.distilled), (4, true), "{name}");
    }
    let lora = About::default().saying("modelspec.title", "Lightning LoRA");
    assert_eq!(marked(lora).steps, 30);
}

#[test]
fn names_speak_of_v_prediction() {
    for name in [
        "NoobAI-XL-Vpred-v1.0",
        "noobaiXLNAIXL_vPred10Version",
        "model_v_prediction",
        "x-v-pred",
        "xlVPRED",
        "XLVPREDv1",
        "noobvprediction",
    ] {
        let settings = choose(&file(&format!("{name}.safetensors")), None, None);
        assert_eq!(settings.scheduler.prediction, Prediction::Velocity, "{name}");
    }
    for name in ["model_vpred_ztsnr.safetensors", "XLVPREDZTSNRv1.safetensors"] {
        assert!(choose(&file(name), None, None).scheduler.zero_terminal_snr, "{name}");
    }
    assert_eq!(
        choose(&laid("x_vpred.safetensors", SchedulerConfig::sdxl()), None, None).scheduler,
        velocity()
    );
    // The folder's own word outweighs its name, and that is said.
    let settings = choose(&folder("NoobAI-XL-Vpred", SchedulerConfig::sdxl()), None, None);
    assert_eq!(settings.scheduler, SchedulerConfig::sdxl());
    assert!(told(&settings)[0].contains("--prediction v"), "{:?}", told(&settings));
    for name in ["noobaiXLNAIXL_epsilonPred11Version", "predator_v2", "v4_predictive"] {
        let settings = choose(&file(&format!("{name}.safetensors")), None, None);
        assert_eq!(settings.scheduler, SchedulerConfig::sdxl(), "{name}");
    }
}

#[test]
fn cosxl_is_drawn_by_its_mark_and_warned_of_by_its_name_alone() {
    let clues = |mark| Clues { about: About::default().marked(mark), ..file("x.safetensors") };
    let playground = clues("edm_mean");
    let error =
        Settings::choose(&playground, &Request::default(), &Request::default()).unwrap_err().to_string();
    assert!(error.contains("Playground") && error.contains("x.safetensors"), "{error}");
    let cosxl = choose(&clues("edm_vpred.sigma_max"), None, None);
    assert_eq!((cosxl.scheduler.sigma_data, cosxl.scheduler.prediction), (Some(1.0), Prediction::Velocity));
    assert!(cosxl.line().contains("by the mark `edm_vpred.sigma_max`"), "{}", cosxl.line());
    let settings = choose(&file("cosxl.safetensors"), None, None);
    assert!(told(&settings)[0].contains("CosXL"), "{:?}", told(&settings));
}

#[test]
fn what_does_not_suit_a_model_is_done_with_a_warning() {
    let file = file("sdxl_lightning_4step.safetensors");
    let settings = choose(&file, Some(6), Some(Guidance::Exactly(7.5)));
    assert_eq!((settings.steps, settings.guidance, settings.guided()), (6, 7.5, true));
    let warnings = told(&settings);
    assert!(warnings[0].contains("made for 4 steps; with --steps 6"), "{warnings:?}");
    assert!(warnings[1].contains("--guidance 7.5"), "{warnings:?}");
    // Elsewhere a CFG scale of 1 means no guidance.
    assert_eq!(choose(&file, Some(4), Some(Guidance::Exactly(1.0))).warnings, []);
    assert_eq!(choose(&file, None, Some(Guidance::Exactly(0.0))).guidance, 1.0);
}

#[test]
fn a_suggested_guidance_does_not_spoil_a_distilled_model_and_guides_another() {
    let suggested = Some(Guidance::Suggested(7.0));
    for clues in [file("RealVisXL_V4.0_Lightning.safetensors"), folder("models/demo", trailing())] {
        let settings = choose(&clues, None, suggested);
        assert_eq!((settings.guided(), settings.guidance), (false, 1.0));
        let warning = settings.warnings[0].named(|_| "`guidance_scale`".into());
        assert_eq!(warning, "this model was made to draw without guidance; `guidance_scale` 7 is not used");
    }
    let base = choose(&file("base.safetensors"), None, suggested);
    assert_eq!((base.guidance, base.warnings.len()), (7.0, 0));
    let hyper = choose(&file("Hyper-SDXL-8steps-CFG.safetensors"), None, suggested);
    assert_eq!((hyper.guidance, hyper.warnings.len()), (7.0, 0));
}

#[test]
fn what_an_operator_sets_is_usual_and_nobody_is_warned_of_it() {
    let usual = Request { steps: Some(6), guidance: Some(Guidance::Exactly(2.0)), ..Request::default() };
    let clues = file("sdxl_lightning_4step.safetensors");
    let settings = Settings::choose(&clues, &usual, &Request::default()).unwrap();
    assert_eq!((settings.steps, settings.guidance, settings.warnings.len()), (6, 2.0, 0));
    assert!(settings.line().ends_with("steps, guidance as the operator set"), "{}", settings.line());
    // A caller's suggestion still does not spoil it; their steps are theirs.
    let asked = Request { steps: Some(8), guidance: Some(Guidance::Suggested(7.0)), ..Request::default() };
    let settings = Settings::choose(&clues, &usual, &asked).unwrap();
    assert_eq!((settings.steps, settings.guidance), (8, 2.0));
    assert!(told(&settings)[0].contains("made for 6 steps"), "{:?}", told(&settings));
    assert!(
        told(&settings)[1].ends_with("guidance is 2 here; --guidance 7 is not used"),
        "{:?}",
        told(&settings)
    );
    let same = Request { guidance: Some(Guidance::Suggested(2.0)), ..Request::default() };
    assert_eq!(Settings::choose(&clues, &usual, &same).unwrap().warnings, []);
    assert!(Request { steps: Some(0), ..Request::default() }.validate().is_err());
}

#[test]
fn spacing_and_prediction_are_as_asked() {
    let asked = Request {
        spacing: Some(TimestepSpacing::Trailing),
        prediction: Some(Prediction::Sample),
        ..Request::default()
    };
    let settings = Settings::choose(&file("unknown.safetensors"), &Request::default(), &asked).unwrap();
    assert_eq!(settings.scheduler, SchedulerConfig { prediction: Prediction::Sample, ..trailing() });
    assert!(settings.line().ends_with("spacing, prediction as asked"), "{}", settings.line());
    let karras = SchedulerConfig { sigmas: Sigmas::Karras, grid: Grid::OneMore, ..SchedulerConfig::sdxl() };
    let settings = Settings::choose(&folder("x", karras), &Request::default(), &asked).unwrap();
    assert_eq!((settings.scheduler.sigmas, settings.scheduler.grid), (Sigmas::Model, Grid::OneMore));
}

#[test]
fn few_steps_that_miss_the_noisiest_levels_are_warned_of() {
    let warned = |clues: &Clues, steps| {
        let told = told(&choose(clues, Some(steps), None));
        told.iter().any(|told| told.contains("skip the noisiest levels; try --spacing trailing"))
    };
    let linspace = SchedulerConfig { timestep_spacing: TimestepSpacing::Linspace, ..SchedulerConfig::sdxl() };
    assert!(warned(&file("base.safetensors"), 4) && warned(&file("base.safetensors"), 1));
    assert!(!warned(&file("base.safetensors"), 20) && !warned(&file("x_lightning.safetensors"), 4));
    assert!(warned(&folder("x", linspace.clone()), 1) && !warned(&folder("x", linspace), 2));
    let many = choose(&file("x_lightning.safetensors"), Some(30), None);
    assert!(told(&many)[0].contains("made for few steps"), "{:?}", told(&many));
}

#[test]
fn more_steps_than_levels_are_refused() {
    let asked = Request { steps: Some(1001), ..Request::default() };
    let error =
        Settings::choose(&file("a.safetensors"), &Request::default(), &asked).unwrap_err().to_string();
    assert!(error.contains("--steps 1001") && error.contains("1 to 1000"), "{error}");
}

#[test]
fn a_schedule_of_few_levels_has_no_more_steps_than_that() {
    let few = SchedulerConfig { num_train_timesteps: 3, ..SchedulerConfig::sdxl() };
    for clues in [folder("models/x", few.clone()), folder("x_lightning", few)] {
        assert_eq!(choose(&clues, None, None).steps, 3, "{}", clues.path.display());
    }
}

#[test]
fn a_folders_name_counts_where_the_files_says_nothing() {
    for name in [
        "Lightning/sdxl.safetensors",
        "Lightning/model_v2.safetensors",
        "Lightning/unet.opt.safetensors",
        "x/sdxl-lightning/sd_xl_base_1.0.safetensors",
    ] {
        let settings = choose(&file(name), None, None);
        assert_eq!((settings.steps, settings.distilled), (4, true), "{name}");
        assert!(settings.line().contains("Lightning, by its folder's name `"), "{}", settings.line());
        assert!(choose(&laid(name, SchedulerConfig::sdxl()), None, None).distilled, "{name}");
    }
    for name in [
        "turbo and lightning/x.safetensors",
        "lightning_turbo/x.safetensors",
        "lightning loras/x.safetensors",
        "not-lightning/x.safetensors",
        ".turbo/x.safetensors",
        "lightning/Stable-diffusion/x.safetensors",
    ] {
        assert!(!choose(&file(name), None, None).distilled, "{name}");
    }
    assert!(!choose(&folder("lightning/realvis", SchedulerConfig::sdxl()), None, None).distilled);
    let turbo = choose(&file("lightning/x_turbo.safetensors"), None, None).line();
    assert!(turbo.contains("Turbo, by its name"), "{turbo}");
}

#[test]
fn names_are_read_where_a_model_is_and_messages_say_what_was_typed() {
    let place = Some("/models/sdxl-lightning-8step".into());
    let clues = Clues { place, ..folder(".", SchedulerConfig::sdxl()) };
    assert_eq!(choose(&clues, None, None).made_for, Some(8));
    let clues = Clues { about: About::default().marked("edm_mean"), ..clues };
    let error = Settings::choose(&clues, &Request::default(), &Request::default()).unwrap_err().to_string();
    assert!(!error.contains("/models"), "{error}");
}

#[test]
fn trailing_levels_of_the_base_or_of_models_in_v_form_are_no_distillation_of_the_unets() {
    let over = "by the trailing timesteps in the scheduler_config.json of the model that the UNet lies over";
    let line = choose(&laid("sd_xl_base_1.0.safetensors", trailing()), None, None).line();
    assert!(line.contains(over), "{line}");
    let lcm = SchedulerConfig { grid: Grid::Origin(50), ..SchedulerConfig::sdxl() };
    let marked = Clues { about: About::default().marked("v_pred"), ..folder("models/x", trailing()) };
    let v = "NoobAI-XL-Vpred-1.0.safetensors";
    for clues in [laid(v, trailing()), laid(v, lcm), marked] {
        let settings = choose(&clues, None, None);
        assert_eq!((settings.steps, settings.distilled), (30, false), "{}", settings.line());
        assert_eq!(settings.scheduler.prediction, Prediction::Velocity);
    }
}

#[test]
fn whole_models_are_what_the_loras_in_their_names_were_trained_for() {
    for name in [
        "Juggernaut_with_LCM_LoRA.safetensors",
        "realvisLightningLoraMerged.safetensors",
        "SDXL-Lightning-4step-LoRA-merged.safetensors",
    ] {
        assert!(choose(&file(name), None, None).distilled, "{name}");
    }
}
