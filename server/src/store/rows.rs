//! Rows as records, and back.

use fulmen_engine::picture::Format;
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde_json::Value;

use super::record::{Generation, Image, ImageKind, InputKind, State, Upload};

/// The columns of [`image`], in its order.
pub(super) const IMAGE: &str = "id, owner, kind, generation, position, name, width, height, format, seed, \
                                expires_at, size, created_at, public, file";

/// The columns of [`generation`], in its order.
pub(super) const GENERATION: &str =
    "id, owner, created_at, state, request, spec, inference_steps, attempts, failure, variation_of";

/// The columns of [`upload`], in its order.
pub(super) const UPLOAD: &str = "id, owner, kind, created_at, expires_at";

/// The columns of [`readable`].
pub(super) const GENERATION_TEXTS: &str = "id, owner, state, request, spec";

pub(super) fn image(row: &Row<'_>) -> rusqlite::Result<Image> {
    let kind = match row.get::<_, String>(2)?.as_str() {
        "named" => ImageKind::Named,
        "link" => ImageKind::Link,
        "generation" => ImageKind::Generation { id: row.get(3)?, position: number(row, 4)? },
        _ => ImageKind::Input(input_kind(row)?),
    };
    let format = format(&row.get::<_, String>(8)?).unwrap_or(Format::WebP);
    Ok(Image {
        id: row.get(0)?,
        owner: row.get(1)?,
        kind,
        name: row.get(5)?,
        width: number(row, 6)?,
        height: number(row, 7)?,
        format,
        seed: row.get::<_, i64>(9)?.cast_unsigned(),
        expires_at: row.get::<_, Option<i64>>(10)?.map(|at| time(10, at)).transpose()?,
        size: number(row, 11)?,
        created_at: time(12, row.get(12)?)?,
        public: row.get(13)?,
        file: row.get(14)?,
    })
}

pub(super) fn generation(row: &Row<'_>) -> rusqlite::Result<Generation> {
    let state = match row.get::<_, String>(3)?.as_str() {
        "pending" => State::Pending,
        "complete" => State::Complete,
        _ => State::Failed,
    };
    Ok(Generation {
        id: row.get(0)?,
        owner: row.get(1)?,
        created_at: time(2, row.get(2)?)?,
        state,
        request: json(row, 4)?,
        spec: json(row, 5)?,
        inference_steps: row.get::<_, Option<i64>>(6)?.map(|steps| whole(6, steps)).transpose()?,
        attempts: number(row, 7)?,
        failure: row.get(8)?,
        variation_of: row.get(9)?,
    })
}

pub(super) fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: row.get(0)?,
        owner: row.get(1)?,
        kind: input_kind(row)?,
        created_at: time(3, row.get(3)?)?,
        expires_at: time(4, row.get(4)?)?,
    })
}

/// Images and uploads have their kinds in the same column.
fn input_kind(row: &Row<'_>) -> rusqlite::Result<InputKind> {
    let word = row.get_ref(2)?.as_str()?;
    let unknown = || format!("there is no kind of image `{word}`").into();
    InputKind::of(word).ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, unknown()))
}

/// Whether the texts of a generation are what they were, as far as that can be seen.
pub(super) fn readable(row: &Row<'_>) -> rusqlite::Result<()> {
    for column in 0..3 {
        row.get_ref(column)?.as_str()?;
    }
    for column in 3..5 {
        let text = row.get_ref(column)?.as_str()?;
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))?;
    }
    Ok(())
}

/// The format of a word of SQLite's.
pub(super) fn format(word: &str) -> Option<Format> {
    [Format::Png, Format::Jpeg, Format::WebP].into_iter().find(|format| format_name(*format) == word)
}

/// SQLite's word for a format.
pub(super) fn format_name(format: Format) -> &'static str {
    match format {
        Format::Png => "png",
        Format::Jpeg => "jpeg",
        Format::WebP => "webp",
    }
}

/// A time as it will be read back: to the millisecond.
pub(super) fn to_the_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// A count as SQLite keeps it. No picture has 2^63 of anything.
pub(super) fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn number<T: TryFrom<i64>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    whole(column, row.get(column)?)
}

fn whole<T: TryFrom<i64>>(column: usize, value: i64) -> rusqlite::Result<T> {
    T::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

fn time(column: usize, milliseconds: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, milliseconds))
}

fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    serde_json::from_str(&row.get::<_, String>(column)?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

/// `file, size` of a row that is to go.
pub(super) fn file(row: &Row<'_>) -> rusqlite::Result<(String, u64)> {
    Ok((row.get(0)?, number(row, 1)?))
}
