//! Adapters and encoders in PyTorch's files, which are read without running their pickle.

use std::fs;
use std::sync::Arc;

use fulmen_engine::Request;
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::engine::Precision;
use fulmen_engine::request::ImagePrompt;

use super::{Fixture, rows};
use crate::taesd::Tensor;

/// A text in a pickle.
fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A whole number.
fn number(number: usize) -> Vec<u8> {
    [b"J", &(number as u32).to_le_bytes()[..]].concat()
}

/// A tensor over the storage of this number.
fn tensor(storage: usize, shape: &[usize]) -> Vec<u8> {
    let step = |at: usize| shape[at + 1..].iter().product();
    let tuple = |numbers: Vec<usize>| {
        [b"(".to_vec(), numbers.into_iter().flat_map(number).collect(), b"t".to_vec()].concat()
    };
    let count = number(shape.iter().product());
    let storage = [
        b"(",
        &text("storage")[..],
        b"ctorch\nHalfStorage\n",
        &text(&storage.to_string()),
        &text("cpu"),
        &count,
    ]
    .concat();
    let (extents, strides) = (tuple(shape.to_vec()), tuple((0..shape.len()).map(step).collect()));
    let beginning = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    let end = b"\x89ccollections\nOrderedDict\n)RtR";
    [beginning, &storage[..], b"tQ", &number(0), &extents, &strides, end].concat()
}

/// What `torch.save` writes of tensors, those of the named parts in dictionaries of their own.
fn saved(tensors: &[Tensor], parts: &[&str]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}".to_vec();
    let numbered = || tensors.iter().enumerate();
    if parts.is_empty() {
        numbered().for_each(|(at, (name, shape, _))| {
            pickle.extend([text(name), tensor(at, shape), b"s".to_vec()].concat());
        });
    }
    for part in parts {
        pickle.extend([text(part), b"}".to_vec()].concat());
        for (at, (name, shape, _)) in numbered() {
            if let Some(name) = name.strip_prefix(part) {
                pickle.extend([text(&name[1..]), tensor(at, shape), b"s".to_vec()].concat());
            }
        }
        pickle.push(b's');
    }
    pickle.push(b'.');
    let numbers = |(.., values): &Tensor| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let data = numbered().map(|(at, tensor)| (format!("archive/data/{at}"), numbers(tensor)));
    archive(std::iter::once(("archive/data.pkl".to_owned(), pickle)).chain(data))
}

/// A ZIP archive of these files, stored as they are.
fn archive(files: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let (mut bytes, mut directory, mut count) = (vec![], vec![], 0u16);
    for (name, file) in files {
        let size = (file.len() as u32).to_le_bytes();
        let about =
            [&[0; 8][..], &[0; 4], &size, &size, &(name.len() as u16).to_le_bytes(), &[0; 2]].concat();
        let place = (bytes.len() as u32).to_le_bytes();
        bytes.extend([b"PK\x03\x04\x00\x00", &about[..], name.as_bytes(), &file].concat());
        directory
            .extend([b"PK\x01\x02\x00\x00\x00\x00", &about[..], &[0; 10], &place, name.as_bytes()].concat());
        count += 1;
    }
    let (start, length) = ((bytes.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = count.to_le_bytes();
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06\x00\x00\x00\x00", &count[..], &count, &length, &start, &[0; 2]].concat());
    bytes
}

#[test]
fn pictures_are_the_same_with_pytorchs_files() {
    let fixture = Fixture::new();
    let parts = ["image_proj", "ip_adapter"];
    let bytes = |file: &str, prefix: &str, parts: &[&str]| saved(&fixture.seeded(file, prefix), parts);
    for (name, prefix) in [("base", "ip_base"), ("plus", "ip_plus")] {
        fs::write(fixture.at(&format!("{name}.bin")), bytes(name, prefix, &parts)).expect("written");
    }
    fs::create_dir_all(fixture.at("pickled/image_encoder")).expect("a folder");
    let encoder = fixture.at("pickled/image_encoder/pytorch_model.bin");
    fs::write(encoder, bytes("vision", "image_encoder", &[])).expect("written");
    fs::copy(fixture.encoder().join("config.json"), fixture.at("pickled/image_encoder/config.json"))
        .expect("copied");
    for case in [&rows()[0], &rows()[2]] {
        let mut engine = fixture.engine(Arc::new(CpuBackend::new()), case, Precision::F32);
        let request = fixture.request(case);
        let pickled = |prompt: &ImagePrompt| ImagePrompt {
            file: prompt.file.with_extension("bin"),
            encoder: fixture.at("pickled"),
            ..prompt.clone()
        };
        let image_prompts = request.image_prompts.iter().map(pickled).collect();
        let from_pickles = engine.draw(&Request { image_prompts, ..request.clone() }).expect("a picture");
        assert!(from_pickles == engine.draw(&request).expect("a picture"), "{}", case["name"]);
    }
}
