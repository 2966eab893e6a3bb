//! Where pictures go, and under which names.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use fulmen_engine::backend::CancelToken;
use fulmen_engine::engine::Drawn;
use fulmen_engine::picture::Format;
use fulmen_engine::request::Request;

use crate::aside::{self, Aside};
use crate::failure::Failure;
use crate::{console, pipe};

/// Names of standard output. Opened by the others, pictures and lines would run into each other.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Where pictures go.
pub(crate) struct Output {
    destination: Destination,
    format: Format,
    /// Whether files carry their settings.
    text: bool,
}

enum Destination {
    /// `fulmen-SEED.png` in this folder, replacing nothing.
    Default,
    /// As the user says, replacing what is there. With several pictures, each has its seed in the name.
    Named(PathBuf),
    /// Into a pipe, as bytes and nothing else.
    StandardOutput,
}

impl Output {
    /// From `-o`, `--format` and `--png-text`.
    pub(crate) fn new(path: Option<PathBuf>, format: Option<Format>, text: bool) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self {
                destination: Destination::Default,
                format: format.unwrap_or(Format::Png),
                text,
            });
        };
        if STANDARD_OUTPUT.iter().any(|name| path == Path::new(name)) {
            console::keep_standard_output_free();
            return Ok(Self {
                destination: Destination::StandardOutput,
                format: format.unwrap_or(Format::Png),
                text,
            });
        }
        let format = choose(&path, format)?;
        Ok(Self { destination: Destination::Named(path), format, text })
    }

    /// Fails unless the pictures of `request` can be written, and the trace beside them.
    pub(super) fn check(&self, request: &Request, json: bool, trace: Option<&Path>) -> Result<(), Failure> {
        if request.transparency.is_some() && self.format == Format::Jpeg {
            let what =
                "--transparent needs a format with transparency, which JPEG is not; write .png or .webp";
            return Err(Failure::Usage(what.into()));
        }
        let Destination::Named(path) = &self.destination else {
            return self.check_unnamed(request, json, trace);
        };
        let places = self.names(request);
        // The longest name is the first that the system refuses.
        let longest = places.iter().max_by_key(|place| place.as_os_str().len()).unwrap_or(path);
        aside::check(longest).map_err(|error| {
            let is_its_name = error.kind() == std::io::ErrorKind::InvalidFilename;
            aside::cannot_write(if is_its_name { longest } else { path }, &error)
        })?;
        apart(&places, trace)
    }

    fn check_unnamed(&self, request: &Request, json: bool, trace: Option<&Path>) -> Result<(), Failure> {
        if matches!(self.destination, Destination::StandardOutput) {
            return check_standard_output(request.images, json);
        }
        let said = default_name("SEED", self.format);
        aside::check(Path::new("fulmen-check")).map_err(|error| aside::cannot_write(&said, &error))?;
        apart(&self.names(request), trace)
    }

    /// Where the pictures of `request` will be. A seed that is not chosen yet is taken for one of the longest.
    fn names(&self, request: &Request) -> Vec<PathBuf> {
        let first = request.seed.unwrap_or(u64::MAX - request.images as u64);
        let seeds = (0..request.images as u64).map(|image| first.wrapping_add(image).to_string());
        match &self.destination {
            Destination::StandardOutput => Vec::new(),
            Destination::Named(path) if request.images == 1 => vec![path.clone()],
            Destination::Named(path) => seeds.map(|seed| with_stem(path, &seed)).collect(),
            Destination::Default => seeds.map(|seed| default_name(&seed, self.format)).collect(),
        }
    }

    /// Writes one of `images` pictures, and answers where.
    pub(super) fn save(
        &self,
        drawn: &Drawn,
        images: usize,
        cancel: &CancelToken,
    ) -> Result<PathBuf, Failure> {
        let bytes = drawn.picture.encode(self.format, self.text.then_some(&drawn.parameters))?;
        let seed = drawn.seed.to_string();
        match &self.destination {
            Destination::Named(path) if images > 1 => replace(&with_stem(path, &seed), &bytes, cancel),
            _ => self.put(&default_name(&seed, self.format), &bytes, cancel),
        }
    }

    /// Fails unless one picture can be written that is made of the file `from`.
    pub(crate) fn check_one(&self, from: &Path, json: bool) -> Result<(), Failure> {
        match &self.destination {
            Destination::StandardOutput => check_standard_output(1, json),
            Destination::Named(path) => aside::check(path).map_err(|error| aside::cannot_write(path, &error)),
            Destination::Default => {
                let name = from.file_name().map_or(from, Path::new);
                aside::check(name).map_err(|error| aside::cannot_write(name, &error))
            }
        }
    }

    /// The kind of file.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// How its name ends.
    pub(crate) fn extension(&self) -> &'static str {
        extension(self.format)
    }

    /// Writes one file where the user wants it; where that was not said, under this name, or the next that is free.
    pub(crate) fn put(&self, name: &Path, bytes: &[u8], cancel: &CancelToken) -> Result<PathBuf, Failure> {
        match &self.destination {
            Destination::StandardOutput => {
                let put = pipe::standard_output(cancel).and_then(|mut pipe| pipe.write_all(bytes));
                let place = PathBuf::from("standard output");
                put.map(|()| place.clone()).map_err(|error| aside::cannot_write(&place, &error))
            }
            Destination::Named(path) => replace(path, bytes, cancel),
            Destination::Default => save_new(name, bytes, cancel),
        }
    }
}

