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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was called, if it was among the latest 1024 calls.
    pub operation: Option<&'static str>,
    /// The row.
    pub row: usize,
    /// Whether every logit of it is −∞; otherwise one is NaN or +∞.
    pub all_masked: bool,
}

const NAMES: usize = 1024;
/// The call and the row where nothing is noted.
const NONE: [u32; 2] = [u32::MAX; 2];

impl Faults {
    /// No faults, on a device.
    pub fn new(client: &Client) -> Self {
        let note = client.create_from_slice(bytemuck::cast_slice(&NONE));
        Self { note, next: 1, names: VecDeque::new() }
    }

    /// The first fault since the last call of this function. It waits for the device.
    pub fn take(&mut self, client: &Client) -> Option<Fault> {
        let bytes = client.read_one_unchecked(self.note.clone());
        let [call, row] = [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte])));
        let age = self.next.wrapping_sub(call) as usize;
        let operation = self.names.len().checked_sub(age).and_then(|at| self.names.get(at).copied());
        (self.next, self.names) = (1, VecDeque::new());
        if [call, row] == NONE {
            return None;
        }
        self.note = client.create_from_slice(bytemuck::cast_slice(&NONE));
        Some(Fault { operation, row: (row >> 1) as usize, all_masked: row & 1 == 1 })
    }

    /// The arguments of a call: the note, and the number of the call.
    pub(crate) fn arguments(&mut self, operation: &'static str) -> (BufferArg, u32) {
        let call = self.next;
        self.next = self.next.saturating_add(1).min(u32::MAX - 1);
        if self.names.len() == NAMES {
            self.names.pop_front();
        }
        self.names.push_back(operation);
        (buffer_argument(&self.note, 2), call)
    }
}

/// Notes a row, by one unit of it. Calls run one after the other, so a later one finds the number of an earlier.
#[cube]
pub(crate) fn note_fault(note: &[Atomic<u32>], call: u32, row: u32, all_masked: bool) {
    let earlier = note[0usize].fetch_min(call);
    if earlier >= call {
        note[1usize].fetch_min(row * 2u32 + u32::cast_from(all_masked));
    }
}
