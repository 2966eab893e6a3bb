//! Networks in PyTorch's files, with a dictionary for each of their parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use half::f16;

use crate::weights::{NetworkFile, NetworkFolder, Standalone, torch};

fn fixture() -> Vec<u8> {
    let file = "../tests/fixtures/ip_adapter_nested.bin";
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The file with another pickle, which is no longer than its own.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let mut bytes = fixture();
    let place = bytes.windows(3).position(|at| at == b"\x80\x02}").unwrap();
    bytes[place..place + pickle.len()].copy_from_slice(pickle);
    bytes
}

fn refusal(bytes: Vec<u8>) -> String {
    torch::contents(Path::new("x"), &Bytes::from(bytes)).map(drop).expect_err("no network")
}

fn folder() -> NetworkFolder {
    NetworkFolder { stem: "model", within: "image_encoder" }
}

#[test]
fn dictionaries_in_a_dictionary_are_parts_of_one_network() {
    let contents = torch::contents(Path::new("x"), &Bytes::from(fixture())).unwrap();
    let tensor = |(name, tensor): (String, crate::weights::stored::StoredTensor)| {
        let numbers = tensor.bytes.as_chunks::<2>().0.iter().map(|two| f16::from_le_bytes(*two).to_f32());
        (name, (tensor.shape, numbers.collect::<Vec<f32>>()))
    };
    let found: BTreeMap<_, _> = contents.tensors.into_iter().map(tensor).collect();
    let count = |first: u8, shape: &[usize]| {
        let all: usize = shape.iter().product();
        (shape.to_vec(), (0..all).map(|i| f32::from(first) + i as f32).collect::<Vec<f32>>())
    };
    let wanted = [
        ("image_proj.proj.weight", count(0, &[3, 2])),
        ("image_proj.proj.bias", count(10, &[3])),
        ("ip_adapter.1.to_k_ip.weight", count(100, &[2, 3])),
        ("ip_adapter.1.to_v_ip.weight", count(200, &[2, 3])),
    ];
    assert_eq!(found, wanted.map(|(name, tensor)| (name.to_owned(), tensor)).into());
}

#[test]
fn dictionaries_of_anything_else_are_refused() {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let (first, second) = (text("image_proj"), text("ip_adapter"));
    // Something to run, in the place of a part.
    let run = [b"\x80\x02}", &first[..], b"cos\nsystem\n", &text("id"), b"\x85Rs."].concat();
    assert!(refusal(with_pickle(&run)).starts_with("asks for `os.system`"), "{}", refusal(with_pickle(&run)));
    // Parts that are no dictionaries, that are empty, and that hold the whole or each other.
    let number = [b"\x80\x02}", &first[..], b"K\x01s."].concat();
    let empty = [b"\x80\x02}", &first[..], b"}s", &second, b"}s."].concat();
    let whole = [b"\x80\x02}q\x00", &first[..], b"h\x00s", &second, b"h\x00s."].concat();
    let each = [b"\x80\x02}", &first[..], b"}q\x00", &second, b"}q\x01", &first, b"h\x00ssh\x00s."].concat();
    for pickle in [number, empty, whole] {
        let said = refusal(with_pickle(&pickle));
        assert!(said.contains("holds no network"), "{said}");
    }
    assert!(refusal(with_pickle(&each)).contains("pickle"), "{}", refusal(with_pickle(&each)));
}

#[test]
fn a_file_that_is_cut_off_or_damaged_is_refused_or_read() {
    let whole = fixture();
    for end in 0..whole.len() {
        assert!(torch::contents(Path::new("x"), &Bytes::copy_from_slice(&whole[..end])).is_err(), "{end}");
    }
    for at in 0..whole.len() {
        for value in [0, b'}', b'(', b'h', 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let Ok(contents) = torch::contents(Path::new("x"), &Bytes::from(bytes)) else { continue };
            for tensor in contents.tensors.values() {
                let count: usize = tensor.shape.iter().product();
                assert_eq!(tensor.numbers.clone().unwrap().bytes(count), tensor.bytes.len(), "{at}: {value}");
            }
        }
    }
}

/// A folder with these files.
fn with_files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    folder
}

#[test]
fn pytorchs_files_are_read_where_a_folder_has_no_others() {
    let bytes = fixture();
    let names = |path: PathBuf| -> Result<usize, String> {
        let file = NetworkFile::open(&path, folder(), "x").map_err(|error| error.to_string())?;
        Ok(file.names().count())
    };
    let one = with_files(&[("adapter.bin", &bytes)]);
    assert_eq!(names(one.path().into()), Ok(4));
    assert_eq!(names(one.path().join("adapter.bin")), Ok(4));
    // As a whole download has it, with what a trainer left.
    let trained: &[(&str, &[u8])] = &[
        ("image_encoder/config.json", b"{}"),
        ("image_encoder/pytorch_model.bin", &bytes),
        ("image_encoder/optimizer.bin", b"what is never looked at"),
    ];
    let trained = with_files(trained);
    assert_eq!(names(trained.path().into()), Ok(4));
    let several = with_files(&[("a.bin", &bytes), ("b.pth", &bytes)]);
    let said = names(several.path().into()).unwrap_err();
    assert!(said.contains("has several files of weights; give one of `a.bin`, `b.pth`"), "{said}");
    // One that can be mapped at once is preferred, and what is wrong with it is told.
    let both = with_files(&[("a.safetensors", b"no tensors"), ("model.bin", &bytes)]);
    let said = names(both.path().into()).unwrap_err();
    assert!(said.contains("a.safetensors"), "{said}");
    assert!(!Standalone::is_guide(one.path()).unwrap());
}
