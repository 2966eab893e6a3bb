//! What the command line refuses, and how it teaches.

use crate::program::Place;

#[test]
fn help_teaches_with_examples_defaults_and_exit_codes() {
    let place = Place::new();
    let help = place.run(&["--help"]).succeeded().stdout;
    for word in ["Examples:", "Exit codes:", "generate", "devices", "selftest", "models"] {
        assert!(help.contains(word), "no `{word}` in: {help}");
    }
    let help = place.run(&["generate", "--help"]).succeeded().stdout;
    for word in ["[default:", "fulmen-SEED.png", "OUT-SEED.png", "\"event\":\"done\"", "Exit codes:"] {
        assert!(help.contains(word), "no `{word}` in: {help}");
    }
}

#[test]
fn the_version_is_the_package_s() {
    let version = Place::new().run(&["--version"]).succeeded().stdout;
    assert_eq!(version.trim(), concat!("fulmen ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_arguments_at_all_are_answered_with_help_and_exit_code_2() {
    Place::new().run(&[""; 0]).failed(2, &["Usage:"]);
}

#[test]
fn flags_that_do_not_exist_are_refused_by_name() {
    Place::new().run(&["generate", "a cat", "--stpes", "4"]).failed(2, &["--stpes", "--steps"]).at_once();
}

#[test]
fn values_that_are_no_numbers_are_refused_by_flag() {
    let place = Place::new();
    for flag in ["--steps", "--guidance", "--width", "--height", "--seed", "--images"] {
        place.run(&["generate", "a cat", flag, "many"]).failed(2, &[flag, "many"]).at_once();
    }
}

#[test]
fn an_argument_that_is_refused_steers_no_terminal() {
    let place = Place::new();
    for (argument, shown) in [("\u{202e}7", "\\u{202e}7"), ("\u{9b}2J", "\\u{9b}2J"), ("\u{1b}c", "error: ")]
    {
        for arguments in
            [&["--seed", argument][..], &["--guidance", argument], &["--format", argument], &[argument]]
        {
            let run = place.draw(&[&["a cat"], arguments].concat()).failed(2, &[shown]).at_once();
            assert!(!run.stderr.contains(argument), "{}", run.stderr);
        }
    }
}

#[test]
fn seed_minus_one_is_any_seed() {
    let place = Place::new();
    let small = ["a cat", "--json", "--seed"];
    let seed = |run: crate::program::Run| run.last_event("done")["pictures"][0]["seed"].as_u64().unwrap();
    let drawn = ["-1", "-1"].map(|any| seed(place.draw(&[&small[..], &[any]].concat()).succeeded()));
    assert!(drawn[0] != drawn[1], "{drawn:?}");
    place.draw(&["a cat", "--seed=-1", "-o", "cat.png"]).succeeded();
    let most = place.draw(&[&small[..], &["18446744073709551615"]].concat()).succeeded();
    assert_eq!(seed(most), u64::MAX);
}

#[test]
fn negative_numbers_are_values_and_told_what_is_wrong_with_them() {
    let place = Place::new();
    for (flag, value, words) in [
        ("--seed", "-2", "or -1 for a new one every time"),
        ("--seed", "-1.5", "or -1 for a new one every time"),
        ("--seed", "18446744073709551616", "from 0 to 18446744073709551615"),
        ("--steps", "-4", "less than 0"),
        ("--width", "-512", "less than 0"),
        ("--height", "-8", "less than 0"),
        ("--images", "-1", "less than 0"),
        ("--steps", "4.5", "a whole number"),
    ] {
        let run = place.run(&["generate", "a cat", flag, value]).failed(2, &[flag, value, words]).at_once();
        assert!(
            !run.stderr.contains("unexpected argument") && !run.stderr.contains("tip:"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn sizes_that_cannot_be_drawn_are_refused_before_anything_is_opened() {
    let place = Place::new();
    let refused = |flag, value, words: &[&str]| {
        place.run(&["generate", "a cat", flag, value]).failed(2, words).at_once();
    };
    refused("--width", "500", &["--width 500", "496 or 504"]);
    refused("--height", "0", &["--height 0", "smallest is 8"]);
    refused("--width", "1000000000", &["--width 1000000000", "largest"]);
    refused("--steps", "0", &["--steps 0"]);
    refused("-n", "0", &["--images 0"]);
    refused("--guidance", "-1", &["--guidance -1"]);
    refused("--guidance", "nan", &["--guidance NaN"]);
    assert!(place.files().is_empty());
}

#[test]
fn choices_are_listed_where_another_was_made() {
    let place = Place::new();
    place.run(&["generate", "a cat", "--rng", "dice"]).failed(2, &["--rng", "torch", "philox"]).at_once();
    place
        .run(&["generate", "a cat", "--precision", "f8"])
        .failed(2, &["--precision", "f32", "f16"])
        .at_once();
    place
        .run(&["generate", "a cat", "--vae-strips", "0"])
        .failed(2, &["--vae-strips", "auto, off, or rows"])
        .at_once();
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let place = Place::new();
    place.run(&["generate", "a cat", "--device", "voodoo"]).failed(2, &["voodoo"]);
    place.run(&["generate", "a cat", "--device", "gpu:99"]).failed(2, &["gpu:99"]);
    place.run(&["generate", "a cat", "--device", ""]).failed(2, &["device"]).at_once();
    assert!(place.files().is_empty());
}

#[test]
fn a_name_without_a_picture_s_extension_is_refused_before_anything_is_opened() {
    let place = Place::new();
    for name in ["cat", "cat.gif", "cat.", ".png", "cat.png.txt"] {
        place.run(&["generate", "a cat", "-o", name]).failed(2, &[".png, .jpg or .webp"]).at_once();
    }
}
