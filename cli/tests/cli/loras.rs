//! LoRAs on the command line and in prompts: what they change, and what is said of them.

use std::fs;

use serde_json::{Value, json};

use crate::lora::{self, ABSENT, PROJ_IN, TO_Q};
use crate::program::{Place, Run};

/// A picture of a prompt with further arguments, without its settings, and what was said.
fn draw(place: &Place, prompt: &str, more: &[&str]) -> (Vec<u8>, Run) {
    let arguments = [&[prompt, "--seed", "3", "--png-text", "none", "-o", "x.png"], more].concat();
    let run = place.draw(&arguments).succeeded();
    (fs::read(place.path("x.png")).unwrap(), run)
}

#[test]
fn a_lora_changes_the_picture_as_strongly_as_is_asked_for_and_is_left_as_it_was() {
    let place = Place::new();
    let file = lora::write(&place.path("fox.safetensors"), &[TO_Q, PROJ_IN]);
    let written = fs::metadata(place.path("fox.safetensors")).unwrap().modified().unwrap();
    let (base, _) = draw(&place, "a red circle", &[]);
    let (changed, said) = draw(&place, "a red circle", &["--lora", "fox.safetensors"]);
    assert!(changed != base, "the picture is the same");
    let line = "LoRA fox.safetensors, weight 1: 2 of 2 modules used";
    assert!(said.stderr.contains(line) && !said.stderr.contains("used;"), "{}", said.stderr);
    let (weak, said) = draw(&place, "a red circle", &["--lora", "fox.safetensors=0.5"]);
    assert!(weak != base && weak != changed, "half its weight is none or all of it");
    assert!(said.stderr.contains("weight 0.5: 2 of 2"), "{}", said.stderr);
    assert!(draw(&place, "a red circle", &["--lora", "fox.safetensors=0"]).0 == base, "a weight of 0");
    assert!(fs::read(place.path("fox.safetensors")).unwrap() == file, "the file was changed");
    assert_eq!(fs::metadata(place.path("fox.safetensors")).unwrap().modified().unwrap(), written);
}

#[test]
fn what_of_a_lora_is_not_in_the_model_is_named() {
    let place = Place::new();
    lora::write(&place.path("part.safetensors"), &[ABSENT, TO_Q]);
    lora::write(&place.path("none.safetensors"), &[ABSENT]);
    let unused = format!("1 of 2 modules used; `{ABSENT}` is not in the model");
    let (_, said) = draw(&place, "a red circle", &["--lora", "part.safetensors"]);
    assert!(said.stderr.contains("warning: part.safetensors: "), "{}", said.stderr);
    assert!(said.stderr.contains(&unused), "{}", said.stderr);
    let (_, said) = draw(&place, "a red circle", &["--lora", "part.safetensors", "--json"]);
    let plan = said.events().into_iter().find(|event| event["event"] == "plan").unwrap();
    assert_eq!((&plan["loras"][0]["used"], &plan["loras"][0]["modules"]), (&json!(1), &json!(2)));
    let nothing = ["changes nothing of this model", ABSENT];
    place.draw(&["a red circle", "--lora", "none.safetensors"]).failed(1, &nothing);
    place.draw(&["a red circle", "--lora", "nowhere.safetensors"]).failed(1, &["nowhere.safetensors"]);
}

#[test]
fn a_tag_in_a_prompt_is_the_same_as_the_flag() {
    let place = Place::new();
    lora::write(&place.path("loras/styles/fox.safetensors"), &[TO_Q, PROJ_IN]);
    lora::write(&place.path("loras/part.safetensors"), &[ABSENT, TO_Q]);
    lora::write(&place.path("loras/none.safetensors"), &[ABSENT]);
    let flag = draw(&place, "a red circle", &["--lora", "loras/styles/fox.safetensors=0.8"]).0;
    let (tag, said) = draw(&place, "a red circle <lora:fox:0.8>", &["--lora-dir", "loras"]);
    assert!(tag == flag, "the pictures differ");
    let line = "fox.safetensors, weight 0.8: 2 of 2 modules used";
    assert!(said.stderr.contains(line) && !said.stderr.contains("used;"), "{}", said.stderr);
    let (_, said) = draw(&place, "a red circle <lora:part:1>", &["--lora-dir", "loras", "--json"]);
    let of = |kind: &str| -> Vec<Value> {
        said.events().into_iter().filter(|event| event["event"] == kind).collect()
    };
    assert_eq!((&of("lora")[0]["used"], &of("lora")[0]["modules"]), (&json!(1), &json!(2)));
    let unused = format!("asks for the LoRA `part`: 1 of 2 modules used; `{ABSENT}` is not in the model");
    let is_told = |event: &Value| event["message"].as_str().unwrap().ends_with(&unused);
    assert_eq!(of("warning").iter().filter(|event| is_told(event)).count(), 1, "{}", said.stdout);
    let none = ["a red circle <lora:none:1>", "--lora-dir", "loras"];
    place.draw(&none).failed(2, &["the prompt asks for the LoRA", "changes nothing of this model", ABSENT]);
}

#[test]
fn a_tag_without_a_file_is_warned_of_and_left_out() {
    let place = Place::new();
    lora::write(&place.path("loras/fox.safetensors"), &[TO_Q]);
    let base = draw(&place, "a red circle", &[]).0;
    let (picture, said) = draw(&place, "a red circle <lora:wolf:0.8>", &["--lora-dir", "loras"]);
    assert!(picture == base, "the pictures differ");
    let warning = "asks for the LoRA `wolf`, which is not in the folder of LoRAs; its tag is left out";
    assert!(said.stderr.contains(warning), "{}", said.stderr);
    for folder in ["nowhere", "loras/fox.safetensors"] {
        place.draw(&["a red circle", "--lora-dir", folder]).failed(1, &[folder]);
    }
}
