//! Schedules against published tables and against what diffusers used in the goldens.

use std::path::{Path, PathBuf};

use fulmen_engine::schedule::{Prediction, Schedule, SchedulerConfig, TimestepSpacing};
use safetensors::SafeTensors;

fn lightning(steps: usize) -> Schedule {
    let config = SchedulerConfig { timestep_spacing: TimestepSpacing::Trailing, ..SchedulerConfig::sdxl() };
    Schedule::new(&config, steps).unwrap()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(tensors.tensor(name).unwrap().data())
}

/// Timesteps and σ of SDXL-Lightning under trailing spacing, and 0 at the end.
#[test]
fn lightnings_tables_are_met() {
    let tables: [(usize, &[(f32, f32)]); 4] = [
        (1, &[(999.0, 14.61465)]),
        (2, &[(999.0, 14.61465), (499.0, 1.61289)]),
        (4, &[(999.0, 14.61465), (749.0, 4.08173), (499.0, 1.61289), (249.0, 0.69321)]),
        (
            8,
            &[
                (999.0, 14.61465),
                (874.0, 7.29736),
                (749.0, 4.08173),
                (624.0, 2.49253),
                (499.0, 1.61289),
                (374.0, 1.06895),
                (249.0, 0.69321),
                (124.0, 0.39775),
            ],
        ),
    ];
    for (steps, table) in tables {
        let schedule = lightning(steps);
        for (i, (timestep, sigma)) in table.iter().enumerate() {
            assert_eq!(schedule.timesteps[i], *timestep, "timestep {i} of {steps}");
            let got = schedule.sigmas[i];
            assert!((got - sigma).abs() < 1e-5, "σ {i} of {steps} is {got}, not {sigma}");
        }
        assert_eq!(schedule.sigmas[steps], 0.0, "the last σ of {steps}");
        assert_eq!(schedule.init_noise_sigma, schedule.sigmas[0]);
    }
}

/// (scheduler's folder, golden file) of every golden in the repository.
fn goldens() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases: Vec<(PathBuf, PathBuf)> =
        ["sdxl_like", "odd_sizes", "x0_one_step", "epsilon_linspace_cfg"]
            .iter()
            .map(|case| root.join("fixtures/goldens").join(case))
            .map(|case| (case.join("scheduler"), case.join("golden.safetensors")))
            .collect();
    let demo = root.join("golden/demo");
    cases.extend(
        std::fs::read_dir(&demo)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
            .map(|path| (root.join("../models/demo/scheduler"), path)),
    );
    assert_eq!(cases.len(), 10, "every golden is there");
    cases
}

#[test]
fn every_goldens_timesteps_are_met_and_sigmas_to_the_last_bit() {
    for (folder, golden) in goldens() {
        let file = folder.join("scheduler_config.json");
        let config = SchedulerConfig::from_json(&read(&file), &file).unwrap();
        let bytes = read(&golden);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let timesteps = floats(&tensors, "timesteps");
        let schedule = Schedule::new(&config, timesteps.len()).unwrap();
        assert_eq!(schedule.timesteps, timesteps, "{}", golden.display());
        for (got, want) in schedule.sigmas.iter().zip(floats(&tensors, "sigmas")) {
            // torch's square root is one unit in the last place off now and then.
            let ulps = got.to_bits().abs_diff(want.to_bits());
            assert!(ulps <= 1, "σ {got} is not {want} in {}", golden.display());
        }
    }
}

#[test]
fn leading_starts_from_the_root_of_variance_plus_one() {
    let schedule = Schedule::new(&SchedulerConfig::sdxl(), 30).unwrap();
    let max = schedule.sigmas[0];
    assert_eq!(schedule.timesteps[..2], [958.0, 925.0]);
    assert!((schedule.init_noise_sigma - (max * max + 1.0).sqrt()).abs() < 1e-6);
}

