//! Claims about what is said of settings that have no effect.

use std::path::Path;

use super::*;

#[test]
fn attention_guidance_that_has_no_effect_is_said() {
    let say = |negative: bool, guidance: Option<f32>, nag| {
        let guidance = guidance.map(Guidance::Exactly);
        let negative_prompt = negative.then(|| "blue".to_owned());
        let request = Request { negative_prompt, guidance, nag, ..Request::default() };
        let settings =
            Settings::choose(&file("sdxl_lightning_4step"), &Request::default(), &request).unwrap();
        told(&settings).into_iter().filter(|told| told.starts_with("--nag")).collect::<Vec<_>>()
    };
    let scale = |scale| Nag { scale: Some(scale), ..Nag::default() };
    let alpha = |alpha| Nag { alpha: Some(alpha), ..Nag::default() };
    assert_eq!(say(false, None, scale(4.0)), ["--nag-scale 4 has no effect: there is no negative prompt"]);
    assert_eq!(
        say(false, None, alpha(0.25)),
        ["--nag-alpha 0.25 has no effect: there is no negative prompt"]
    );
    let guided = "--nag-scale 4 has no effect: with guidance, the negative prompt works by that";
    assert_eq!(say(true, Some(5.0), scale(4.0)), [guided]);
    for (negative, nag) in
        [(true, scale(4.0)), (false, scale(1.0)), (false, alpha(0.0)), (false, Nag::default())]
    {
        assert_eq!(say(negative, None, nag), [""; 0], "{nag:?}");
    }
}

#[test]
fn what_a_scheduler_asks_for_is_said_of_the_sampler_that_draws() {
    let class = r#"{"_class_name": "UniPCMultistepScheduler", "solver_order": 3}"#;
    let kdpm = r#"{"_class_name": "KDPM2DiscreteScheduler"}"#;
    for (json, said) in [(class, "`solver_order`"), (kdpm, "it is drawn with Euler")] {
        let scheduler = SchedulerConfig::from_json(json.as_bytes(), Path::new("x.json")).unwrap();
        let clues = folder("model", scheduler);
        let says = |sampler| {
            let request = Request { sampler, ..Request::default() };
            let settings = Settings::choose(&clues, &Request::default(), &request).unwrap();
            told(&settings).iter().any(|told| told.contains(said))
        };
        assert!(says(None), "{json}");
        assert!(!says(Some(SamplerName::Heun)), "{json}");
    }
}
