//! Files of adapters: what is said of those that do not fit, which are read again, and how their layers are numbered.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fulmen_engine::Request;
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::engine::Precision;
use fulmen_engine::request::ImagePrompt;
use fulmen_engine::synth;

use super::{Fixture, MEAN, rows};
use crate::samplers::apart;
use crate::taesd::{Tensor, write};

/// What is said of a file that cannot be used.
fn refusal(fixture: &Fixture, prompt: ImagePrompt) -> String {
    let case = &rows()[0];
    let mut engine = fixture.engine(Arc::new(CpuBackend::new()), case, Precision::F32);
    let request = Request { image_prompts: vec![prompt], ..fixture.request(case) };
    engine.draw(&request).expect_err("no picture").to_string()
}

#[test]
fn adapters_that_do_not_fit_are_told_why() {
    let fixture = Fixture::new();
    let changed = |name: &str, change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut tensors = fixture.seeded("base", "ip_base");
        change(&mut tensors);
        write(&fixture.file(name), &tensors);
        refusal(&fixture, fixture.prompt(name, "a", 1.0))
    };
    let rename = |from: &'static str, to: &'static str| {
        move |tensors: &mut Vec<Tensor>| {
            tensors.iter_mut().for_each(|(name, ..)| *name = name.replace(from, to));
        }
    };
    let fewer = changed("fewer", &|tensors| tensors.retain(|(name, ..)| !name.starts_with("ip_adapter.43.")));
    assert!(
        fewer.contains("was made for a model with 27 cross-attentions whose text has 80 channels"),
        "{fewer}"
    );
    let narrow = changed("narrow", &|tensors| {
        for (_, shape, values) in tensors.iter_mut().filter(|(name, ..)| name.starts_with("image_proj.proj."))
        {
            shape[0] -= 1;
            values.truncate(shape.iter().product());
        }
    });
    assert!(
        narrow.contains("makes tokens that are not as wide as the model's text, 80 channels"),
        "{narrow}"
    );
    let face = changed("face", &rename("image_proj.proj.", "image_proj.proj.0."));
    assert!(face.contains("is an IP-Adapter FaceID, which reads a face by an encoder of its own"), "{face}");
    let full = changed("full", &|tensors| {
        rename("image_proj.proj.", "image_proj.proj.3.")(tensors);
        tensors.push(("image_proj.proj.0.weight".into(), vec![1, 1], synth::values("x", &[1, 1])));
    });
    assert!(full.contains("is an IP-Adapter Full Face, which Fulmen does not support"), "{full}");
    let other = refusal(
        &fixture,
        ImagePrompt { file: fixture.encoder().join("model.safetensors"), ..fixture.prompt("base", "a", 1.0) },
    );
    assert!(other.contains("is not an IP-Adapter"), "{other}");
    let no_encoder = ImagePrompt { encoder: fixture.file("base"), ..fixture.prompt("base", "a", 1.0) };
    let no_encoder = refusal(&fixture, no_encoder);
    assert!(no_encoder.contains("is not an encoder of pictures (CLIP Vision"), "{no_encoder}");
    // The whole encoder in a single file; its heads are then not known, but its width is.
    let wide: Vec<Tensor> = fixture.seeded("vision", "image_encoder");
    let wide: Vec<Tensor> = wide
        .into_iter()
        .map(|(name, shape, values)| match name.as_str() {
            "visual_projection.weight" => (name, vec![18, 96], values),
            _ => (name, shape, values),
        })
        .collect();
    write(&fixture.file("wide"), &wide);
    let misshapen =
        refusal(&fixture, ImagePrompt { encoder: fixture.file("wide"), ..fixture.prompt("base", "a", 1.0) });
    assert!(misshapen.contains("visual_projection.weight"), "{misshapen}");
    let absent = refusal(&fixture, fixture.prompt("absent", "a", 1.0));
    assert!(absent.contains("absent.safetensors"), "{absent}");
    let loud = refusal(&fixture, fixture.prompt("base", "a", f32::NAN));
    assert!(loud.contains("--ip-adapter") && loud.contains("use 0 to 1"), "{loud}");
}

/// A file that was replaced is read again; one that was not is kept open.
#[test]
fn adapters_are_kept_and_read_again_when_they_change() {
    let fixture = Fixture::new();
    let case = &rows()[0];
    let mut engine = fixture.engine(Arc::new(CpuBackend::new()), case, Precision::F32);
    let request = fixture.request(case);
    let before = engine.draw(&request).expect("a picture");
    assert!(engine.draw(&request).expect("a picture") == before);
    let file: &Path = &request.image_prompts[0].file;
    write(file, &fixture.seeded("base", "another"));
    let later = fs::File::options().append(true).open(file).expect("a file");
    later.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).expect("a time");
    assert!(engine.draw(&request).expect("a picture") != before);
}

/// The numbers of an adapter's layers count: those of the middle stand last in files, and not where they run.
#[test]
fn layers_are_found_by_their_numbers() {
    let fixture = Fixture::new();
    let case = &rows()[0];
    let mut tensors = fixture.seeded("base", "ip_base");
    // The last three layers, of the middle, exchanged with three on the way up, of the same shapes.
    let exchanged = |name: &str| {
        let (number, rest) = name.strip_prefix("ip_adapter.")?.split_once('.')?;
        let number: usize = number.parse().ok()?;
        let number = match number {
            50.. => number - 28,
            22..28 => number + 28,
            _ => return None,
        };
        Some(format!("ip_adapter.{number}.{rest}"))
    };
    for (name, ..) in &mut tensors {
        if let Some(other) = exchanged(name) {
            *name = other;
        }
    }
    write(&fixture.file("exchanged"), &tensors);
    let mut engine = fixture.engine(Arc::new(CpuBackend::new()), case, Precision::F32);
    let request = fixture.request(case);
    let name = case["name"].as_str().expect("a name");
    let exchanged = ImagePrompt { file: fixture.file("exchanged"), ..request.image_prompts[0].clone() };
    let other = engine.draw(&Request { image_prompts: vec![exchanged], ..request }).expect("a picture");
    assert!(apart(&other, &fixture.tensors(), name) > 100.0 * MEAN);
}
