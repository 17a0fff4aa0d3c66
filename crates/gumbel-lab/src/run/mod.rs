//! A run: its configuration, its folder and the files in it, and the trainer of any [`Experiment`].

mod adam;
mod cadence;
pub mod checkpoint;
mod command;
mod common;
mod compared;
mod config;
mod config_file;
mod course;
mod damaged;
mod device;
mod events;
mod experiment;
mod folder;
mod gradients;
mod in_use;
mod learner;
mod log;
mod metrics;
mod progress;
mod randomness;
mod record;
mod rows;
mod saved;
mod summary;
mod sums;
mod trainer;

pub use adam::FusedAdam;
pub use cadence::Cadence;
pub use checkpoint::{Checkpoint, Progress};
pub use command::{add_options, configuration, train};
pub use common::{Common, check_batch};
pub use compared::{
    Compared, ComparedRun, Curve, Measure, Point, Shared, ValueOf, check_values, compared_run, recorded,
    shared,
};
pub use config::RunConfig;
#[cfg(test)]
pub(crate) use config_file::parsed;
pub use config_file::{config_of, read_config};
pub use course::Course;
pub use damaged::Damaged;
pub use device::{DeviceError, DeviceName};
pub use experiment::{Experiment, Generated, Identity, Outcome, SummaryOf};
pub use folder::RunFolder;
pub use gradients::{gradients, pieces, weighted};
pub use in_use::{InUse, begun_once};
pub use learner::Learner;
pub use log::RunLog;
pub use metrics::MetricsFile;
pub use randomness::{Use, noise};
pub use record::{Column, Record, RowsMark, milliseconds, plain, plain_if_any};
pub use rows::StoredRows;
pub use saved::{Evaluation, Live, evaluate, live};
pub use summary::Summary;
pub use sums::read_checked;
pub use trainer::{End, Files, Trainer};
