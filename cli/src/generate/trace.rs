//! The microscope's file: a row for every node of every graph that ran.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use fulmen_engine::backend::CancelToken;
use fulmen_engine::engine::TraceRow;
use fulmen_engine::{Error, Result};

use crate::aside::{self, Aside};
use crate::failure::Failure;

/// A trace in the making.
pub(super) struct Trace {
    file: BufWriter<Aside>,
    place: PathBuf,
    json: bool,
}

impl Trace {
    /// JSON lines where the name ends in `.jsonl`, a table with tabs elsewhere.
    pub(super) fn create(place: &Path, cancel: &CancelToken) -> Result<Self, Failure> {
        let file = Aside::create(place, cancel).map_err(|error| aside::cannot_write(place, &error))?;
        let json = place.extension().is_some_and(|extension| extension == "jsonl");
        let mut trace = Self { file: BufWriter::new(file), place: place.to_path_buf(), json };
        if !json {
            let header = "program\tnode\toperation\tshape\tmean\tsigma\tmin\tmax\tfirst";
            writeln!(trace.file, "{header}").map_err(|error| aside::cannot_write(place, &error))?;
        }
        Ok(trace)
    }

    pub(super) fn row(&mut self, row: &TraceRow) -> Result<()> {
        let written = if self.json { self.json(row) } else { self.tabs(row) };
        written.map_err(|source| Error::Write { file: self.place.clone(), source })
    }

    fn json(&mut self, row: &TraceRow) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, row)?;
        writeln!(self.file)
    }

    fn tabs(&mut self, row: &TraceRow) -> io::Result<()> {
        let TraceRow { program, node, op, shape: [images, height, width, channels], .. } = row;
        let head: Vec<String> = row.head.iter().map(|value| format!("{value:e}")).collect();
        writeln!(
            self.file,
            "{program}\t{node}\t{op}\t{images}×{height}×{width}×{channels}\t{:e}\t{:e}\t{:e}\t{:e}\t{}",
            row.mean,
            row.sigma,
            row.min,
            row.max,
            head.join(" ")
        )
    }

    /// Puts the file in its place.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let place = self.place;
        let finish = self.file.into_inner().map_err(io::IntoInnerError::into_error).and_then(Aside::finish);
        finish.map_err(|error| aside::cannot_write(&place, &error))
    }
}
