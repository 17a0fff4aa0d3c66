//! The files of a run: its configuration, its metrics, its checkpoint.

use crate::images::scratch;
use crate::message;
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use gumbel::estimator::State;
use gumbel_lab::experiment::bound::{Config, Metrics};
use gumbel_lab::experiment::gan;
use gumbel_lab::model::{SbnConfig, SemiConfig, TextConfig, VaeConfig};
use gumbel_lab::run::checkpoint::{description, load_model, training_bytes};
use gumbel_lab::run::{Checkpoint, FusedAdam, Progress, Record, RunConfig, StoredRows, config_of};
use gumbel_lab::support::csv_table::table;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::LazyLock;

/// The configuration of every experiment: what is read is recorded, and read again as the same.
pub fn config(data: &[u8]) {
    configuration::<Config<VaeConfig>>(data);
    configuration::<Config<SbnConfig>>(data);
    configuration::<Config<SemiConfig>>(data);
    configuration::<Config<TextConfig>>(data);
    configuration::<gan::Config>(data);
}

fn configuration<C: RunConfig>(data: &[u8]) {
    let Some(config) = message::ok(config_of::<C>(scratch(data).path())) else { return };
    message::ok(config.check());
    let record = config.record().expect("TOML has all types of a configuration");
    let again = config_of::<C>(scratch(record.as_bytes()).path());
    assert_eq!(again.expect("as recorded").record().expect("as before"), record);
}

/// Records of training: no error after the last line that is wanted, and the same when written.
pub fn metrics(data: &[u8]) {
    rows::<Metrics>(data);
    rows::<gan::Metrics>(data);
}

fn rows<R: Record>(data: &[u8]) {
    let file = scratch(data);
    for step in [0, 20, u64::MAX] {
        let Some(rows) = read::<R>(file.path(), step) else { continue };
        let text = table(rows.clone()).expect("a table of single values");
        let again = read::<R>(scratch(&text).path(), u64::MAX).expect("as written");
        // As text, because seconds are written to the millisecond.
        assert_eq!(table(again).expect("as before"), text);
    }
}

fn read<R: Record>(path: &Path, step: u64) -> Option<Vec<R>> {
    let (stored, mut rows) = (message::ok(StoredRows::read(path, step))?, Vec::new());
    let push = |row| {
        rows.push(row);
        Ok(())
    };
    stored.each(push).expect("rows that were read before");
    Some(rows)
}

/// A small network.
fn network(device: &Device) -> Linear {
    LinearConfig::new(2, 3).with_initializer(Initializer::Zeros).init(device)
}

/// Its checkpoint after a step.
static CHECKPOINT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let device = Device::flex().autodiff();
    let network = network(&device);
    let gradients = network.forward(Tensor::<2>::ones([1, 2], &device)).sum().backward();
    let gradients = GradientsParams::from_grads(gradients, &network);
    let mut optimizer = ModuleOptimizer::from(FusedAdam::default());
    let network = optimizer.step(0.1, network, gradients);
    let states = vec![State::new().with("average", vec![0.5])];
    let mut progress = Progress::default();
    (progress.step, progress.estimator, progress.states) = (3, "rloo".into(), states);
    training_bytes(&network.valid(), &optimizer, &progress).expect("a network of two tensors")
});

/// A checkpoint of any bytes, and one that is damaged, with the checksum of before and with one of its own: an error, or a
/// network.
pub fn checkpoint(data: &[u8]) {
    loads(data);
    let damaged = damaged(CHECKPOINT.clone(), data);
    loads(&damaged);
    loads(&resealed(damaged));
}

/// The file with the checksum of its contents, if it has a place for one.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let before = br#"\"sha256\":\""#;
    let found = bytes.windows(before.len()).position(|window| window == before);
    if let Some(digits) = found.and_then(|place| bytes.get_mut(place + before.len()..)?.get_mut(..64)) {
        digits.fill(b'0');
        let start = found.expect("a place") + before.len();
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        bytes[start..][..64].copy_from_slice(sum.as_bytes());
    }
    bytes
}

/// The bytes with those at some places replaced, or cut.
fn damaged(mut bytes: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for &[low, high, byte] in changes.as_chunks().0 {
        let place = usize::from(u16::from_le_bytes([low, high])) % bytes.len();
        bytes[place] = byte;
    }
    bytes.truncate(bytes.len() - usize::from(*changes.as_chunks::<3>().1.first().unwrap_or(&0)));
    bytes
}

fn loads(bytes: &[u8]) {
    let file = scratch(bytes);
    message::ok(description::<serde_json::Value>(file.path(), "config"));
    let (network, optimizer) = (network(&Device::flex()), ModuleOptimizer::from(FusedAdam::default()));
    if let Some(checkpoint) = message::ok(Checkpoint::read(file.path())) {
        message::ok(checkpoint.load(network.clone(), optimizer));
    }
    message::ok(load_model(file.path(), network));
}
