//! Pictures that callers send: as files, in base64, or as links of this server. They are looked through as a whole before
//! anything is kept; what is no picture, or too large a one, costs a sentence. Nothing is ever fetched.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fulmen_engine::edit::{Fit, has_transparent, has_white};
use fulmen_engine::picture::{Format, Head, Limits, decoding, read};
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::budget::Share;
use crate::fields::{LONGEST_SIDE, SHORTEST_SIDE};
use crate::http::Request;
use crate::problem::Problem;
use crate::route::Call;
use crate::store::{Image, ImageKind, InputKind, NewImage, UNUSED, new_uuid};

/// Pixels of a picture that is read, and of its longer side.
pub(crate) const MOST_PIXELS: usize = 16 << 20;
const LONGEST_SIDE_READ: usize = 8192;

/// What the record of a picture takes at most.
const RECORD: u64 = 8 << 10;

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A picture as it was sent.
#[derive(Debug)]
pub(crate) enum Sent<'a> {
    /// A file of a form.
    File(&'a [u8]),
    /// Base64, a data URI, or a link.
    Text(String),
}

/// A picture that was looked through.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    bytes: Cow<'a, [u8]>,
    format: Format,
    /// Upright, as its EXIF says.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whether it says of every pixel how opaque it is.
    pub(crate) has_alpha: bool,
    /// Whether some pixels are not there at all.
    pub(crate) has_holes: bool,
    /// Whether a mask of it has anything drawn: where it is transparent, and where it is white.
    pub(crate) draws_transparent: bool,
    pub(crate) draws_white: bool,
    /// The memory of a file that did not come with the request, as long as it is needed.
    #[expect(dead_code, reason = "it counts as long as it lives")]
    share: Option<Share>,
}

impl<'a> Input<'a> {
    /// Reads a picture that is the value of this member.
    ///
    /// # Errors
    /// 400 where it is none, or is larger than allowed; 404, 403 or 410 where a link leads nowhere; 503 where there is
    /// no memory for it now.
    pub(crate) fn of(app: &App, call: &Call, member: &str, sent: Sent<'a>) -> Result<Self, Problem> {
        let (bytes, share) = match sent {
            Sent::File(bytes) => (Cow::Borrowed(bytes), None),
            Sent::Text(text) => {
                let (bytes, share) = bytes(app, call, member, &text)?;
                (Cow::Owned(bytes), share)
            }
        };
        Ok(Self { share, ..Self::look(app, &call.request, (member, bytes))? })
    }

    /// Looks through a picture that is kept already, which this member names.
    ///
    /// # Errors
    /// As [`Input::of`].
    pub(crate) fn kept(app: &App, call: &Call, member: &str, image: &Image) -> Result<Self, Problem> {
        let (bytes, share) = held(app, call, image)?;
        let input = Self::look(app, &call.request, (member, Cow::Owned(bytes)))?;
        Ok(Self { share: Some(share), ..input })
    }

    /// Whether a mask of it has anything drawn: what is transparent in it; where nothing is, what is white.
    pub(crate) fn draws_as_mask(&self) -> bool {
        if self.has_alpha { self.draws_transparent } else { self.draws_white }
    }

