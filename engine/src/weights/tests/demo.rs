use std::path::Path;

use crate::weights::{Checkpoint, Component, Configs, Weights, inventory};

fn demo_folder() -> Checkpoint {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
    Checkpoint::open(&folder).expect("the demo model opens")
}

/// Every tensor of a component, as numbers.
fn numbers(checkpoint: &Checkpoint, configs: &Configs, component: Component) -> Vec<(String, Vec<f32>)> {
    let weights: Weights = checkpoint.weights(component).expect("weights");
    let list = inventory(configs, component).expect("a list");
    list.iter()
        .map(|spec| {
            let tensor = weights.tensor(&spec.name, &spec.shape).expect("a tensor");
            (tensor.name().to_owned(), tensor.to_f32())
        })
        .collect()
}

#[test]
fn the_demo_model_is_the_same_on_disk_and_in_the_binary() {
    let (folder, embedded) = (demo_folder(), Checkpoint::embedded_demo().expect("the embedded model opens"));
    for component in Component::WITH_WEIGHTS {
        let expected = numbers(&folder, folder.configs(), component);
        assert!(expected == numbers(&embedded, embedded.configs(), component), "{component} differs");
    }
    assert_eq!(folder.unused(), embedded.unused());
    assert_eq!(folder.mapped_bytes(), embedded.mapped_bytes());
}

#[test]
fn nothing_of_the_demo_model_is_unknown_and_all_of_it_is_finite() {
    let demo = demo_folder();
    assert!(demo.unused().is_empty(), "{:?}", demo.unused());
    demo.verify().expect("finite");
}
