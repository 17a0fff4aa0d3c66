//! Rows that cannot be sampled from, noted on the device and read when the caller asks.

use crate::matrix::buffer_argument;
use cubecl::client::Client;
use cubecl::prelude::*;
use cubecl::server::Handle;
use std::collections::VecDeque;

/// Notes of rows that cannot be sampled from: no launch waits for the device, so an error is found later.
///
/// A kernel that meets such a row writes NaN, or for an index the number of categories, and notes the row here.
/// [`Faults::take`] reads the note.
///
/// Calls of several threads can run in another order than that of their numbers. So each of the latest calls has rows of
/// its own, and only the smallest number of a call with a fault is shared.
#[derive(Debug)]
pub struct Faults {
    note: Handle,
    /// Number of the next call.
    next: u32,
    /// Names of the latest calls.
    names: VecDeque<&'static str>,
}

/// The first row that could not be sampled from, of the first call with such a row.
///
/// ```
/// use gumbel_cubecl::{Fault, FaultKind};
/// let fault = Fault { operation: Some("gumbel_max"), row: 3, kind: FaultKind::AllMasked };
/// assert_eq!(format!("row {}: {:?}", fault.row, fault.kind), "row 3: AllMasked");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was called, if it was among the latest 1024 calls.
    pub operation: Option<&'static str>,
    /// The row.
    pub row: usize,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with a row.
///
/// ```
/// use gumbel_cubecl::FaultKind;
/// let row = [0.5, f32::NEG_INFINITY];
/// let kind = if row.iter().all(|&x| x == f32::NEG_INFINITY) { FaultKind::AllMasked } else { FaultKind::TooFew };
/// assert_eq!(kind, FaultKind::TooFew); // for samples of 2 categories
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A logit is NaN or +∞.
    Logit,
    /// Every logit is −∞.
    AllMasked,
    /// Fewer categories are unmasked than a sample without replacement needs. How many there are is not noted: the
    /// caller can count them in the row.
    TooFew,
    /// The point whose density is asked for has a coordinate that is NaN or +∞, or all of them are −∞.
    Sample,
}

const KINDS: [FaultKind; 4] = [FaultKind::Logit, FaultKind::AllMasked, FaultKind::TooFew, FaultKind::Sample];
/// Calls with a name and with rows of their own.
const LATEST: u32 = 1024;
/// The first call with a fault, and for each of the latest calls and each kind the first row: nothing is noted.
static NONE: [u32; 1 + LATEST as usize * KINDS.len()] = [u32::MAX; 1 + LATEST as usize * KINDS.len()];
/// The number of calls after which they are counted from 1 again, once nobody can remember the first.
const MANY: u32 = 1 << 31;

impl Faults {
    /// No faults, on a device.
    pub fn new(client: &Client) -> Self {
        let note = client.create_from_slice(bytemuck::cast_slice(&NONE));
        Self { note, next: 1, names: VecDeque::new() }
    }

    /// The first fault since the last call of this function. It waits for the device.
    ///
    /// What a call that is still running on another stream notes later is returned the next time, or lost if there is a
    /// fault now.
    pub fn take(&mut self, client: &Client) -> Option<Fault> {
        let fault = self.read(client);
        if fault.is_some() {
            self.note = client.create_from_slice(bytemuck::cast_slice(&NONE));
        }
        if self.next > MANY {
            (self.next, self.names) = (1, VecDeque::new());
        }
        fault
    }

    fn read(&self, client: &Client) -> Option<Fault> {
        let bytes = client.read_one_unchecked(self.note.clone());
        let words: Vec<u32> =
            bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let rows = &words[first_of_call(words[0]) as usize..][..KINDS.len()];
        let (&row, kind) = rows.iter().zip(KINDS).min_by_key(|&(row, _)| row)?;
        (row < u32::MAX).then(|| Fault { operation: self.name(words[0]), row: row as usize, kind })
    }

    fn name(&self, call: u32) -> Option<&'static str> {
        let age = self.next.wrapping_sub(call) as usize;
        self.names.len().checked_sub(age).and_then(|at| self.names.get(at).copied())
    }

    /// The arguments of a call: the note, and the number of the call.
    pub(crate) fn arguments(&mut self, operation: &'static str) -> (BufferArg, u32) {
        let call = self.next;
        self.next = self.next.saturating_add(1).min(u32::MAX - 1);
        if self.names.len() == LATEST as usize {
            self.names.pop_front();
        }
        self.names.push_back(operation);
        (buffer_argument(&self.note, NONE.len()), call)
    }
}

/// Notes a row of unfit logits, by one unit of it.
#[cube]
pub(crate) fn note_fault(note: &[Atomic<u32>], call: u32, row: u32, all_masked: bool) {
    note_kind(note, call, row, u32::cast_from(all_masked));
}

/// Notes a row with the number of a [`FaultKind`], by one unit of it.
#[cube]
pub(crate) fn note_kind(note: &[Atomic<u32>], call: u32, row: u32, kind: u32) {
    let earlier = note[0usize].fetch_min(call);
    if earlier >= call {
        let at = 1u32 + call % comptime!(LATEST) * comptime!(KINDS.len() as u32) + kind;
        note[at as usize].fetch_min(row);
    }
}

/// Where the rows of a call begin in the note.
fn first_of_call(call: u32) -> u32 {
    1 + call % LATEST * KINDS.len() as u32
}

#[cfg(feature = "run-time")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::find_unfit;
    use crate::device::{Device, Precision};
    use crate::matrix::{F32, Matrix};

    /// Two streams can run calls in this order.
    #[test]
    fn the_first_call_is_named_with_its_own_row_if_a_later_one_runs_before_it() {
        let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
        let unfit_at = |row: usize| {
            let numbers: Vec<f32> = (0..4).map(|at| if at == row { f32::NAN } else { 0.0 }).collect();
            let handle = device.client().create_from_slice(bytemuck::cast_slice(&numbers));
            Matrix::new(handle, 4, 1, 1, F32)
        };
        let (first, second) = (device.note("first"), device.note("second"));
        find_unfit(&device, &unfit_at(1), second);
        find_unfit(&device, &unfit_at(3), first);
        let fault = device.take_fault().expect("two faults were noted");
        assert_eq!((fault.operation, fault.row), (Some("first"), 3));
        assert_eq!(device.take_fault(), None);
    }

    #[test]
    fn a_call_keeps_its_name_while_faults_are_taken() {
        let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
        let handle = device.client().create_from_slice(&f32::NAN.to_le_bytes());
        let running = device.note("still running");
        assert_eq!(device.take_fault(), None);
        device.note("the next");
        find_unfit(&device, &Matrix::new(handle, 1, 1, 1, F32), running);
        assert_eq!(device.take_fault().and_then(|fault| fault.operation), Some("still running"));
    }

    /// More calls than have rows of their own.
    #[test]
    fn a_fault_of_long_ago_has_a_row_and_no_name() {
        let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
        let handle = device.client().create_from_slice(bytemuck::cast_slice(&[0.0, f32::NAN]));
        find_unfit(&device, &Matrix::new(handle, 2, 1, 1, F32), device.note("long ago"));
        for _ in 0..LATEST {
            device.note("later");
        }
        let fault = device.take_fault().expect("a fault was noted");
        assert_eq!((fault.operation, fault.row), (None, 1));
    }
}