    /// Looks through the bytes of a file, which is the value of this member.
    ///
    /// # Errors
    /// As [`Input::of`].
    pub(crate) fn look(
        app: &App,
        request: &Request,
        (member, bytes): (&str, Cow<'a, [u8]>),
    ) -> Result<Self, Problem> {
        let seen = Self::seen(request, member, bytes);
        seen.inspect_err(|problem| app.metrics.input_refused(problem.code))
    }

    fn seen(request: &Request, member: &str, bytes: Cow<'a, [u8]>) -> Result<Self, Problem> {
        let refused = |why: &dyn std::fmt::Display| Problem {
            code: "invalid_picture",
            ..Problem::field(member, format!("`{member}`: the picture {why}"))
        };
        // What it says of itself costs nothing; what it really is takes memory and time in proportion.
        let head = Head::of(&bytes).map_err(|why| refused(&why))?;
        let limits = limits(request);
        let fits = head.width.checked_mul(head.height).is_some_and(|pixels| pixels <= limits.pixels);
        // One that does not fit is refused before it is decoded.
        let needed = if fits { decoding(head.width, head.height) as usize } else { 0 };
        let _share = request.memory.for_picture(needed)?;
        let picture = read(&bytes, limits).map_err(|why| refused(&why))?;
        Ok(Self {
            format: head.format,
            width: picture.width,
            height: picture.height,
            draws_transparent: has_transparent(&picture),
            draws_white: has_white(&picture),
            has_alpha: picture.alpha.is_some(),
            has_holes: picture.alpha.is_some_and(|alpha| alpha.contains(&0)),
            share: None,
            bytes,
        })
    }

    /// It as it is kept: until it is used, or its time is over.
    pub(crate) fn new_image(self, id: String, owner: &str, kind: InputKind) -> NewImage {
        NewImage {
            id,
            owner: owner.to_owned(),
            kind: ImageKind::Input(kind),
            name: String::new(),
            width: self.width,
            height: self.height,
            format: self.format,
            bytes: self.bytes.into_owned().into(),
            seed: 0,
            expires_at: Some(crate::clock::now() + UNUSED),
            public: false,
        }
    }
}

/// How large a picture may be that this machine reads.
fn limits(request: &Request) -> Limits {
    let affordable = request.memory.most_of_picture() / decoding(1, 1) as usize;
    Limits { side: LONGEST_SIDE_READ, pixels: MOST_PIXELS.min(affordable) }
}

/// Input pictures of one request, which go when it is answered.
pub(crate) struct Lent {
    app: Arc<App>,
    owner: String,
    ids: Vec<String>,
}

impl Lent {
    pub(crate) fn new(app: &Arc<App>, owner: &str) -> Self {
        Self { app: app.clone(), owner: owner.to_owned(), ids: vec![] }
    }

    /// Keeps a picture for the time of the request; its id.
    ///
    /// # Errors
    /// 503 where there is no room for it.
    pub(crate) fn keep(&mut self, input: Input<'_>) -> Result<String, Problem> {
        let id = new_uuid();
        let image = input.new_image(id.clone(), &self.owner, InputKind::Edit);
        let app = &self.app;
        kept(app, (InputKind::Edit, image), |image| app.store.add(vec![image]).map(|_| true))?;
        self.ids.push(id.clone());
        Ok(id)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        for id in &self.ids {
            if let Err(problem) = self.app.store.delete(&self.owner, id) {
                tracing::debug!(problem.message, "an input picture goes in its time");
            }
        }
    }
}

/// Keeps a picture of this kind, if there is room for it, and counts it where `keep` says that it was kept.
///
/// # Errors
/// 503 where there is no room; those of `keep`.
pub(crate) fn kept(
    app: &App,
    (kind, image): (InputKind, NewImage),
    keep: impl FnOnce(NewImage) -> Result<bool, Problem>,
) -> Result<bool, Problem> {
    let bytes = image.bytes.len() as u64;
    let kept = app.store.reserve(bytes + RECORD).and_then(|_reservation| keep(image));
    match &kept {
        Ok(true) => app.metrics.input_kept(kind.word(), bytes),
        Ok(false) => {}
        Err(problem) => app.metrics.input_refused(problem.code),
    }
    kept
}

/// The bytes that a text stands for, with their memory where the text has not as many.
fn bytes(app: &App, call: &Call, member: &str, text: &str) -> Result<(Vec<u8>, Option<Share>), Problem> {
    let start = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    // A slash alone may begin base64, as that of every JPEG does.
    let begins = |link: &str| start.starts_with(link);
    if ["http://", "https://", "/files/", "/public/"].into_iter().any(begins) {
        return linked(app, call, member, text).map(|(bytes, share)| (bytes, Some(share)));
    }
    let encoded = match text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        Some(_) => text
            .split_once(',')
            .filter(|(kind, _)| kind.to_ascii_lowercase().ends_with(";base64"))
            .map(|(_, data)| data)
            .ok_or_else(|| {
                Problem::field(
                    member,
                    format!("`{member}`: a data URI must hold base64: data:image/png;base64,…"),
                )
            })?,
        None => text,
    };
    let decoded = match encoded.bytes().any(|byte| byte.is_ascii_whitespace()) {
        true => BASE64.decode(encoded.split_ascii_whitespace().collect::<String>()),
        false => BASE64.decode(encoded),
    };
    decoded.map(|bytes| (bytes, None)).map_err(|_| {
        let message =
            format!("`{member}` must be a picture in base64, a data URI, or a link that this server gave");
        Problem::field(member, message)
    })
}

