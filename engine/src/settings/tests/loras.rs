//! What a suggested guidance and few-step LoRAs make of the settings.

use std::path::Path;

use super::{choose, file, told};
use crate::request::{Guidance, Nag, Request};
use crate::schedule::SamplerName;
use crate::settings::Settings;

#[test]
fn a_suggested_guidance_becomes_the_scale_of_attention_guidance_where_that_is_open() {
    let clues = file("sdxl_lightning_4step.safetensors");
    let asked = |negative: &str, scale| Request {
        guidance: Some(Guidance::Suggested(7.0)),
        negative_prompt: Some(negative.into()),
        nag: Nag { scale, ..Nag::default() },
        ..Request::default()
    };
    let off = Request { nag: Nag { scale: Some(1.0), ..Nag::default() }, ..Request::default() };
    for (usual, asked, scale, said) in [
        (Request::default(), asked("blue", None), 5.0, "with a scale of 5"),
        (Request::default(), asked("blue", Some(2.0)), 2.0, "7 is not used"),
        (Request::default(), asked(" ", None), 3.0, "7 is not used"),
        (off, asked("blue", None), 1.0, "7 is not used"),
    ] {
        let settings = Settings::choose(&clues, &usual, &asked).unwrap();
        assert!(settings.nag.scale == scale && !settings.guided(), "{asked:?}: {:?}", settings.nag);
        assert!(told(&settings)[0].ends_with(said), "{:?}", told(&settings));
    }
}

#[test]
fn a_lora_for_few_steps_brings_its_kinds_settings_and_the_last_one_decides() {
    let under = |loras: &[&str]| {
        let clues = file("juggernautXL.safetensors").under(loras.iter().map(Path::new));
        choose(&clues, None, None)
    };
    let lightning = under(&["sdxl_lightning_8step_lora.safetensors"]);
    assert_eq!((lightning.steps, lightning.guided(), lightning.distilled), (8, false, true));
    assert!(lightning.line().contains("by the LoRA `sdxl_lightning_8step_lora`"), "{}", lightning.line());
    let lcm =
        under(&["sdxl_lightning_8step_lora.safetensors", "lcm-lora-sdxl.safetensors", "style.safetensors"]);
    assert_eq!((lcm.steps, lcm.scheduler.solver.sampler), (4, SamplerName::Lcm));
    assert_eq!(
        under(&["style.safetensors"]).steps,
        choose(&file("juggernautXL.safetensors"), None, None).steps
    );
}
