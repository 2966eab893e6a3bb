//! Pictures that are read: every kind of file against Pillow, hostile ones, and what reading costs.

mod hostile;
mod mutations;

use fulmen_engine::picture::{Format, Head, Limits, Picture, read};
use safetensors::SafeTensors;

use super::golden::beside;

/// A file of the fixture, and `[height, width, 4]` as Pillow reads it.
struct Sample {
    name: String,
    file: Vec<u8>,
    size: [usize; 2],
    pixels: Option<Vec<u8>>,
}

fn samples() -> Vec<Sample> {
    let bytes = std::fs::read(beside("fixtures/pictures.safetensors")).expect("a fixture");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let names = tensors.names().into_iter().filter(|name| !name.ends_with(".pixels"));
    let mut samples: Vec<Sample> = names
        .map(|name| {
            let pixels = tensors.tensor(&format!("{name}.pixels")).ok();
            let shape = pixels.as_ref().map_or(&[0, 0][..], |pixels| pixels.shape());
            Sample {
                name: name.to_owned(),
                file: tensors.tensor(name).expect("a file").data().to_vec(),
                size: [shape[1], shape[0]],
                pixels: pixels.map(|pixels| pixels.data().to_vec()),
            }
        })
        .collect();
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(samples.len(), 58, "the fixture's files");
    samples
}

fn rgba(picture: &Picture) -> Vec<u8> {
    let alpha = picture.alpha.clone().unwrap_or_else(|| vec![255; picture.width * picture.height]);
    picture.rgb.chunks_exact(3).zip(alpha).flat_map(|(rgb, a)| [rgb[0], rgb[1], rgb[2], a]).collect()
}

/// The most that a number differs, and the mean.
fn apart(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let differences = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (differences().max().unwrap(), differences().map(f64::from).sum::<f64>() / a.len() as f64)
}

/// Decoders round the last step of JPEG and of lossy WebP in their own ways.
fn allowed(name: &str) -> (u8, f64) {
    match name {
        _ if name.ends_with(".png") || name.starts_with("lossless") => (0, 0.0),
        // 3 and 0.323 were measured.
        _ => (4, 0.5),
    }
}

#[test]
fn every_kind_of_file_has_the_pixels_that_pillow_reads() {
    let mut wrong = vec![];
    for Sample { name, file, size, pixels } in samples() {
        let Some(pixels) = pixels else { continue };
        let picture = read(&file, Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!([picture.width, picture.height], size, "{name}");
        let (most, mean) = apart(&rgba(&picture), &pixels);
        let (allowed_most, allowed_mean) = allowed(&name);
        if most > allowed_most || mean > allowed_mean {
            wrong.push(format!("{name}: at most {most}, {mean:.4} in the mean"));
        }
        let opaque = pixels.chunks_exact(4).all(|pixel| pixel[3] == 255);
        assert_eq!(picture.alpha.is_none(), opaque, "{name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_is_what_its_content_says_and_its_head_is_known_without_decoding() {
    for Sample { name, file, pixels, .. } in samples() {
        let Ok(head) = Head::of(&file) else {
            assert!(pixels.is_none(), "{name}");
            continue;
        };
        let format = match name.rsplit('.').next().unwrap() {
            "png" => Format::Png,
            "jpg" => Format::Jpeg,
            _ => Format::WebP,
        };
        // As stored: EXIF has not turned it.
        assert_eq!(head, Head { format, width: 37, height: 23 }, "{name}");
    }
}

#[test]
fn a_picture_written_is_read_again_with_its_alpha() {
    let rgb = (0..16 * 8 * 3).map(|i| (i * 37 % 256) as u8).collect();
    let alpha: Vec<u8> = (0..16 * 8).map(|i| (i * 2) as u8).collect();
    let clear = Picture { width: 16, height: 8, rgb, alpha: Some(alpha) };
    let opaque = Picture { alpha: None, ..clear.clone() };
    for format in [Format::Png, Format::WebP] {
        for picture in [&clear, &opaque] {
            let file = picture.encode(format, None).unwrap();
            assert!(read(&file, Limits::default()).unwrap() == *picture, "{format:?}");
        }
    }
    // A JPEG shows it on white.
    let shown = |picture: &Picture| picture.encode(Format::Jpeg, None).unwrap();
    assert_eq!(shown(&clear), shown(&clear.on_white()));
    assert_eq!(clear.on_white().rgb[..3], [255; 3], "alpha nought shows the paper");
    assert_ne!(shown(&clear), shown(&opaque));
}
