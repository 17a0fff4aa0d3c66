//! Writing and reading of comma-separated tables.

use super::excerpt::excerpt;
use anyhow::{Result, bail};
use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A table of the rows: the names of the fields, then a line for each row.
///
/// # Errors
/// A row that is not made of single values.
pub fn table<R: Serialize>(rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.into_iter().try_for_each(|row| writer.serialize(row))?;
    Ok(writer.into_inner()?)
}

/// A table whose names are given, for rows whose fields are structures of values.
///
/// # Errors
/// A row that is not made of values.
pub fn table_under<R: Serialize>(header: &str, rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>> {
    let start = format!("{header}\n").into_bytes();
    let mut writer = WriterBuilder::new().has_headers(false).from_writer(start);
    rows.into_iter().try_for_each(|row| writer.serialize(row))?;
    Ok(writer.into_inner()?)
}

/// The first line of a table of such rows, without its end.
///
/// # Errors
/// A row that is not made of single values.
pub fn header<R: Serialize + Default>() -> Result<String> {
    let text = String::from_utf8(table([R::default()])?)?;
    Ok(text.lines().next().unwrap_or_default().into())
}

/// One line of a table, with its end.
///
/// # Errors
/// A row that is not made of single values.
pub fn line<R: Serialize>(row: &R) -> Result<String> {
    let mut writer = WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.serialize(row)?;
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The rows of a table up to the last that is `wanted`: what follows it may be damaged, and a line without its end is
/// not there. Columns are found by their names; `path` is for the message.
///
/// # Errors
/// The first line before that row that is not a row.
pub fn rows_until<R: DeserializeOwned>(
    path: &Path,
    text: &str,
    wanted: impl Fn(&R) -> bool,
) -> Result<Vec<R>> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    // Without quotes no damage reaches beyond its line.
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).quoting(false).from_reader(whole.as_bytes());
    let mut records = reader.records();
    let Some(header) = records.next().transpose()? else { return Ok(Vec::new()) };
    let mut rows: Vec<(StringRecord, Option<R>)> = Vec::new();
    for record in records {
        let record = record?;
        let row = (record.len() == header.len()).then(|| record.deserialize(Some(&header)).ok()).flatten();
        rows.push((record, row));
    }
    rows.truncate(
        rows.iter().rposition(|(_, row)| row.as_ref().is_some_and(&wanted)).map_or(0, |last| last + 1),
    );
    let sound = rows.into_iter().map(|(record, row)| match row {
        Some(row) => Ok(row),
        None => bail!(
            "{}, line {}: expected {} values under {}, got {}",
            path.display(),
            record.position().map_or(0, csv::Position::line),
            header.len(),
            joined(&header),
            joined(&record)
        ),
    });
    sound.collect()
}

fn joined(record: &StringRecord) -> String {
    excerpt(&record.iter().collect::<Vec<_>>().join(","))
}
