//! Every kernel against its CPU twin, on devices of every poverty.
//!
//! A case records one operation. It runs in f32 and in halves, on each [`device`] configuration, with
//! guards around every buffer; each node is compared with `cpu::reference` fed with the very values
//! that the device had. Two runs must have the same bits.

mod attention;
mod case;
mod device;
mod norms;
mod pointwise;
mod products;
mod resample;
mod runtime;
mod tokens;

use std::sync::Arc;

use case::{Case, Given, Weights};
use device::{Configuration, configurations};
use fulmen_engine::backend::{Backend, CancelToken, HostTensor, Program, Values};
use fulmen_engine::cpu::reference::evaluate;
use fulmen_engine::graph::{Element, Graph, Node, Recorder, Tensor};

/// Records the operation under test: from the recorder, the inputs, and a maker of weights.
type Record<'a> = &'a dyn Fn(&mut Recorder, &[Tensor], &mut Weights) -> Tensor;

/// Runs a case in f32 and in halves on every configuration.
fn check(case: &Case, record: Record) {
    for element in [Element::F32, Element::F16] {
        check_in(element, configurations(), case, record);
    }
}

/// Runs a case in one precision on some configurations.
fn check_in(element: Element, configurations: &[Configuration], case: &Case, record: Record) {
    let (graph, inputs) = prepare(case, element, record);
    for configuration in configurations {
        let place = format!("{} in {element:?}, {}", case.name, configuration.name);
        check_on(configuration, &graph, &inputs, case, &place);
    }
}

/// The case as a graph. In halves the inputs are first converted to halves and the output from
/// halves: what a graph is given and gives back is f32.
fn prepare(case: &Case, element: Element, record: Record) -> (Arc<Graph>, Vec<(String, HostTensor)>) {
    let mut recorder = Recorder::new(element);
    let mut weights = Weights::new(case, element);
    let (mut inputs, mut tensors) = (Vec::new(), Vec::new());
    for (place, given) in case.given.iter().enumerate() {
        let (name, shape) = (format!("input {place}"), given.shape());
        tensors.push(match given {
            Given::Numbers(_) | Given::Values(..) => {
                let x = recorder.input(&name, shape);
                let halves = element == Element::F16;
                if halves { recorder.convert(x) } else { x }
            }
            Given::Parameters(..) => recorder.input(&name, shape),
            Given::Ids(..) => recorder.ids(&name, shape),
        });
        inputs.push((name, case.tensor(place)));
    }
    let mut y = record(&mut recorder, &tensors, &mut weights);
    if element == Element::F16 && !case.words {
        y = recorder.convert(y);
    }
    let graph = recorder.finish(&[y]).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    (Arc::new(graph), inputs)
}

fn check_on(
    configuration: &Configuration,
    graph: &Arc<Graph>,
    inputs: &[(String, HostTensor)],
    case: &Case,
    place: &str,
) {
    let fail = |error| -> ! { panic!("{place}: {error}") };
    let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut program = configuration.backend.compile(graph.clone()).unwrap_or_else(|e| fail(e));
    let run = |program: &mut Box<dyn Program>| {
        program.run(&inputs, &CancelToken::default()).unwrap_or_else(|e| fail(e)).swap_remove(0)
    };
    let (first, second) = (run(&mut program), run(&mut program));
    assert!(same_bits(&first, &second), "{place}: two runs differ");

    let mut values: Vec<HostTensor> = Vec::new();
    let mut visit = |node: &Node, got: &HostTensor| {
        let given: Vec<&HostTensor> = node.inputs.iter().map(|&input| &values[input]).collect();
        if !given.is_empty() {
            compare(node, got, &evaluate(node, &given), case, place);
        }
        values.push(got.clone());
        Ok(())
    };
    program.trace(&inputs, &mut visit).unwrap_or_else(|e| fail(e));
    let last = values.last().expect("a graph has nodes");
    assert!(same_bits(&first, last), "{place}: a run differs from a trace");
}

fn same_bits(a: &HostTensor, b: &HostTensor) -> bool {
    match (&a.values, &b.values) {
        (Values::F32(a), Values::F32(b)) => a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits())),
        _ => a == b,
    }
}

fn compare(node: &Node, got: &HostTensor, want: &HostTensor, case: &Case, place: &str) {
    let op = node.op.name();
    assert_eq!(got.shape, want.shape, "{place}: {op}");
    let (Values::F32(got), Values::F32(want)) = (&got.values, &want.values) else {
        assert_eq!(got, want, "{place}: {op}");
        return;
    };
    let most = match node.element {
        _ if case.exact => 0.0,
        Element::F16 => 1e-6,
        _ => 1e-7,
    };
    let same = |got: f32, want: f32| got == want || got.is_nan() && want.is_nan();
    let off = |(&got, &want): (&f32, &f32)| if same(got, want) { 0.0 } else { f64::from(got - want).powi(2) };
    let error: f64 = got.iter().zip(want).map(off).sum();
    let power: f64 = want.iter().map(|v| f64::from(*v).powi(2)).sum();
    let nmse = error / power.max(f64::MIN_POSITIVE);
    if nmse <= most {
        return;
    }
    let worst = (0..got.len()).max_by(|&a, &b| (got[a] - want[a]).abs().total_cmp(&(got[b] - want[b]).abs()));
    let at = worst.unwrap_or(0);
    panic!("{place}: {op} has NMSE {nmse:.1e}, {most:.0e} is allowed; at {at} {} for {}", got[at], want[at]);
}
