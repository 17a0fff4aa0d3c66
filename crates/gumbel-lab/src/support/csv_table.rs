//! Writing and reading of comma-separated tables.

use super::excerpt::excerpt;
use anyhow::{Result, anyhow, ensure};
use csv::{ByteRecord, ReaderBuilder, StringRecord, WriterBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;

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

/// The rows of a table that [`table_under`] has written.
///
/// # Errors
/// A table under another header; a line that is not a row.
pub fn rows_under<R: DeserializeOwned>(header: &str, table: &[u8]) -> Result<Vec<R>> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(table);
    let mut lines = reader.records();
    let first = lines.next().transpose()?.unwrap_or_default();
    let names = first.iter().collect::<Vec<_>>().join(",");
    ensure!(names == header, "a table must have the columns {header}, got {}", excerpt(&names));
    // By place and not by name: the fields may be structures of values.
    lines.map(|line| Ok(line?.deserialize(None)?)).collect()
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

/// Visits the lines of a table below its first one, each as a row or as the error that it is none, while `visit` returns
/// true. Columns are found by their names. Holds one line.
///
/// # Errors
/// A table that cannot be read; those of `visit`.
pub fn each_line<R: DeserializeOwned>(
    table: impl Read,
    mut visit: impl FnMut(Result<R>) -> Result<bool>,
) -> Result<()> {
    // Without quotes no damage reaches beyond its line.
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).quoting(false).from_reader(table);
    let mut line = ByteRecord::new();
    if !reader.read_byte_record(&mut line)? {
        return Ok(());
    }
    let header = text(&line);
    while reader.read_byte_record(&mut line)? && visit(row(&header, &line))? {}
    Ok(())
}

/// The number of lines up to the last with a row that is `wanted`: what follows it may be damaged.
///
/// # Errors
/// The first line before that row that is not a row.
pub fn lines_until<R: DeserializeOwned>(table: impl Read, wanted: impl Fn(&R) -> bool) -> Result<u64> {
    let (mut lines, mut last, mut damage) = (0, 0, None);
    each_line(table, |line| {
        lines += 1;
        match line {
            Ok(row) if wanted(&row) => {
                last = lines;
                damage.take().map_or(Ok(true), Err)
            }
            Ok(_) => Ok(true),
            Err(error) => {
                damage.get_or_insert(error);
                Ok(true)
            }
        }
    })?;
    Ok(last)
}

/// The last row of a table of rows, if it has any.
///
/// # Errors
/// A line that is not a row.
pub fn last_row<R: DeserializeOwned>(table: &str) -> Result<Option<R>> {
    let mut last = None;
    each_line(table.as_bytes(), |row| {
        last = Some(row?);
        Ok(true)
    })?;
    Ok(last)
}

/// A line as a row.
fn row<R: DeserializeOwned>(header: &StringRecord, line: &ByteRecord) -> Result<R> {
    let record = text(line);
    let row = (record.len() == header.len()).then(|| record.deserialize(Some(header)).ok()).flatten();
    row.ok_or_else(|| {
        anyhow!(
            "line {}: expected {} values under {}, got {}",
            line.position().map_or(0, csv::Position::line),
            header.len(),
            joined(header),
            joined(&record)
        )
    })
}

fn text(line: &ByteRecord) -> StringRecord {
    StringRecord::from_byte_record_lossy(line.clone())
}

fn joined(record: &StringRecord) -> String {
    excerpt(&record.iter().collect::<Vec<_>>().join(","))
}
