//! Memory that reading pictures takes, against what is said of it: every byte that this process asks for is counted.
#![cfg(test)]

mod counted;

use std::path::Path;

use fulmen_engine::picture::{Limits, decoding, read};
use safetensors::SafeTensors;

use counted::peak_of;

/// What does not grow with the picture: tables of decoders, and a file's own bytes, which some of them copy.
const SLACK: usize = 256 << 10;

/// One test, since others beside it would be counted too.
#[test]
fn reading_takes_no_more_than_is_said_and_a_refusal_nothing() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/large_pictures.safetensors");
    let bytes = std::fs::read(file).expect("a fixture");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let said = decoding(640, 480) as usize;
    let mut most = 0;
    for name in tensors.names() {
        let file = tensors.tensor(name).expect("a file").data();
        let (peak, picture) = peak_of(|| read(file, Limits::default()).expect(name));
        assert_eq!((picture.width, picture.height), (480, 640), "{name} is turned");
        println!("{name}: {:.2} bytes a pixel", peak as f64 / (640.0 * 480.0));
        assert!(peak <= said + SLACK, "{name}: {peak} bytes, {said} were said");
        most = most.max(peak);
        let few = Limits { pixels: 640 * 480 - 1, ..Limits::default() };
        let (peak, refused) = peak_of(|| read(file, few));
        assert!(refused.is_err() && peak < 4 << 10, "{name}: {peak} bytes for a refusal");
    }
    assert!(most * 10 > said * 8, "{said} bytes are said, and {most} is the most that was taken");
}
