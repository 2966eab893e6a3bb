//! `fulmen bench`, with the small model on the CPU.

use crate::program::Place;

const SMALL: [&str; 8] = ["bench", "--device", "cpu", "--config", "demo", "--size", "64", "--steps"];

#[test]
fn a_benchmark_tells_stages_kernels_and_a_line_to_paste() {
    let place = Place::new();
    let run = place.run(&[&SMALL[..], &["2", "--kernels", "--json"]].concat()).succeeded();
    for stage in ["opening the device: ", "first picture, steps: ", "kernels of the UNet: "] {
        assert!(run.stderr.contains(stage), "no `{stage}` in: {}", run.stderr);
    }
    let events = run.events();
    let done = events.last().unwrap();
    assert_eq!(done["event"], "done");
    assert_eq!((&done["config"], &done["steps"], &done["size"][1]), (&"demo".into(), &2.into(), &64.into()));
    for stage in ["text", "unet", "vae"] {
        let of = |list: &str| {
            let list = done[list].as_array().unwrap();
            list.iter()
                .find(|entry| entry["stage"] == stage)
                .unwrap_or_else(|| panic!("{stage} in {done}"))
                .clone()
        };
        let (time, kernels) = (of("stages"), of("kernels"));
        let rows = kernels["rows"].as_array().unwrap();
        let sum = |field: &str| rows.iter().map(|row| row[field].as_f64().unwrap()).sum::<f64>();
        assert!((sum("share") - 1.0).abs() < 1e-6, "{stage}: {}", sum("share"));
        let flops = time["flops"].as_f64().unwrap();
        assert!(
            flops > 0.0 && sum("flops") == flops,
            "{stage}: kernels do {}, the stage {flops}",
            sum("flops")
        );
        let expected = flops / time["seconds"].as_f64().unwrap();
        let told = time["flops_per_second"].as_f64().unwrap();
        assert!((told / expected - 1.0).abs() < 1e-9, "{stage}: {told}, {expected}");
    }
    assert!(done["predicted_bytes"].as_u64() > Some(0), "{done}");
    let other = &done["other_size"];
    assert_eq!((&other["size"][0], &other["size"][1]), (&128.into(), &64.into()), "{done}");
    assert!(other["seconds"].as_f64() >= other["load_seconds"].as_f64(), "{done}");
    let line = done["line"].as_str().unwrap();
    assert!(line.contains("demo at 64×64 in 2 steps, f32") && line.contains("UNet call"), "{line}");
}

#[test]
fn a_benchmark_is_a_table_for_people() {
    let place = Place::new();
    let table =
        place.run(&[&SMALL[..], &["1", "--kernels", "--precision", "f16"]].concat()).succeeded().stdout;
    assert!(table.contains("demo at 64×64 in 1 step") && table.contains(", f16"), "{table}");
    for word in [
        "measured peak: ",
        "VAE decode",
        "first picture",
        "another size",
        "memory: ",
        "kernels of the VAE",
        "conv3x3",
    ] {
        assert!(table.contains(word), "no `{word}` in: {table}");
    }
    assert!(table.trim_end().lines().last().unwrap().starts_with("fulmen "), "{table}");
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_opened() {
    let place = Place::new();
    place.run(&["bench", "--device", "cpu", "--size", "65"]).failed(2, &["--size 65", "multiple of 8"]);
    place.run(&["bench", "--device", "cpu", "--steps", "0"]).failed(2, &["--steps"]);
    place.run(&["bench", "--precision", "f64"]).failed(2, &["f32", "bf16"]);
    place.run(&["bench", "--config", "other"]).failed(2, &["sdxl", "demo"]);
    place.run(&["bench", "--device", "no such device"]).failed(2, &["no such device"]);
}
