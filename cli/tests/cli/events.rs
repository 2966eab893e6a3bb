//! `--json`: what a program that starts Fulmen can rely on.

use serde_json::Value;

use crate::program::Place;

#[test]
fn every_line_of_a_run_is_an_event_and_the_last_one_sums_it_up() {
    let place = Place::new();
    let arguments = ["a cat", "--json", "--seed", "20", "-n", "2", "--steps", "3", "-o", "cat.png"];
    let run = place
        .run(&[&["generate", "--device", "cpu", "--width", "64", "--height", "64"][..], &arguments].concat());
    let run = run.succeeded();
    assert_eq!(run.stderr, "", "with --json standard error is for errors");
    let events = run.events();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let count = |wanted| names.iter().filter(|name| **name == wanted).count();
    assert_eq!(
        (count("plan"), count("memory"), count("step"), count("picture"), count("done")),
        (1, 1, 6, 2, 1)
    );
    assert_eq!(count("stage"), 2 + 2 * 2, "load and text once, two stages a picture: {names:?}");
    check_done(&run.last_event("done"));
}

fn check_done(done: &Value) {
    let pictures = done["pictures"].as_array().unwrap();
    let expected = serde_json::json!({ "path": "cat-21.png", "seed": 21, "width": 64, "height": 64 });
    assert_eq!(pictures.len(), 2);
    assert_eq!(pictures[1], expected);
    let seconds = &done["seconds"];
    assert_eq!(seconds["unet_steps"].as_array().unwrap().len(), 6, "{seconds}");
    let decodes: Vec<f64> =
        seconds["vae_decodes"].as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect();
    assert!((decodes.iter().sum::<f64>() - seconds["vae"].as_f64().unwrap()).abs() < 1e-9, "{seconds}");
    assert_eq!(decodes.len(), 2);
    let parts = ["load", "text", "vae"].map(|part| seconds[part].as_f64().unwrap());
    let total = seconds["total"].as_f64().unwrap();
    assert!(total >= parts.iter().sum(), "{seconds}");
    assert_eq!(done["device"], "CPU");
    if cfg!(target_os = "linux") {
        let (rss, anonymous) = (done["peak_rss_bytes"].as_u64(), done["peak_anonymous_bytes"].as_u64());
        assert!(rss >= anonymous && anonymous > Some(1 << 20), "{done}");
    }
}

/// Small pictures are dominated by the process itself; in large ones values outweigh it.
#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_a_large_picture_is_predicted_within_a_tenth() {
    let place = Place::new();
    let arguments = ["generate", "a cat", "--json", "--device", "cpu", "--width", "768", "--height", "768"];
    let run = place.run(&[&arguments[..], &["--steps", "1", "-o", "cat.png"]].concat()).succeeded();
    let done = run.last_event("done");
    let bytes = |name: &str| done[name].as_u64().unwrap() as f64;
    let ratio = bytes("peak_anonymous_bytes") / bytes("predicted_bytes");
    assert!((0.9..1.1).contains(&ratio), "{ratio} of what was predicted: {done}");
}

#[test]
fn errors_are_events_and_sentences() {
    let place = Place::new();
    for (arguments, code) in [
        (&["generate", "a cat", "--json", "--width", "9"][..], 2),
        (&["generate", "a cat", "--json", "--no-such-flag"], 2),
        (&["generate", "--json"], 2),
        (&["generate", "a cat", "--json", "--model", "nowhere", "--device", "cpu"], 1),
    ] {
        let run = place.run(arguments).failed(code, &[]);
        let error = run.last_event("error");
        assert_eq!(error["exit_code"], code, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.len() > 10 && run.stderr.contains(message), "`{message}` and: {}", run.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    for arguments in [
        &["devices"][..],
        &["--help"],
        &[
            "generate", "a cat", "--json", "--device", "cpu", "--width", "64", "--height", "64", "-o",
            "cat.png",
        ],
    ] {
        let mut command = place.command();
        command.args(arguments).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let run = crate::program::Run::of(child.wait_with_output().unwrap()).succeeded();
        assert_eq!(run.stderr, "", "{arguments:?}");
    }
    assert_eq!(place.files(), ["cat.png"], "the picture was drawn all the same");
}
