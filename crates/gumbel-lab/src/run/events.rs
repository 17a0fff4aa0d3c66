//! TensorBoard event files beside `metrics.csv`, on request.

use super::{Outcome, Record, RunFolder};
use crate::page::png_grid;
use crate::support::atomic_file::refused;
use crate::tensorboard::EventWriter;
use anyhow::{Result, anyhow};
use std::io;
use std::time::SystemTime;

/// Columns of `metrics.csv` that are not scalars of the event file: the step and the time of the others.
const PLACES: [&str; 2] = ["step", "seconds"];
/// Images in a row.
const COLUMNS: usize = 12;

/// The event file of a run, if it was requested.
pub(super) struct Events(Option<EventWriter>);

impl Events {
    /// Opens an event file in the folder of a run that has done `step` steps.
    pub(super) fn open(requested: bool, folder: &RunFolder, step: u64) -> Result<Self> {
        if !requested {
            return Ok(Self(None));
        }
        let now = SystemTime::now();
        let writer = EventWriter::create(folder.path(), now);
        let mut writer = writer.map_err(|error| anyhow!(refused(folder.path(), &error)))?;
        if step > 0 {
            let written = writer.restart(now, step);
            done(&writer, written)?;
        }
        Ok(Self(Some(writer)))
    }

    /// Writes a row of metrics, and what the model shows where hard samples were evaluated. Flushed at once: a
    /// checkpoint that follows must not have steps that are missing here.
    pub(super) fn add<E: Outcome>(&mut self, experiment: &E, row: &E::Metrics) -> Result<()> {
        let Some(writer) = &mut self.0 else { return Ok(()) };
        let now = SystemTime::now();
        let values = serde_json::to_value(row)?;
        let columns = values.as_object().into_iter().flatten();
        let named = columns.filter(|(name, _)| !PLACES.contains(&name.as_str()));
        let scalars = named.filter_map(|(name, value)| Some((name.as_str(), number(value)?)));
        let written = writer.scalars(now, row.step(), scalars);
        done(writer, written)?;
        if row.evaluated() {
            for (name, images) in experiment.pictures()? {
                let png = png_grid(&images.pixels, images.count(), images.height, images.width, COLUMNS)?;
                let written = writer.image(now, row.step(), name, &png);
                done(writer, written)?;
            }
        }
        let written = writer.flush();
        done(writer, written)
    }
}

/// The number of a column: some are written as text, to be free of exponents.
fn number(value: &serde_json::Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn done(writer: &EventWriter, written: io::Result<()>) -> Result<()> {
    written.map_err(|error| anyhow!(refused(writer.path(), &error)))
}
