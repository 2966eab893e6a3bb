use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::weights::{UpscalerFile, torch, zip::Zip};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/upscalers").join(name)
}

fn refusal(path: &Path) -> String {
    UpscalerFile::open(path).map(drop).expect_err("no upscaler").to_string()
}

/// Numbers that follow from a seed.
fn numbers(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    }
}

#[test]
fn tensors_of_pytorchs_files_are_read_where_they_lie() {
    let bytes = Bytes::from(fs::read(fixture("rrdb_newer.pth")).unwrap());
    let contents = torch::contents(Path::new("net.pth"), &bytes).unwrap();
    let file = bytes.as_ptr() as usize..bytes.as_ptr() as usize + bytes.len();
    assert_eq!(contents.tensors.len(), 2 * (6 + 15));
    for tensor in contents.tensors.values() {
        assert!(
            tensor.bytes.is_empty() || file.contains(&(tensor.bytes.as_ptr() as usize)),
            "{}",
            tensor.key
        );
    }
}

#[test]
fn averages_over_the_training_are_taken_where_a_file_has_both() {
    // Its `params` are a network of other extents.
    let file = UpscalerFile::open(&fixture("rrdb_folded.pth")).unwrap();
    assert_eq!(file.shape("conv_first.weight"), Some(&[8, 12, 3, 3][..]));
}

#[test]
fn pytorchs_files_cut_off_or_damaged_anywhere_are_refused_or_read() {
    for name in ["rrdb_newer.pth", "srvgg.pth"] {
        let whole = fs::read(fixture(name)).unwrap();
        for end in (0..whole.len()).step_by(61).chain(whole.len() - 200..whole.len()) {
            let cut = Bytes::copy_from_slice(&whole[..end]);
            assert!(torch::contents(Path::new("x"), &cut).is_err(), "{name} up to {end}");
        }
        let mut next = numbers(7);
        for _ in 0..4000 {
            let mut bytes = whole.clone();
            for _ in 0..1 + next() % 4 {
                // The pickle and both directories are where something can go wrong.
                let near = match next() % 3 {
                    0 => next() % 6000,
                    1 => bytes.len() - 1 - next() % 6000,
                    _ => next() % bytes.len(),
                };
                bytes[near] = next() as u8;
            }
            if let Ok(contents) = torch::contents(Path::new("x"), &Bytes::from(bytes)) {
                contents.tensors.values().filter(|tensor| tensor.numbers.is_ok()).for_each(|tensor| {
                    let count: usize = tensor.shape.iter().product();
                    assert_eq!(tensor.numbers.clone().unwrap().bytes(count), tensor.bytes.len());
                });
            }
        }
    }
}

#[test]
fn archives_that_are_not_pytorchs_are_called_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    let tar = [&[0u8; 257][..], b"ustar\0", &[0; 300]].concat();
    for (bytes, said) in [
        (&b"\x80\x02cos\nsystem\n."[..], "pickle"),
        (&tar, "of the form before version 1.6"),
        (b"PK\x03\x04 and nothing more", "damaged or cut off"),
        (b"", "is empty"),
    ] {
        fs::write(&path, bytes).unwrap();
        assert!(refusal(&path).contains(said), "{}", refusal(&path));
    }
    // An empty archive.
    fs::write(&path, [&b"PK\x03\x04"[..], &[0; 26], b"PK\x05\x06", &[0; 18]].concat()).unwrap();
    assert!(refusal(&path).contains("ZIP archive"), "{}", refusal(&path));
}

#[test]
fn entries_that_are_packed_or_lie_beyond_the_file_are_refused() {
    let whole = fs::read(fixture("rrdb_newer.pth")).unwrap();
    let entry = whole.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    let with = |place: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[entry + place] = value;
        Zip::read(&Bytes::from(bytes)).map(drop).expect_err("an error")
    };
    assert!(with(10, 8).contains("is a compressed archive"), "{}", with(10, 8));
    // Its size, and where it begins.
    assert!(with(27, 0x7f).contains("compressed archive") || with(27, 0x7f).contains("damaged"));
    assert!(with(45, 0x7f).contains("damaged"), "{}", with(45, 0x7f));
}

