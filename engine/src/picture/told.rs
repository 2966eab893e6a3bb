//! The settings in a picture's file, as this program writes them, and AUTOMATIC1111 does.

use std::path::Path;

use bytes::Bytes;
use img_parts::ImageEXIF as _;
use img_parts::jpeg::Jpeg;
use img_parts::png::Png;
use img_parts::webp::WebP;

use super::read::{self, Head, Limits};
use super::write::KEYWORD;
use super::{Format, Parameters, Picture, comment};

/// Bytes of the longest text that is looked at: both prompts at their longest, and settings.
const LONGEST: usize = 4 << 20;

/// The picture of a file, as [`super::open`], and its settings.
///
/// # Errors
/// As [`super::open`].
pub fn open_with_settings(path: &Path, limits: Limits) -> crate::Result<(Picture, Option<Parameters>)> {
    let bytes = Bytes::from(read::file_bytes(path)?);
    Ok((read::of_bytes(path, &bytes, limits)?, settings(&bytes)))
}

/// The settings that a file carries; `None` where it has none, or other texts.
#[must_use]
pub fn settings(file: &Bytes) -> Option<Parameters> {
    let text = match Head::of(file).ok()?.format {
        Format::Png => {
            let png = Png::from_bytes(file.clone()).ok()?;
            png.chunks().iter().find_map(|chunk| text(&chunk.kind(), chunk.contents()))
        }
        Format::Jpeg => Jpeg::from_bytes(file.clone()).ok()?.exif().and_then(|exif| comment::read(&exif)),
        Format::WebP => WebP::from_bytes(file.clone()).ok()?.exif().and_then(|exif| comment::read(&exif)),
    };
    text?.parse().ok()
}

/// The settings in a chunk of a PNG: `tEXt` has Latin-1, `iTXt` UTF-8 behind a few more words. Packed texts, which nobody
/// writes here, are not unpacked.
fn text(kind: &[u8; 4], contents: &[u8]) -> Option<String> {
    let rest = contents.strip_prefix(KEYWORD.as_bytes())?.strip_prefix(b"\0")?;
    if rest.len() > LONGEST {
        return None;
    }
    match kind {
        b"tEXt" => Some(rest.iter().map(|byte| char::from(*byte)).collect()),
        b"iTXt" => {
            let [_language, _keyword, text] = {
                let mut parts = rest.strip_prefix(b"\0\0")?.splitn(3, |byte| *byte == 0);
                [parts.next()?, parts.next()?, parts.next()?]
            };
            String::from_utf8(text.to_vec()).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::parameters;

    #[test]
    fn settings_come_back_from_files_of_every_format() {
        let picture = Picture::new(16, 8, (0..16 * 8 * 3).map(|i| (i * 37 % 256) as u8).collect());
        for (prompt, negative) in [("a red circle", None), ("赤い丸 ё", Some("a blue one")), ("é", Some(""))]
        {
            let told = parameters(prompt, negative);
            for format in [Format::Png, Format::Jpeg, Format::WebP] {
                let file = Bytes::from(picture.encode(format, Some(&told)).unwrap());
                assert_eq!(settings(&file).as_ref(), Some(&told), "{format:?}");
                let plain = Bytes::from(picture.encode(format, None).unwrap());
                assert_eq!(settings(&plain), None, "{format:?}");
                for end in 0..file.len() {
                    drop(settings(&file.slice(..end)));
                }
            }
        }
    }

    #[test]
    fn other_texts_are_no_settings() {
        let with = |text: &str, packed: bool| {
            let mut png = Vec::new();
            let mut encoder = png::Encoder::new(&mut png, 1, 1);
            if packed {
                encoder.add_ztxt_chunk(KEYWORD.into(), text.into()).unwrap();
            } else {
                encoder.add_text_chunk("prompt".into(), text.into()).unwrap();
                encoder
                    .add_text_chunk(KEYWORD.into(), "{\"3\": {\"class_type\": \"KSampler\"}}".into())
                    .unwrap();
            }
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&[1]).unwrap();
            writer.finish().unwrap();
            settings(&png.into())
        };
        let text = parameters("a fox", None).to_string();
        assert_eq!((with(&text, false), with(&text, true)), (None, None));
        assert_eq!(settings(&Bytes::from_static(b"no picture")), None);
    }
}
