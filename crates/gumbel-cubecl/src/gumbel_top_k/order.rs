//! What short rows and long ones share: their categories in decreasing order of the keys, and rows without a sample.

use crate::device::Device;
use crate::faults::note_kind;
use crate::gumbel_max::Best;
use crate::row::{Plan, Reduction, Shape, Spot, block_of_unit, column, reduce};
use crate::softmax::{Form, Variant};
use crate::temperature::Range;
use cubecl::prelude::*;

/// The name of the operation, for its faults.
pub(super) const NAME: &str = "gumbel_top_k";

pub(super) fn variant(device: &Device, plan: Plan) -> Variant {
    Variant { plan, form: Form::Soft, noisy: true, math: device.math(), range: Range::Moderate }
}

/// Before the first key of any row, in decreasing order. No unit has it, and its column is that of no other.
#[cube]
pub(super) fn before_all(shape: &Shape) -> Best {
    Best { key: shape.infinity, column: u32::MAX.runtime(), limit: shape.infinity }
}

/// The keys of the unit that are no masks.
#[cube]
pub(super) fn unmasked_keys(keys: &Array<f32>, infinity: f32, #[comptime] plan: Plan) -> u32 {
    let mut unmasked = 0u32;
    #[unroll]
    for at in 0..comptime!(4 * plan.blocks) {
        unmasked += u32::cast_from(keys[at] > -infinity);
    }
    unmasked
}

/// Replaces the first key of the unit by that after it, if it was the last one that was chosen.
#[cube]
pub(super) fn renew(
    keys: &Array<f32>,
    own: &mut Best,
    last: &Best,
    shape: &Shape,
    spot: &Spot,
    #[comptime] plan: Plan,
) {
    if own.column == last.column {
        own.key = -shape.infinity;
        own.column = u32::MAX.runtime();
        #[unroll]
        for index in 0..plan.blocks {
            #[unroll]
            for lane in 0..4usize {
                let key = keys[4 * index + lane];
                let column = column(spot, block_of_unit(spot, index, plan), lane);
                let left = key < last.key || (key == last.key && column > last.column);
                // Columns of a unit increase, so the first of equal keys stays.
                let better = left && key > own.key;
                own.column = select(better, column, own.column);
                own.key = select(better, key, own.key);
            }
        }
    }
}

/// Finds the first of the units' keys.
#[cube]
pub(super) fn first_of_row(own: &Best, first: &mut Best, #[comptime] plan: Plan) {
    first.key = reduce::<f32>(own.key, Reduction::Max, plan);
    first.column = reduce::<u32>(select(own.key == first.key, own.column, u32::MAX), Reduction::Min, plan);
}

/// Whether a row has no such sample, which the unit that writes notes.
#[cube]
pub(super) fn judge(
    note: &[Atomic<u32>],
    call: u32,
    largest: f32,
    unmasked: u32,
    count: u32,
    shape: &Shape,
    row: u32,
    writes: bool,
) -> bool {
    let masked = largest == -shape.infinity;
    let logit = largest == shape.infinity;
    let unfit = masked || logit || unmasked < count;
    if unfit && writes {
        note_kind(note, call, row, select(logit, 0u32, select(masked, 1u32, 2u32)));
    }
    unfit
}
