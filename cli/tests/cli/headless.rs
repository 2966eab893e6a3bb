//! Without a desktop, as on a server or in a container: no driver's complaint stands among our lines.

use std::process::Command;

use crate::program::{Place, Run};

/// `fulmen` with the environment of a bare machine.
fn bare(place: &Place, arguments: &[&str]) -> Run {
    let mut command: Command = place.command();
    command.env_clear();
    // Where the adapters lie that a test run was given, and where drivers may keep what they compiled.
    for kept in ["PATH", "HOME", "VK_DRIVER_FILES", "VK_ICD_FILENAMES", "MESA_SHADER_CACHE_DIR"] {
        command.envs(std::env::var_os(kept).map(|value| (kept, value)));
    }
    Run::of(command.args(arguments).output().unwrap())
}

#[test]
fn what_lists_devices_says_nothing_that_is_not_ours() {
    let place = Place::new();
    for arguments in [&["devices"][..], &["devices", "--json"]] {
        assert_eq!(bare(&place, arguments).succeeded().stderr, "", "{arguments:?}");
    }
    let adapters = bare(&place, &["devices", "--json"]).events()[0]["adapters"].as_array().unwrap().len();
    println!("{adapters} adapters are here");
    let small = ["generate", "a cat", "--json", "--width", "64", "--height", "64", "--steps", "1"];
    let devices = if adapters == 0 { &["auto"][..] } else { &["auto", "gpu", "gpu:0"] };
    for device in devices {
        let run = bare(&place, &[&small[..], &["--device", device]].concat()).succeeded();
        assert_eq!(run.stderr, "", "--device {device}");
    }
    let refused = bare(&place, &["generate", "a cat", "--device", "voodoo"]).failed(2, &["voodoo"]).stderr;
    assert!(
        refused.lines().all(|line| line == "opening the model" || line.starts_with("fulmen: ")),
        "{refused}"
    );
}
