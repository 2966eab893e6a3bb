use crate::networks::inventory;
use crate::weights::{Component, Configs, TensorSpec};

fn parameters(configs: &Configs, component: Component) -> usize {
    inventory(configs, component).unwrap().iter().map(TensorSpec::parameters).sum()
}

#[test]
fn sdxl_base_has_its_published_number_of_parameters() {
    let base = Configs::sdxl_base().unwrap();
    let counts = Component::WITH_WEIGHTS.map(|component| parameters(&base, component));
    assert_eq!(counts, [2_567_463_684, 83_653_863, 123_060_480, 694_659_840]);
}

#[test]
fn no_network_asks_for_a_tensor_twice() {
    let base = Configs::sdxl_base().unwrap();
    for component in Component::WITH_WEIGHTS {
        let mut names: Vec<String> =
            inventory(&base, component).unwrap().into_iter().map(|spec| spec.name).collect();
        let asked = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), asked, "{component}");
    }
}