#[test]
fn every_number_of_steps_falls_to_nought_and_has_its_length() {
    for spacing in [TimestepSpacing::Trailing, TimestepSpacing::Leading, TimestepSpacing::Linspace] {
        let config = SchedulerConfig { timestep_spacing: spacing, ..SchedulerConfig::sdxl() };
        for steps in 1..=1000 {
            let schedule = Schedule::new(&config, steps).unwrap();
            assert_eq!((schedule.steps(), schedule.sigmas.len()), (steps, steps + 1));
            let falls = schedule.sigmas.windows(2).all(|pair| pair[0] > pair[1]);
            // Leading with 1,000 steps asks for level 1,000, which numpy holds at 999.
            assert!(falls || (spacing == TimestepSpacing::Leading && steps == 1000), "{spacing:?} {steps}");
        }
    }
}

#[test]
fn settings_that_are_not_supported_are_named_with_their_file() {
    let cases = [
        (r#"{"beta_schedule": "sigmoid"}"#, "`beta_schedule` is \"sigmoid\"; supported are linear"),
        (
            r#"{"_class_name": "EDMEulerScheduler", "sigma_schedule": "even"}"#,
            "`sigma_schedule` is \"even\"; supported are karras, exponential",
        ),
        (r#"{"prediction_type": "flow"}"#, "`prediction_type` is \"flow\""),
        (r#"{"timestep_type": "other"}"#, "`timestep_type` is \"other\"; supported are discrete, continuous"),
        (
            r#"{"_class_name": "LCMScheduler", "original_inference_steps": 0}"#,
            "`original_inference_steps` is 0",
        ),
        (r#"{"trained_betas": [0.1, 0.2]}"#, "`trained_betas` has 2 numbers, `num_train_timesteps` is 1000"),
        (r#"{"sigma_min": -1.0}"#, "`sigma_min`"),
        (r#"{"num_train_timesteps": 0}"#, "`num_train_timesteps` is 0"),
        (r#"{"beta_start": 2.0}"#, "`beta_start` 2"),
        ("[]", "not a scheduler's settings"),
        ("{", "not a scheduler's settings"),
    ];
    for (json, want) in cases {
        let file = Path::new("model/scheduler/scheduler_config.json");
        let error = SchedulerConfig::from_json(json.as_bytes(), file).expect_err(json).to_string();
        let file = "model/scheduler/scheduler_config.json: ";
        assert!(error.starts_with(file) && error.contains(want), "{json} gives {error}");
    }
}

#[test]
fn what_is_absent_or_unknown_has_diffusers_defaults() {
    let json = br#"{"_class_name": "EulerDiscreteScheduler", "clip_sample": false, "skip_prk_steps": true}"#;
    let config = SchedulerConfig::from_json(json, Path::new("scheduler_config.json")).unwrap();
    assert_eq!(config.timestep_spacing, TimestepSpacing::Linspace);
    assert_eq!((config.beta_start, config.beta_end, config.prediction), (0.0001, 0.02, Prediction::Epsilon));
}

/// Every class that an SDXL folder is saved with, in its own file's words.
#[test]
fn every_class_of_schedulers_picks_the_levels_that_diffusers_picks() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schedules.json");
    let all: serde_json::Value = serde_json::from_slice(&read(&file)).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 119, "every case is there");
    let near = |got: f32, want: f64, tolerance: f64| {
        (f64::from(got) - want).abs() <= tolerance * want.abs().max(1e-3)
    };
    let numbers = |list: &serde_json::Value| -> Vec<f64> {
        list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    for case in cases {
        let (json, steps) = (case["file"].as_str().unwrap(), case["steps"].as_u64().unwrap() as usize);
        let config =
            SchedulerConfig::from_json(json.as_bytes(), &file).unwrap_or_else(|e| panic!("{json}: {e}"));
        let schedule = Schedule::new(&config, steps).unwrap();
        let told = format!("{:?}, {:?} of {steps} steps of {json}", schedule.timesteps, schedule.sigmas);
        for (got, want) in schedule.timesteps.iter().zip(numbers(&case["timesteps"])) {
            assert!(near(*got, want, 2e-6), "level {got} is not {want}: {told}");
        }
        // Roots and powers of other libraries are off by two units in the last place of f32; rescaled β go through
        // a root twice, with a difference of near numbers between.
        let tolerance = if config.zero_terminal_snr { 2e-6 } else { 2.5e-7 };
        for (got, want) in schedule.sigmas.iter().zip(numbers(&case["sigmas"])) {
            assert!(near(*got, want, tolerance), "σ {got} is not {want}: {told}");
        }
        let init = case["init"].as_f64().unwrap();
        assert!(near(schedule.init_noise_sigma, init, tolerance), "{init} was wanted: {told}");
        let drawn = ["Euler", "LMS", "Heun", "DPMSolverMulti", "UniPC", "DDIM", "PNDM", "LCM", "TCD"];
        let is_drawn = drawn.iter().any(|class| json.contains(&format!(r#"_class_name": "{class}"#)));
        let said = config
            .notes()
            .iter()
            .any(|note| note.to_string().contains("drawn with Euler over the same levels"));
        assert_eq!(said, !is_drawn, "{:?} of {json}", config.notes());
    }
}

#[test]
fn what_is_done_in_another_way_is_said_and_what_a_class_does_not_read_is_not() {
    let notes = |json: &str| -> Vec<String> {
        let config = SchedulerConfig::from_json(json.as_bytes(), Path::new("scheduler_config.json")).unwrap();
        config.notes().iter().map(ToString::to_string).collect()
    };
    let said = [
        (r#"{"interpolation_type": "log_linear"}"#, "`interpolation_type`"),
        (r#"{"_class_name": "DPMSolverMultistepScheduler", "use_lu_lambdas": true}"#, "`use_lu_lambdas`"),
        (r#"{"_class_name": "DPMSolverMultistepScheduler", "thresholding": true}"#, "`thresholding`"),
        (r#"{"_class_name": "DDIMScheduler"}"#, "`clip_sample`"),
        (
            r#"{"_class_name": "DPMSolverMultistepScheduler", "euler_at_final": true, "final_sigmas_type": "sigma_min"}"#,
            "`euler_at_final`",
        ),
        (
            r#"{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -5.1,
                "beta_schedule": "squaredcos_cap_v2"}"#,
            "`lambda_min_clipped`",
        ),
        (r#"{"_class_name": "UniPCMultistepScheduler", "solver_order": 3}"#, "`solver_order`"),
        (r#"{"_class_name": "UniPCMultistepScheduler", "solver_type": "bh1"}"#, "`solver_type`"),
        (r#"{"_class_name": "UniPCMultistepScheduler", "predict_x0": false}"#, "`predict_x0`"),
        (r#"{"_class_name": "UniPCMultistepScheduler", "disable_corrector": [0]}"#, "`disable_corrector`"),
        (r#"{"_class_name": "MyScheduler"}"#, "MyScheduler, is unknown"),
    ];
    for (json, want) in said {
        assert!(notes(json).iter().any(|note| note.contains(want)), "{json}: {:?}", notes(json));
    }
    let ignored = [
        r#"{"clip_sample": true, "thresholding": true, "use_lu_lambdas": true, "use_flow_sigmas": true}"#,
        r#"{"use_karras_sigmas": true, "_class_name": null, "steps_offset": null}"#,
        r#"{"timestep_type": "continuous", "solver_order": 3, "predict_x0": false}"#,
        r#"{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "euler_at_final": true}"#,
        r#"{"_class_name": "UniPCMultistepScheduler", "solver_order": 2, "solver_type": "bh2", "predict_x0": true,
            "disable_corrector": []}"#,
    ];
    for json in ignored {
        assert_eq!(notes(json), [""; 0], "{json}");
    }
}

/// σ at the noisiest level and in the middle, by diffusers' formulas in doubles.
#[test]
fn ddpm_has_two_curves_of_beta_more() {
    let cases = [("sigmoid", [158.743_37, 1.520_530_9]), ("laplace", [5.533_785, 0.643_045_2])];
    for (curve, want) in cases {
        let json = format!(
            r#"{{"_class_name": "DDPMScheduler", "beta_schedule": "{curve}", "timestep_spacing": "trailing"}}"#
        );
        let config = SchedulerConfig::from_json(json.as_bytes(), Path::new("x.json")).unwrap();
        let sigmas = Schedule::new(&config, 2).unwrap().sigmas;
        for (got, want) in sigmas.iter().zip(want) {
            let off = (f64::from(*got) / want - 1.0).abs();
            assert!(off < 1e-4, "{curve}: {got} is not {want}");
        }
        let euler = json.replace("DDPM", "EulerDiscrete");
        assert!(SchedulerConfig::from_json(euler.as_bytes(), Path::new("x.json")).is_err(), "{curve}");
    }
}
