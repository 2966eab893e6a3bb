use std::path::Path;

use super::make::assert_same;
use crate::weights::Checkpoint;

fn demo_folder() -> Checkpoint {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
    Checkpoint::open(&folder).unwrap()
}

#[test]
fn the_demo_model_is_the_same_on_disk_and_in_the_binary() {
    let (folder, embedded) = (demo_folder(), Checkpoint::embedded_demo().unwrap());
    assert_same(&folder, &embedded);
    assert_eq!(folder.mapped_bytes(), embedded.mapped_bytes());
}

#[test]
fn nothing_of_the_demo_model_is_unknown_and_all_of_it_is_finite() {
    let demo = demo_folder();
    assert!(demo.unused().is_empty(), "{:?}", demo.unused());
    demo.verify().unwrap();
}
