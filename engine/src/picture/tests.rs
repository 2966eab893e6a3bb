//! Claims about pictures and their files.

use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::noise::Rng;

/// A small picture with every edge value in it.
fn picture() -> Picture {
    let rgb = (0..16 * 8 * 3).map(|i| (i * 37 % 256) as u8).collect();
    Picture::new(16, 8, rgb)
}

pub(super) fn parameters(prompt: &str, negative: Option<&str>) -> Parameters {
    Parameters {
        prompt: prompt.into(),
        negative_prompt: negative.map(Into::into),
        steps: 4,
        sampler: "Euler".into(),
        schedule: "SGM Uniform".into(),
        spacing: "trailing".into(),
        nag: None,
        loras: vec![],
        vae: String::new(),
        eta: None,
        guidance: 1.0,
        seed: u64::MAX,
        width: 16,
        height: 8,
        model: "demo".into(),
        rng: Rng::Torch,
        extras: vec![],
        version: "Fulmen 0.1.0".into(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_record_names_what_only_some_pictures_have() {
    let written = Parameters {
        nag: Some([3.0, 2.5, 0.5]),
        vae: "sdxl_vae, fixed".into(),
        eta: Some(0.3),
        extras: vec![("Tiling".into(), "True".into()), ("Control".into(), "a, b: c".into())],
        ..parameters("a fox", Some("a dog"))
    };
    assert_eq!(written.to_string().parse::<Parameters>().unwrap(), written);
    let with = Parameters { loras: vec![("ink".into(), 0.8), ("fox".into(), 1.0)], ..written.clone() };
    let read: Parameters = with.to_string().parse().unwrap();
    assert_eq!(read, Parameters { prompt: "a fox <lora:ink:0.8> <lora:fox:1>".into(), ..written });
}

#[test]
fn packed_pixels_become_rgb_and_alpha_nought_is_not_finite() {
    let picture = Picture::from_rgba(2, 1, &[0xff03_0201, 0x01ff_8000]).unwrap();
    assert_eq!(picture.rgb, [1, 2, 3, 0, 0x80, 0xff]);
    let error = Picture::from_rgba(2, 1, &[0xff00_0000, 0]).unwrap_err();
    assert!(matches!(error, Error::PictureNotFinite { .. }), "{error}");
}

#[test]
fn png_and_webp_give_back_every_pixel_and_jpeg_comes_near() {
    let folder = tempfile::tempdir().unwrap();
    let smooth = Picture::new(16, 16, (0..16 * 16 * 3).map(|i| 100 + (i / 48) as u8).collect());
    for name in ["a.png", "a.webp", "a.JPG", "a.jpeg"] {
        let file = folder.path().join(name);
        smooth.save(&file, None).unwrap();
        let read = image::load_from_memory(&std::fs::read(&file).unwrap()).unwrap().to_rgb8();
        let worst = read.iter().zip(&smooth.rgb).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let allowed = if name.to_lowercase().contains("jp") { 3 } else { 0 };
        assert!(worst <= allowed, "{name} is off by {worst}");
    }
    assert_eq!(names(folder.path()).len(), 4, "nothing else is left");
}

#[test]
fn settings_come_back_out_of_a_png_in_any_script() {
    for prompt in ["a cat, \"quoted\"", "naïve café", "日本語 😀\nsecond line"] {
        let written = parameters(prompt, Some("blurry"));
        let bytes = picture().encode(Format::Png, Some(&written)).unwrap();
        let reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let info = reader.info();
        let latin = info.uncompressed_latin1_text.iter().map(|chunk| chunk.text.clone());
        let unicode = info.utf8_text.iter().map(|chunk| chunk.get_text().unwrap());
        let texts: Vec<String> = latin.chain(unicode).collect();
        assert_eq!(texts.len(), 1, "{prompt}");
        assert_eq!(texts[0].parse::<Parameters>().unwrap(), written);
    }
}

/// The comment in a JPEG's or WebP's EXIF, by a reader that is not ours.
fn comment(bytes: Vec<u8>) -> String {
    let read = ::exif::Reader::new().read_from_container(&mut Cursor::new(bytes)).unwrap();
    let field = read.get_field(::exif::Tag::UserComment, ::exif::In::PRIMARY).unwrap();
    let ::exif::Value::Undefined(value, _) = &field.value else { panic!("{field:?}") };
    let text = value.strip_prefix(b"UNICODE\0").unwrap();
    let units: Vec<u16> = text.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

#[test]
fn settings_come_back_out_of_jpeg_and_webp_in_any_script() {
    for prompt in ["a cat, \"quoted\"", "naïve café", "日本語 😀\nsecond line", ""] {
        for format in [Format::Jpeg, Format::WebP] {
            let written = parameters(prompt, Some("blurry"));
            let bytes = picture().encode(format, Some(&written)).unwrap();
            let pixels = image::load_from_memory(&bytes).unwrap();
            assert_eq!((pixels.width(), pixels.height()), (16, 8), "{format:?}");
            assert_eq!(comment(bytes).parse::<Parameters>().unwrap(), written, "{format:?}");
            let silent = picture().encode(format, None).unwrap();
            let read = ::exif::Reader::new().read_from_container(&mut Cursor::new(silent));
            assert!(read.is_err(), "{format:?} says nothing where nothing is to be said");
        }
    }
}

#[test]
fn prompts_that_a_jpeg_has_no_room_for_are_cut_and_all_other_settings_stay() {
    let (long, longer) = ("😀 日本 ".repeat(8_000), "blurry\n".repeat(20_000));
    for (prompt, negative) in [(&long[..], ""), ("a cat", &longer), (&long, &longer), (&longer, "ugly")] {
        let written = parameters(prompt, Some(negative));
        let bytes = picture().encode(Format::Jpeg, Some(&written)).unwrap();
        assert!(image::load_from_memory(&bytes).is_ok());
        let text = comment(bytes);
        let units = text.encode_utf16().count();
        assert!((32_700..=32_737).contains(&units), "{units} units are as many as fit");
        let read: Parameters = text.parse().unwrap();
        let negative_read = read.negative_prompt.clone().unwrap();
        for (read, written) in [(&read.prompt[..], prompt), (&negative_read, negative)] {
            assert!(read == written || written.starts_with(read.strip_suffix('…').unwrap()), "{written:.20}");
        }
        assert_eq!(
            Parameters { prompt: prompt.into(), negative_prompt: Some(negative.into()), ..read },
            written
        );
        // The other formats hold them whole.
        let whole = comment(picture().encode(Format::WebP, Some(&written)).unwrap());
        assert_eq!(whole.parse::<Parameters>().unwrap(), written);
    }
}

#[test]
fn the_size_in_the_settings_is_that_of_the_file() {
    let written = Parameters { width: 128, height: 128, ..parameters("a cat", None) };
    for format in [Format::Jpeg, Format::WebP] {
        let text = comment(picture().encode(format, Some(&written)).unwrap());
        assert!(text.contains("Size: 16x8,"), "{format:?}: {text}");
    }
    let png = picture().encode(Format::Png, Some(&written)).unwrap();
    let text = String::from_utf8_lossy(&png).into_owned();
    assert!(text.contains("Size: 16x8,") && !text.contains("128x128"), "{text}");
}

#[test]
fn a_nul_in_a_prompt_does_not_end_the_text() {
    let bytes = picture().encode(Format::Png, Some(&parameters("a\0cat", None))).unwrap();
    let reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
    let text = &reader.info().uncompressed_latin1_text[0].text;
    assert!(text.starts_with("a cat\nSteps: 4"), "{text}");
}

#[test]
fn names_that_do_not_say_what_to_write_are_refused() {
    for name in ["a", "a.", "a.gif", ".png", "", "a.png/"] {
        let verdict = Format::of(Path::new(name)).map_err(|e| e.to_string());
        let want = "end it in .png, .jpg or .webp";
        // A path that ends in a slash still names its last part.
        assert!(name == "a.png/" || verdict.as_ref().is_err_and(|e| e.contains(want)), "{name}: {verdict:?}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("folder.png");
    std::fs::create_dir(&taken).unwrap();
    for file in [taken, folder.path().join("missing/a.png")] {
        let error = picture().save(&file, None).unwrap_err();
        assert!(matches!(&error, Error::Write { file: named, .. } if *named == file), "{error}");
        assert!(!error.to_string().contains(".part"), "{error}");
    }
    assert_eq!(names(folder.path()), ["folder.png"]);
}

#[cfg(unix)]
#[test]
fn saving_again_goes_through_links_and_keeps_the_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("a.png"), folder.path().join("link.png"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    std::fs::write(&file, "old").unwrap();
    let mode = |file| std::fs::metadata(file).unwrap().permissions().mode() & 0o7777;
    let umask = mode(&file);
    for kept in [umask, 0o600, 0o660] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(kept)).unwrap();
        picture().save(&link, None).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink(), "the link is still a link");
        assert!(image::open(&file).is_ok());
        assert_eq!(mode(&file), kept);
    }
    let new = folder.path().join("new.png");
    picture().save(&new, None).unwrap();
    assert_eq!(mode(&new), umask);
}

/// A device is written to, not replaced; this one is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("full.png");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let error = picture().save(&link, None).unwrap_err().to_string();
    assert!(error.starts_with("cannot write") && error.contains("full.png"), "{error}");
}

#[test]
fn settings_read_as_automatic1111_writes_them() {
    assert_eq!(
        parameters("a cat", Some("blurry, ugly")).to_string(),
        "a cat\nNegative prompt: blurry, ugly\nSteps: 4, Sampler: Euler, Schedule type: SGM Uniform, CFG scale: 1, \
         Seed: 18446744073709551615, Size: 16x8, Model: demo, RNG: CPU, Spacing: trailing, Version: Fulmen 0.1.0"
    );
    let foreign = "a cat, <lora:x:1>\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, \
                   Size: 512x768, Model hash: 6ce0161689, Model: v1-5, Lora hashes: \"x: aa, y: bb\", Version: v1.9.4";
    let read: Parameters = foreign.parse().unwrap();
    assert_eq!((read.steps, read.guidance, read.seed, read.width, read.height), (20, 7.5, 42, 512, 768));
    assert_eq!(
        (read.sampler.as_str(), read.model.as_str(), read.version.as_str()),
        ("DPM++ 2M", "v1-5", "v1.9.4")
    );
    assert_eq!((read.rng, read.negative_prompt), (Rng::Philox, None));
    assert_eq!((read.schedule.as_str(), read.spacing.as_str()), ("Karras", ""));
}

#[test]
fn text_without_settings_is_refused_by_name() {
    for text in ["", "a cat", "a cat\nSteps: 4", "a cat\nSteps: many, Size: 8x8", "\n\n", "a\n\"\":\"\",:,,"]
    {
        let error = text.parse::<Parameters>().unwrap_err().to_string();
        assert!(error.contains("is missing or not a number"), "{text:?}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn settings_survive_text_and_back(
        prompt in "(\\PC|[,:\"\\\\\n]){0,60}",
        negative in proptest::option::of("(\\PC|[,:\"\\\\\n]){0,60}"),
        model in "(\\PC|[,:\"\\\\\n ]){0,20}",
        seed: u64, guidance in 0.0_f32..100.0,
    ) {
        let mut written = parameters(&prompt, negative.as_deref());
        (written.model, written.seed, written.guidance) = (model, seed, guidance);
        prop_assert_eq!(written.to_string().parse::<Parameters>().unwrap(), written);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|[,:\"\\\\\n]|Steps: |Size: 8x8){0,80}") {
        let _ = text.parse::<Parameters>();
    }
}

#[test]
fn an_enlarged_picture_says_the_size_in_which_it_was_drawn() {
    let picture = Picture::new(32, 16, vec![9; 32 * 16 * 3]);
    let drawn = parameters("a fox", None);
    let said = |parameters: &Parameters| {
        let bytes = picture.encode(Format::Png, Some(parameters)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    assert!(said(&drawn).contains("Size: 32x16"));
    let extras = vec![(Parameters::UPSCALED.into(), "2".into())];
    let text = said(&Parameters { extras, ..drawn });
    assert!(text.contains("Size: 16x8") && text.contains("Postprocess upscale by: 2"), "{text}");
}