/// The picture behind a link of this server's own, read from where it is kept. A link is short, and what is behind it may
/// be large: a request with many of them must not take more memory than one that sends them.
fn linked(app: &App, call: &Call, member: &str, link: &str) -> Result<(Vec<u8>, Share), Problem> {
    let foreign = || {
        let message = format!(
            "`{member}`: nothing is fetched from other places; send the picture itself, in base64 or as a file, or a link \
             that this server gave ({}/files/… or {0}/public/…)",
            call.base
        );
        Problem { code: "foreign_link", ..Problem::field(member, message) }
    };
    let target = link.strip_prefix(&call.base).unwrap_or(link);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (folder, name) = path.strip_prefix('/').and_then(|path| path.split_once('/')).ok_or_else(foreign)?;
    let name = percent_decode_str(name).decode_utf8().map_err(|_| foreign())?;
    let now = crate::clock::now();
    let image = match folder {
        "files" => {
            let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>();
            let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            app.links.check_parts(&name, (of("expires"), of("signature")), now)?;
            named(app, &name)?.filter(|image| image.expires_at.is_none_or(|end| end > now))
        }
        "public" => named(app, &name)?.filter(|image| image.public),
        _ => return Err(foreign()),
    };
    let gone =
        || Problem::field(member, format!("`{member}`: the picture behind this link is no longer kept"));
    held(app, call, &image.ok_or_else(gone)?)
}

/// The bytes of a picture that is kept, with their memory.
fn held(app: &App, call: &Call, image: &Image) -> Result<(Vec<u8>, Share), Problem> {
    let share = call.request.memory.for_parsing(image.size as usize)?;
    Ok((app.store.bytes(image)?, share))
}

/// The image whose id and format make this name.
pub(crate) fn named(app: &App, name: &str) -> Result<Option<Image>, Problem> {
    let Some((id, extension)) = name.rsplit_once('.') else { return Ok(None) };
    Ok(app.store.image(id)?.filter(|image| super::picture::word(image.format) == extension))
}

/// The size in which a picture of this size is drawn where no other is asked for: its own, no longer than allowed, in
/// multiples of 8.
pub(crate) fn own_size((width, height): (usize, usize), fit: Fit) -> (usize, usize) {
    let factor = (LONGEST_SIDE as f64 / width.max(height) as f64).min(1.0);
    let scaled = |side: usize| (side as f64 * factor) as usize;
    let (width, height) = fit.own_size(scaled(width), scaled(height));
    let within = |side: usize| side.clamp(SHORTEST_SIDE, LONGEST_SIDE);
    (within(width), within(height))
}

/// A strength of so many steps with which one of them at least is done, whatever is lost in rounding.
pub(crate) fn at_least_a_step(strength: f64, steps: usize) -> f64 {
    strength.max((1.0 + 1e-9) / steps.max(1) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::{Fit, at_least_a_step, own_size};

    #[test]
    fn a_picture_keeps_its_size_as_far_as_that_can_be_drawn() {
        for (of, cropped, padded) in [
            ((512, 768), (512, 768), (512, 768)),
            ((500, 333), (496, 328), (504, 336)),
            ((4000, 3000), (2048, 1536), (2048, 1536)),
            ((8192, 10), (2048, 64), (2048, 64)),
            ((1, 1), (64, 64), (64, 64)),
        ] {
            assert_eq!((own_size(of, Fit::Crop), own_size(of, Fit::Pad)), (cropped, padded));
        }
    }

    #[test]
    fn one_step_at_least_is_done() {
        for steps in 1..=100 {
            let strength = at_least_a_step(0.0, steps);
            assert_eq!((steps as f64 * strength) as usize, 1, "{steps}");
            assert!((0.0..=1.0).contains(&strength));
        }
        assert_eq!(at_least_a_step(0.75, 4), 0.75);
    }
}
