//! How a model is drawn: what its name and its folder say, what flags say instead, and what is told of it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::{Place, Run, repository};

/// What SDXL base's folder says.
fn sdxl() -> Value {
    json!({"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
           "beta_schedule": "scaled_linear", "timestep_spacing": "leading", "steps_offset": 1})
}

/// The demo model as a folder of this name, with a schedule of its own.
fn folder(place: &Place, name: &str, scheduler: &Value) {
    copy(&repository("models/demo"), &place.path(name));
    schedule(place, name, scheduler);
}

fn schedule(place: &Place, name: &str, scheduler: &Value) {
    let file = place.path(name).join("scheduler/scheduler_config.json");
    // As Python writes it.
    fs::write(file, scheduler.to_string().replace("\"-inf\"", "-Infinity")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The demo's UNet under another name.
fn unet(place: &Place, name: &str) {
    fs::copy(repository("models/demo/unet/diffusion_pytorch_model.safetensors"), place.path(name)).unwrap();
}

/// A picture of seed 1 in `x.png`, and what was said.
fn drawn(place: &Place, arguments: &[&str]) -> (Vec<u8>, Run) {
    let always = ["generate", "a red circle", "--device", "cpu", "--width", "64", "--height", "64"];
    let run = place.run(&[&always[..], &["--seed", "1", "-o", "x.png"], arguments].concat()).succeeded();
    (image::open(place.path("x.png")).unwrap().into_rgb8().into_raw(), run)
}

#[test]
fn a_distilled_unet_is_known_by_the_words_in_its_name_and_drawn_as_it_should_be() {
    let place = Place::new();
    folder(&place, "base", &sdxl());
    let (right, _) = drawn(&place, &[]);
    for (name, sampler) in [
        ("RealVisXL_V4.0_Lightning", "euler"),
        ("sdxl_lightning_4step_unet", "euler"),
        ("DreamShaperXL_Turbo_v2_1", "euler-a"),
    ] {
        let name = format!("{name}.safetensors");
        unet(&place, &name);
        let (picture, run) = drawn(&place, &["--model", "base", "--unet", &name]);
        let (own, _) = drawn(&place, &["--sampler", sampler]);
        assert!(picture == own, "{name} is drawn as the demo's own folder says, with {sampler}");
        assert_eq!(own == right, sampler == "euler");
        let line = "without guidance on trailing timesteps, predicting epsilon: ";
        assert!(run.stderr.contains(line) && run.stderr.contains("by its name"), "{}", run.stderr);
    }
    unet(&place, "unknown.safetensors");
    let unknown = ["--model", "base", "--unet", "unknown.safetensors", "--steps", "4", "--guidance", "1"];
    let (wrong, run) = drawn(&place, &unknown);
    assert!(wrong != right && run.stderr.contains("skip the noisiest levels; try --spacing trailing"));
    let (repaired, run) = drawn(&place, &[&unknown[..], &["--spacing", "trailing"]].concat());
    assert!(repaired == right, "flags do what the name would: {}", run.stderr);
}

#[test]
fn every_folder_that_diffusers_saves_is_drawn_and_its_scheduler_is_named() {
    let place = Place::new();
    folder(&place, "model", &sdxl());
    let (right, _) = drawn(&place, &["--steps", "3"]);
    let with = |class: &str, members: Value| {
        let mut scheduler = sdxl();
        scheduler["timestep_spacing"] = "trailing".into();
        scheduler["_class_name"] = format!("{class}Scheduler").into();
        for (name, value) in members.as_object().unwrap() {
            scheduler[name] = value.clone();
        }
        scheduler
    };
    let karras = json!({"lambda_min_clipped": "-inf", "use_karras_sigmas": true});
    for (class, sampler, members) in [
        ("EulerAncestralDiscrete", "euler-a", json!({})),
        ("DPMSolverMultistep", "dpmpp-2m", karras),
        ("DPMSolverMultistep", "dpmpp-2m-sde", json!({"algorithm_type": "sde-dpmsolver++"})),
        ("LCM", "lcm", json!({})),
        ("TCD", "tcd", json!({})),
        ("DDIM", "ddim", json!({"clip_sample": false})),
        ("PNDM", "pndm", json!({"skip_prk_steps": true})),
        ("UniPCMultistep", "unipc", json!({})),
        ("LMSDiscrete", "lms", json!({})),
        ("HeunDiscrete", "heun", json!({"use_karras_sigmas": true})),
    ] {
        schedule(&place, "model", &with(class, members));
        let (picture, run) = drawn(&place, &["--model", "model", "--steps", "3"]);
        let line = format!("drawn in 3 steps of {sampler} ");
        assert!(run.stderr.contains(&line) && !run.stderr.contains("drawn with Euler"), "{}", run.stderr);
        assert!(picture != right, "{sampler} draws as Euler does");
    }
    for class in ["DPMSolverSinglestep", "Own"] {
        schedule(&place, "model", &with(class, json!({})));
        let (_, run) = drawn(&place, &["--model", "model", "--steps", "3"]);
        assert!(run.stderr.contains(class) && run.stderr.contains("drawn with Euler"), "{}", run.stderr);
    }
    for (class, members, said) in [
        ("FlowMatchEulerDiscrete", json!({}), "made for flow matching"),
        (
            "UniPCMultistep",
            json!({"use_flow_sigmas": true, "prediction_type": "flow_prediction"}),
            "`use_flow_sigmas`",
        ),
    ] {
        schedule(&place, "model", &with(class, members));
        let (_, run) = drawn(&place, &["--model", "model", "--steps", "3"]);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
fn the_plan_says_how_and_why_and_unguided_pictures_say_so_as_others_do() {
    let place = Place::new();
    let run = place.draw(&["a cat", "--json", "--guidance", "0", "-o", "cat.png"]).succeeded();
    let plan = run.events().into_iter().find(|event| event["event"] == "plan").unwrap();
    assert_eq!((&plan["guidance"], &plan["spacing"]), (&json!(1.0), &json!("trailing")), "{plan}");
    assert_eq!(plan["prediction"], "epsilon");
    let assumed = plan["assumed"].as_str().unwrap();
    assert!(assumed.starts_with("1 step without guidance") && assumed.ends_with("as asked"), "{assumed}");
    let text = String::from_utf8_lossy(&fs::read(place.path("cat.png")).unwrap()).into_owned();
    assert!(text.contains("Schedule type: SGM Uniform, CFG scale: 1, Seed: "), "{text}");
}

#[test]
fn inspect_says_how_a_model_is_drawn_and_why() {
    let place = Place::new();
    folder(&place, "RealVisXL_V4.0_Lightning", &sdxl());
    let run = place.run(&["models", "inspect", "RealVisXL_V4.0_Lightning"]).succeeded();
    let lines =
        "drawn in 4 steps with no guidance; trailing timesteps, predicts epsilon\n  Lightning, by its name";
    assert!(run.stdout.contains(lines), "{}", run.stdout);
    let run = place.run(&["models", "inspect", "--json", "RealVisXL_V4.0_Lightning"]).succeeded();
    let model: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&model["distilled"], &model["spacing"], &model["prediction"]),
        (&json!(true), &json!("trailing"), &json!("epsilon"))
    );
}

#[test]
fn words_of_other_programs_in_prompts_are_warned_of() {
    let place = Place::new();
    let prompt = "a (red:1.3) {circle|square} <lora:x:0.8> BREAK [sky:sea:0.5]";
    let warnings = |more: &[&str]| -> Vec<Value> {
        let run = place.draw(&[&[prompt, "--json", "-o", "x.png"], more].concat()).succeeded();
        let is_told =
            |event: &Value| event["message"].as_str().is_some_and(|told| told.contains("the prompt"));
        run.events().into_iter().filter(|event| event["event"] == "warning" && is_told(event)).collect()
    };
    let told = warnings(&[]);
    for what in ["`{circle|square}`", "the LoRA `x`, and no folder of LoRAs was given", "`[sky:sea:0.5]`"] {
        let told = told.iter().filter(|told| told["message"].as_str().unwrap().contains(what)).count();
        assert_eq!(told, 1, "{what}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(warnings(&["--prompt-syntax", "plain"]).len(), 0);
}

/// A file of tensors with marks beside them, and with words of its maker.
fn mark(file: &Path, marks: &[&str], words: &Value) {
    let bytes = fs::read(file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let end = bytes.len() - 8 - length;
    for mark in marks {
        header[mark] = json!({"dtype": "F32", "shape": [0], "data_offsets": [end, end]});
    }
    header["__metadata__"] = words.clone();
    let mut head = header.to_string().into_bytes();
    head.resize(head.len().next_multiple_of(8), b' ');
    let head = [&(head.len() as u64).to_le_bytes()[..], &head].concat();
    fs::write(file, [&head, &bytes[8 + length..]].concat()).unwrap();
}

#[test]
fn marks_in_a_file_and_words_of_its_maker_are_followed_and_are_no_unused_tensors() {
    let place = Place::new();
    let name = "model/unet/diffusion_pytorch_model.safetensors";
    let reasons = [
        (&["v_pred", "ztsnr"][..], json!({}), &["predicting v", "the mark `v_pred`", "the mark `ztsnr`"][..]),
        (&["model.diffusion_model.v_pred"], json!({}), &["predicting v", "the mark `v_pred`"]),
        (&[], json!({"modelspec.prediction_type": "v"}), &["predicting v", "`modelspec.prediction_type`"]),
        (&[], json!({"modelspec.title": "My Lightning 8 steps"}), &["8 steps without", "`modelspec.title`"]),
    ];
    for (marks, words, reasons) in reasons {
        drop(fs::remove_dir_all(place.path("model")));
        folder(&place, "model", &sdxl());
        mark(&place.path(name), marks, &words);
        let (_, run) = drawn(&place, &["--model", "model"]);
        // Laid over another model, the file says the same.
        fs::copy(place.path(name), place.path("laid.safetensors")).unwrap();
        let (_, laid) = drawn(&place, &["--unet", "laid.safetensors"]);
        for reason in reasons {
            assert!(
                run.stderr.contains(reason) && laid.stderr.contains(reason),
                "{reason}: {}{}",
                run.stderr,
                laid.stderr
            );
        }
        let inspected = place.run(&["models", "inspect", "--json", "model"]).succeeded();
        let model: Value = serde_json::from_str(&inspected.stdout).unwrap();
        assert_eq!(model["unused"], json!([]), "{marks:?}");
    }
    folder(&place, "cosxl", &sdxl());
    let unet = place.path("cosxl/unet/diffusion_pytorch_model.safetensors");
    mark(&unet, &["edm_vpred.sigma_max"], &json!({}));
    let (_, run) = drawn(&place, &["--model", "cosxl", "--steps", "3"]);
    assert!(
        run.stderr.contains("predicting v: ") && run.stderr.contains("`edm_vpred.sigma_max`"),
        "{}",
        run.stderr
    );
    mark(&unet, &["edm_mean"], &json!({}));
    place.draw(&["a cat", "--model", "cosxl"]).failed(1, &["cosxl", "Playground", "edm_mean"]);
    place.run(&["models", "inspect", "cosxl"]).failed(1, &["Playground"]);
}
