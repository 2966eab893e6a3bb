//! The largest case of every operation in the table that tests and the self-test read: a look at those that have no
//! benchmark at SDXL's sizes.

use std::collections::BTreeMap;

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Work, settings};
use fulmen_engine::backend::CancelToken;
use fulmen_engine::cases;
use fulmen_engine::graph::Element;

/// Numbers that go in.
fn values(case: &cases::Case) -> usize {
    case.inputs.iter().map(|(_, input)| input.shape.len()).sum()
}

/// The largest of each operation, in 32 bits and in 16.
fn largest() -> BTreeMap<&'static str, [Option<cases::Case>; 2]> {
    let mut largest: BTreeMap<&str, [Option<cases::Case>; 2]> = BTreeMap::new();
    for case in cases::all() {
        let both = largest.entry(case.kernel).or_default();
        let kept = &mut both[usize::from(case.variant.starts_with("f16"))];
        if kept.as_ref().is_none_or(|kept| values(kept) < values(&case)) {
            *kept = Some(case);
        }
    }
    largest
}

fn of_cases(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "cases");
    for (kernel, both) in largest() {
        let [Some(single), Some(half)] = both else { continue };
        let shape = format!("{kernel} {}", single.variant.trim_start_matches("f32 "));
        bench.time(&Case { shape, work: Work::Values(values(&single)), copies: 1 }, |device, copies| {
            let case = if device.element == Element::F16 { half.clone() } else { single.clone() };
            let program = device.backend.compile(case.graph.clone());
            let mut program = program.unwrap_or_else(|error| panic!("{}: {error}", device.name));
            let never = CancelToken::default();
            move || {
                for _ in 0..copies {
                    drop(program.run(&case.given(), &never).expect("a program that was compiled runs"));
                }
            }
        });
    }
}

criterion_group! { name = benches; config = settings(); targets = of_cases }
criterion_main!(benches);
