//! The noise against PyTorch's: the CPU generator as torch 2.15 drew it, the CUDA generator as others published it.

use fulmen_engine::noise::{Noise, Philox, Rng, TorchRng};
use serde_json::Value;

fn fixture() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/torch_noise.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn numbers(value: &Value, key: &str) -> Vec<f32> {
    list(value, key).iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn count(value: &Value, key: &str) -> usize {
    value[key].as_u64().unwrap() as usize
}

fn draw(rng: &mut TorchRng, call: &Value) -> Vec<f32> {
    let n = count(call, "n");
    if call["call"] == "rand" { rng.uniforms(n) } else { rng.normals(n) }
}

/// Uniforms and the f64 path are bits; blocks in f32 end with functions in which torch's instruction sets differ.
fn assert_torch(got: &[f32], want: &[f32], call: &Value) {
    let exact = call["call"] == "rand" || count(call, "n") < 16;
    let tolerance = if exact { 0.0 } else { 2e-6 };
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= tolerance, "{got} is not {want} in {call}");
    }
}

#[test]
fn torchs_cpu_generator_is_met_for_every_seed_and_length() {
    for case in list(&fixture(), "cpu") {
        let got = draw(&mut TorchRng::seed(case["seed"].as_u64().unwrap()), case);
        let (first, last) = (numbers(case, "first"), numbers(case, "last"));
        assert_torch(&got, &first, case);
        assert_torch(&got[got.len() - last.len()..], &last, case);
        let sum: f64 = got.iter().map(|v| f64::from(v.abs())).sum();
        let want = case["sum_abs"].as_f64().unwrap();
        assert!((sum - want).abs() <= 2e-7 * want, "Σ|x| {sum} is not {want} in {case}");
    }
}

#[test]
fn draws_follow_each_other_as_in_torch() {
    for case in list(&fixture(), "successive") {
        let mut rng = TorchRng::seed(case["seed"].as_u64().unwrap());
        for call in list(case, "draws") {
            assert_torch(&draw(&mut rng, call), &numbers(call, "first"), call);
        }
    }
}

#[test]
fn cudas_generator_gives_what_others_published() {
    for case in list(&fixture(), "philox_published") {
        let mut rng = Philox::seed(case["seed"].as_u64().unwrap());
        if let Some(wave) = case["wave"].as_u64() {
            rng = rng.with_wave(wave as usize);
        }
        let (start, want) = (case["start"].as_u64().unwrap_or(0) as usize, numbers(case, "first"));
        let n = start + want.len();
        let got = if case["call"] == "rand" { rng.uniforms(n) } else { rng.normals(n) };
        for (got, want) in got[start..].iter().zip(want) {
            let off = f64::from((got - want).abs());
            assert!(off <= case["tolerance"].as_f64().unwrap(), "{got} is not {want} in {case}");
        }
    }
}

#[test]
fn latents_are_drawn_by_the_generator_that_was_asked_for() {
    let torch = Noise::new(Rng::Torch, 42).normals(1024);
    let philox = Noise::new(Rng::Philox, 0).normals(1024);
    assert_eq!((torch.len(), philox.len()), (1024, 1024));
    assert_eq!(torch, TorchRng::seed(42).normals(1024));
    assert!((philox[0] + 0.924_662_6).abs() < 1e-6, "{} is not CUDA's first value of seed 0", philox[0]);
}
