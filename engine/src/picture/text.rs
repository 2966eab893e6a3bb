//! Files without what they say of themselves: the pixels stay, bit for bit.

use bytes::Bytes;
use img_parts::jpeg::{Jpeg, markers};
use img_parts::png::Png;
use img_parts::webp::{CHUNK_XMP, WebP};
use img_parts::{Error as Broken, ImageEXIF as _};

use super::Format;

/// The chunks of a PNG that say how its pixels are to be shown.
const SHOWN: [&[u8; 4]; 10] =
    [b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"pHYs", b"IDAT", b"IEND"];

/// A file without settings, comments and the like; `None` if it is no file of this format.
#[must_use]
pub fn without_text(file: Vec<u8>, format: Format) -> Option<Vec<u8>> {
    stripped(file.into(), format).ok()
}

fn stripped(file: Bytes, format: Format) -> Result<Vec<u8>, Broken> {
    match format {
        Format::Png => {
            let mut png = Png::from_bytes(file)?;
            png.chunks_mut().retain(|chunk| SHOWN.contains(&&chunk.kind()));
            Ok(png.encoder().bytes().to_vec())
        }
        Format::Jpeg => {
            let mut jpeg = Jpeg::from_bytes(file)?;
            // JFIF's and Adobe's segments and the colour profile belong to the pixels.
            let says = |marker| matches!(marker, markers::COM | markers::APP1..=markers::APP15);
            let belongs = |marker| matches!(marker, markers::APP2 | markers::APP14);
            jpeg.segments_mut().retain(|segment| belongs(segment.marker()) || !says(segment.marker()));
            Ok(jpeg.encoder().bytes().to_vec())
        }
        Format::WebP => {
            let mut webp = WebP::from_bytes(file)?;
            webp.remove_chunks_by_id(CHUNK_XMP);
            // This also notes in the head of the file that neither is there any more.
            webp.set_exif(None);
            Ok(webp.encoder().bytes().to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use img_parts::png::PngChunk;

    use super::*;
    use crate::picture::{Picture, tests::parameters};

    #[test]
    fn what_is_left_is_the_file_as_it_is_without_settings() {
        let rgb = (0..40 * 24 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let picture = Picture::new(40, 24, rgb);
        for (prompt, negative) in [("a red circle", None), ("赤い丸 ё", Some("a blue one")), ("", Some(""))]
        {
            for format in [Format::Png, Format::Jpeg, Format::WebP] {
                let plain = picture.encode(format, None).unwrap();
                let told = picture.encode(format, Some(&parameters(prompt, negative))).unwrap();
                assert_ne!(told, plain, "{format:?} carries them");
                assert!(without_text(told, format) == Some(plain.clone()), "{format:?}, {prompt}");
                assert!(without_text(plain.clone(), format) == Some(plain), "{format:?} without any");
            }
        }
    }

    #[test]
    fn every_chunk_of_text_goes_whoever_wrote_it() {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 1, 1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_source_gamma(png::ScaledFloat::new(0.5));
        encoder.add_text_chunk("parameters".into(), "a secret".into()).unwrap();
        encoder.add_ztxt_chunk("prompt".into(), "a secret".into()).unwrap();
        encoder.add_itxt_chunk("workflow".into(), "a secret".into()).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_chunk(png::chunk::ChunkType(*b"eXIf"), b"a secret").unwrap();
        writer.write_image_data(&[1, 2, 3]).unwrap();
        writer.finish().unwrap();
        let left = Png::from_bytes(without_text(png, Format::Png).unwrap().into()).unwrap();
        let kinds: Vec<_> = left.chunks().iter().map(PngChunk::kind).collect();
        assert_eq!(kinds, [*b"IHDR", *b"gAMA", *b"IDAT", *b"IEND"]);
    }

    #[test]
    fn what_is_no_file_of_the_format_is_not_passed_on() {
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            assert_eq!(without_text(b"a prompt".to_vec(), format), None, "{format:?}");
        }
    }
}
