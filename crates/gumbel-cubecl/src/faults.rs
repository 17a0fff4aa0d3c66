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
#[derive(Debug)]
pub struct Faults {
    note: Handle,
    /// Number of the next call. It counts from 1 after each [`Faults::take`].
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
const NAMES: usize = 1024;
/// The call, and for each kind the first row: nothing is noted.
const NONE: [u32; 1 + KINDS.len()] = [u32::MAX; 1 + KINDS.len()];

impl Faults {
    /// No faults, on a device.
    pub fn new(client: &Client) -> Self {
        let note = client.create_from_slice(bytemuck::cast_slice(&NONE));
        Self { note, next: 1, names: VecDeque::new() }
    }

    /// The first fault since the last call of this function. It waits for the device.
    pub fn take(&mut self, client: &Client) -> Option<Fault> {
        let bytes = client.read_one_unchecked(self.note.clone());
        let words: Vec<u32> =
            bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let age = self.next.wrapping_sub(words[0]) as usize;
        let operation = self.names.len().checked_sub(age).and_then(|at| self.names.get(at).copied());
        (self.next, self.names) = (1, VecDeque::new());
        let (&row, kind) = words[1..].iter().zip(KINDS).min_by_key(|&(row, _)| row)?;
        if row == u32::MAX {
            return None;
        }
        self.note = client.create_from_slice(bytemuck::cast_slice(&NONE));
        Some(Fault { operation, row: row as usize, kind })
    }

    /// The arguments of a call: the note, and the number of the call.
    pub(crate) fn arguments(&mut self, operation: &'static str) -> (BufferArg, u32) {
        let call = self.next;
        self.next = self.next.saturating_add(1).min(u32::MAX - 1);
        if self.names.len() == NAMES {
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

/// Notes a row with the number of a [`FaultKind`], by one unit of it. Calls run one after the other, so a later one finds
/// the number of an earlier.
#[cube]
pub(crate) fn note_kind(note: &[Atomic<u32>], call: u32, row: u32, kind: u32) {
    let earlier = note[0usize].fetch_min(call);
    if earlier >= call {
        note[(1u32 + kind) as usize].fetch_min(row);
    }
}
