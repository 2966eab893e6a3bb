use crate::networks::inventory;
use crate::weights::{Configs, Part};

fn parameters(configs: &Configs, part: Part) -> usize {
    inventory(configs, part).unwrap().iter().map(|spec| spec.shape.iter().product::<usize>()).sum()
}

#[test]
fn sdxl_base_has_its_published_number_of_parameters() {
    let base = Configs::sdxl_base().unwrap();
    let counts = Part::WITH_WEIGHTS.map(|part| parameters(&base, part));
    assert_eq!(counts, [2_567_463_684, 83_653_863, 123_060_480, 694_659_840]);
}

#[test]
fn no_network_asks_for_a_tensor_twice() {
    let base = Configs::sdxl_base().unwrap();
    for part in Part::WITH_WEIGHTS {
        let mut names: Vec<String> =
            inventory(&base, part).unwrap().into_iter().map(|spec| spec.name).collect();
        let asked = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), asked, "{part}");
    }
}
