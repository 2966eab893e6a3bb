//! What all families do with pictures: seeds, files, links.

use fulmen_engine::picture::{Format, JPEG_QUALITY};

use crate::app::App;
use crate::fields::Values;
use crate::http::{File, Request};
use crate::jobs::{Drawing, Spec};
use crate::problem::Problem;
use crate::store::{Image, ImageKind, NewImage};
use crate::warning::Warning;

/// A byte for each colour, and a little for rows and headers: no PNG or WebP of ours is larger.
const MOST_BYTES_A_PIXEL: u64 = 4;

/// Settings and headers of a file, the record of a picture with its indices, and what blocks of the disk leave unused.
const MOST_BYTES_BESIDE: u64 = 32 << 10;

/// A text stands in a file as UTF-8, and in some formats once more as UTF-16.
const MOST_BYTES_OF_A_TEXT: u64 = 4;

/// The requested seed, or a random one. The generator of the noise, torch's, reads 32 bits of it.
pub(crate) fn seed(values: &Values, warnings: &mut Vec<Warning>) -> u64 {
    let Some(seed) = values.integer("seed") else { return fresh_seed() };
    let read = seed & u64::from(u32::MAX);
    if seed != read {
        let message = format!(
            "`seed`: {seed} draws the same picture as {read}, because the noise generator reads 32 bits"
        );
        warnings.push(Warning::new("seed_read_in_part", "seed", message));
    }
    seed
}

/// Seeds that are chosen here are small enough to be typed again, and fit every client's integers.
fn fresh_seed() -> u64 {
    let random = getrandom::u32().unwrap_or_else(|_| crate::clock::now().subsec_nanosecond().unsigned_abs());
    u64::from(random)
}

/// Whether a request wants its files to say how they were drawn; `None`: as the server was started.
fn png_text(values: &Values) -> Option<bool> {
    values.text("png_text").map(|word| word == "full")
}

/// How the sampler goes, how a prompt is read and what files say, in the members that two families share.
pub(super) fn sampling(values: &Values) -> Spec {
    let number = |name: &str| values.number(name).map(|number| number as f32);
    let word = |name: &str| values.text(name).map(Into::into);
    Spec {
        guidance: number("guidance_scale"),
        nag_scale: number("nag_scale"),
        nag_tau: number("nag_tau"),
        nag_alpha: number("nag_alpha"),
        sampler: word("sampler"),
        sigmas: word("sigmas"),
        eta: number("eta"),
        spacing: word("spacing"),
        prediction: word("prediction"),
        prompt_syntax: word("prompt_syntax"),
        long_prompts: word("long_prompts"),
        png_text: png_text(values),
        ..Spec::default()
    }
}

/// How much room a job takes at most: its files with the texts in them, and their records.
pub(crate) fn stored_bytes(spec: &Spec) -> u64 {
    let pixels = (spec.width * spec.height) as u64;
    let texts = spec.prompt.len() + spec.negative_prompt.as_ref().map_or(0, String::len);
    let picture = pixels * MOST_BYTES_A_PIXEL + texts as u64 * MOST_BYTES_OF_A_TEXT + MOST_BYTES_BESIDE;
    spec.images as u64 * picture
}

/// The kind of file that a drawing becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// Of a JPEG, from 1 to 100.
    pub(crate) quality: u8,
}

impl Output {
    /// A file without loss.
    pub(crate) const PNG: Self = Self { format: Format::Png, quality: JPEG_QUALITY };
}

/// A drawing as a file.
///
/// # Errors
/// 400 where the format has no pictures of this size.
pub(crate) fn file(drawing: &Drawing, output: Output) -> Result<Vec<u8>, Problem> {
    let encoded = drawing.picture.encode_at(output.quality, output.format, drawing.parameters.as_ref());
    encoded.map_err(|error| Problem::field("output_format", error.to_string()))
}

/// A drawing as it is kept: without a name, until it is deleted.
///
/// # Errors
/// As [`file`].
pub(crate) fn kept(
    (id, owner): (String, &str),
    kind: ImageKind,
    (drawing, output): (&Drawing, Output),
) -> Result<NewImage, Problem> {
    Ok(NewImage {
        id,
        owner: owner.to_owned(),
        kind,
        name: String::new(),
        width: drawing.picture.width,
        height: drawing.picture.height,
        format: output.format,
        bytes: file(drawing, output)?.into(),
        seed: drawing.seed,
        expires_at: None,
        public: false,
    })
}

/// A kept picture as it is handed out, with headers of its own. `edit` may change the file's bytes.
///
/// # Errors
/// 404 where it was deleted meanwhile, 503 where the disk refuses or others have the memory for it; `edit`'s own.
pub(crate) fn whole(
    (app, request): (&App, &Request),
    image: &Image,
    headers: Vec<(&'static str, String)>,
    edit: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Problem>,
) -> Result<File, Problem> {
    // The file, and what it is edited to.
    let share = request.memory.for_answer(2 * image.size as usize)?;
    let bytes = edit(app.store.bytes(image)?)?;
    Ok(File { media_type: image.format.media_type(), bytes, modified: image.created_at, headers, share })
}

/// `png`, `jpeg`, `webp`: the word of the documented APIs, and the files' extension.
pub(crate) fn word(format: Format) -> &'static str {
    match format {
        Format::Png => "png",
        Format::Jpeg => "jpeg",
        Format::WebP => "webp",
    }
}

/// The format of a word that was checked already.
pub(crate) fn format(word: Option<&str>) -> Format {
    match word {
        Some("jpeg") => Format::Jpeg,
        Some("webp") => Format::WebP,
        _ => Format::Png,
    }
}