/// What the name and `--format` agree on. What has no name of a picture's kind is a PNG where it is a pipe.
fn choose(path: &Path, asked: Option<Format>) -> Result<Format, Failure> {
    match (Format::of(path), asked) {
        (Ok(named), Some(asked)) if named != asked => Err(Failure::Usage(format!(
            "{} is the name of another kind of file than --format {}; leave out one of the two",
            path.display(),
            extension(asked)
        ))),
        (Ok(format), _) | (Err(_), Some(format)) => Ok(format),
        (Err(_), None) if std::fs::metadata(path).is_ok_and(|about| pipe::takes_bytes(&about)) => {
            Ok(Format::Png)
        }
        (Err(error), None) => Err(error.into()),
    }
}

/// Fails if the trace would replace one of the pictures.
fn apart(places: &[PathBuf], trace: Option<&Path>) -> Result<(), Failure> {
    let same = trace.and_then(|trace| places.iter().find(|place| aside::is_same(place, trace)));
    same.map_or(Ok(()), |place| {
        Err(Failure::Usage(format!(
            "--trace would replace the picture at {}; give it another name",
            place.display()
        )))
    })
}

fn check_standard_output(images: usize, json: bool) -> Result<(), Failure> {
    let refused = |what: &str| Err(Failure::Usage(what.into()));
    if json {
        return refused(
            "--json prints its events on standard output, where -o - puts the picture; leave out one of the two",
        );
    }
    if images > 1 {
        return refused(
            "-o - takes one picture, because it would be unclear where the next one begins; leave out -n",
        );
    }
    if std::io::stdout().is_terminal() {
        return refused(
            "standard output is a terminal, which cannot show a picture; pipe it to a program or a file",
        );
    }
    Ok(())
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Png => "png",
        Format::Jpeg => "jpg",
        Format::WebP => "webp",
    }
}

fn default_name(seed: &str, format: Format) -> PathBuf {
    PathBuf::from(format!("fulmen-{seed}.{}", extension(format)))
}

/// Writes a file, in the place of what is there.
fn replace(place: &Path, bytes: &[u8], cancel: &CancelToken) -> Result<PathBuf, Failure> {
    let put = begin(place, bytes, cancel).and_then(Aside::finish);
    put.map(|()| place.to_path_buf()).map_err(|error| aside::cannot_write(place, &error))
}

/// `fulmen-SEED.png`, or the first of `fulmen-SEED-2.png`, … that is free.
fn save_new(first: &Path, bytes: &[u8], cancel: &CancelToken) -> Result<PathBuf, Failure> {
    let others = (2u64..).map(|number| with_stem(first, &number.to_string()));
    for place in std::iter::once(first.to_path_buf()).chain(others) {
        if place.symlink_metadata().is_ok() {
            continue;
        }
        // Another process may have taken the name by the time that the picture is written.
        match begin(&place, bytes, cancel).and_then(Aside::finish_new) {
            Ok(true) => return Ok(place),
            Ok(false) => {}
            Err(error) => return Err(aside::cannot_write(&place, &error)),
        }
    }
    unreachable!("the numbers do not end")
}

fn begin(place: &Path, bytes: &[u8], cancel: &CancelToken) -> std::io::Result<Aside> {
    let mut file = Aside::create(place, cancel)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// `fox.png` and `7` to `fox-7.png`.
fn with_stem(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(suffix);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pictures_have_their_seeds_in_their_names() {
        assert_eq!(with_stem(Path::new("out/a.b.png"), "7"), Path::new("out/a.b-7.png"));
    }
}