const SRVGG: &str = "7767517\n8 9\nInput in 0 1 data\nSplit s 1 2 data a b\nConvolution c0 1 1 a d 0=4 1=3 4=1 5=1 6=108\n\
                     PReLU p0 1 1 d e 0=4\nConvolution c1 1 1 e f 0=12 1=3 4=1 5=1 6=432\nPixelShuffle x 1 1 f g 0=2\n\
                     Interp i 1 1 b h 0=1 1=2.0 2=2.0\nBinaryOp add 2 1 g h out\n";

/// Files of ncnn's with these layers, and numbers for the ones above.
fn ncnn(folder: &Path, param: &str, extra: usize) -> PathBuf {
    let floats = |count: usize| vec![0x3c; 4 * count];
    let bin = [vec![0; 4], floats(108 + 4), floats(4), vec![0; 4], floats(432 + 12), vec![0; extra]].concat();
    fs::write(folder.join("net.bin"), bin).unwrap();
    fs::write(folder.join("net.param"), param).unwrap();
    folder.join("net.param")
}

#[test]
fn ncnns_networks_are_known_by_their_layers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let open = |param: &str, extra| UpscalerFile::open(&ncnn(folder.path(), param, extra));
    let file = open(SRVGG, 0).unwrap();
    assert_eq!((file.shape("body.2.weight"), file.reduction), (Some(&[12, 4, 3, 3][..]), 1.0));
    let same = UpscalerFile::open(&folder.path().join("net.bin")).unwrap();
    assert_eq!(same.names().collect::<Vec<_>>(), file.names().collect::<Vec<_>>());
    for (from, to) in [
        ("BinaryOp add 2 1 g h out", "BinaryOp add 2 1 g h out 0=2"),
        ("1=2.0 2=2.0", "1=3.0 2=3.0"),
        ("Interp i 1 1 b h 0=1", "Interp i 1 1 b h 0=2"),
        ("PReLU p0", "ReLU p0"),
        ("0=4 1=3 4=1", "0=4 1=3 4=0"),
        ("0=4 1=3 4=1", "0=4 1=3 3=2 4=1"),
        ("5=1 6=432", "5=1 6=432 9=2 -23310=1,0.1"),
    ] {
        assert!(SRVGG.contains(from));
        let said = refusal(&ncnn(folder.path(), &SRVGG.replacen(from, to, 1), 0));
        assert!(said.contains("neither RRDBNet"), "{to}: {said}");
    }
    for (param, extra, expected) in [
        (SRVGG.replace("8 9", "9 9"), 0, "has 8 layers and promises 9"),
        (SRVGG.replace("Split s 1 2 data a b", "Split s 1 99999 data a b"), 0, "has a damaged line 4"),
        (SRVGG.replace("0=12", "0=twelve"), 0, "has a damaged line 7"),
        (SRVGG.to_owned(), 4, "has 4 bytes more than its layers need"),
        (SRVGG.replace("0=4 1=3 4=1 5=1 6=108", "0=4 1=3 4=1 5=1 6=1080"), 0, "ends before its last layer"),
        (SRVGG.replace("0=4 1=3 4=1 5=1 6=108", "0=4 1=3 4=1 5=1 6=1e308"), 0, "ends before its last layer"),
    ] {
        let said = refusal(&ncnn(folder.path(), &param, extra));
        assert!(said.contains(expected), "{expected}: {said}");
    }
    fs::remove_file(folder.path().join("net.bin")).unwrap();
    assert!(refusal(&folder.path().join("net.param")).contains("needs the .bin file beside it"));
}

#[test]
fn ncnns_files_damaged_anywhere_are_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = numbers(11);
    let (mut read, words) = (0, ["=", " ", "-", "9", "e9", "\n", ",", "0", "\u{fc}"]);
    for _ in 0..600 {
        let mut param = SRVGG.to_owned();
        let at = next() % param.len();
        if param.is_char_boundary(at) {
            param.replace_range(at..=at, words[next() % words.len()]);
        }
        read += usize::from(UpscalerFile::open(&ncnn(folder.path(), &param, 0)).is_ok());
    }
    assert!((1..600).contains(&read), "{read} of them");
}
