//! A row of numbers in the registers of its units.
//!
//! Unit `u` of `U` holds the numbers of the Philox blocks `u`, `u + U`, ... of the row, so that each block is computed
//! once, wherever the row begins in the stream. Reductions add in an order that depends on the length of the row and on
//! whether the device has planes, and not on its size nor on the number of rows.

use crate::device::plane_size;
use crate::matrix::{Matrix, cubes};
use crate::philox::{StreamHalves, Wide, place};
use cubecl::client::Client;
use cubecl::prelude::*;

/// How a row is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    /// Units of a row, a power of two.
    pub units: u32,
    /// Rows of a cube.
    pub rows: u32,
    /// Blocks of four numbers of a unit.
    pub blocks: usize,
    /// The number of these blocks that lie wholly inside the row for every unit.
    pub full: usize,
    /// Units of a plane; 0 if values go through shared memory.
    pub plane: u32,
    /// Whether every row begins with a block, so that it is read and written in vectors of four.
    pub aligned: bool,
}

/// Units of a cube of short rows.
const CUBE: u32 = 128;
/// Units of a piece of a long row, and of a cube that walks along one.
const PIECE: u32 = 256;
const WALK: u32 = 512;
/// Blocks that a unit holds at most: 32 numbers in registers.
const MOST_BLOCKS: usize = 8;

impl Plan {
    /// For rows of `k` numbers, the first of them at `position` of the stream; `None` if a cube cannot hold one.
    pub fn new(client: &Client, k: usize, position: u64, matrices: &[&Matrix]) -> Option<Self> {
        let (aligned, blocks) = blocks_of_row(k, position, matrices);
        let units = (blocks.div_ceil(wanted_blocks(blocks)) as u32).next_power_of_two();
        let units = units.min(most_units(client));
        let full = if aligned { blocks / units as usize } else { 0 };
        let blocks = blocks.div_ceil(units as usize);
        let rows = (CUBE / units).max(1);
        (blocks <= MOST_BLOCKS).then_some(Self {
            units,
            rows,
            blocks,
            full,
            plane: plane_size(client),
            aligned,
        })
    }

    /// For the pieces of longer rows, with the number of pieces of a row. The length of a piece is fixed.
    pub fn of_pieces(client: &Client, k: usize, position: u64, matrices: &[&Matrix]) -> (Self, u32) {
        let (aligned, blocks) = blocks_of_row(k, position, matrices);
        let units = PIECE.min(most_units(client));
        let plan = Self { units, rows: 1, blocks: MOST_BLOCKS, full: 0, plane: plane_size(client), aligned };
        (plan, blocks.div_ceil(units as usize * MOST_BLOCKS) as u32)
    }

    /// For a cube that walks along a row.
    pub fn of_walk(client: &Client, k: usize, position: u64, matrices: &[&Matrix]) -> Self {
        let units = WALK.min(most_units(client));
        Self { units, blocks: 1, ..Self::of_pieces(client, k, position, matrices).0 }
    }

    pub fn cube_dim(self) -> CubeDim {
        CubeDim::new_2d(self.units, self.rows)
    }

    pub fn cube_count(self, rows: usize) -> CubeCount {
        cubes(rows.div_ceil(self.rows as usize))
    }

    pub fn width(self) -> usize {
        if self.aligned { 4 } else { 1 }
    }
}

/// Whether each row begins with a block, and the number of blocks that its numbers are in.
fn blocks_of_row(k: usize, position: u64, matrices: &[&Matrix]) -> (bool, usize) {
    let vectors = matrices.iter().all(|matrix| matrix.has_vectors());
    let aligned = k.is_multiple_of(4) && position.is_multiple_of(4) && vectors;
    (aligned, if aligned { k / 4 } else { (k + 3).div_ceil(4) })
}

/// Blocks of a unit, for a row of so many.
fn wanted_blocks(blocks: usize) -> usize {
    match blocks {
        0..=32 => 1,
        33..=64 => 2,
        65..=1024 => 4,
        _ => MOST_BLOCKS,
    }
}

/// Units of a cube, a power of two.
fn most_units(client: &Client) -> u32 {
    1 << client.properties().hardware.max_units_per_cube.min(1024).ilog2()
}

/// The shape of a matrix, and infinity and NaN, which WGSL cannot write and compilers may not compute.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Shape {
    pub rows: u32,
    pub k: u32,
    pub infinity: f32,
    pub undefined: f32,
}

pub(crate) fn shape_argument(matrix: &Matrix) -> ShapeLaunch {
    ShapeLaunch::new(matrix.rows as u32, matrix.k as u32, f32::INFINITY, f32::NAN)
}

/// Where a unit works.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Spot {
    /// The row, which is the last one if there is none.
    pub row: u32,
    /// Whether there is a row.
    pub inside: bool,
    /// Numbers of the first block that are before the row.
    pub shift: u32,
    /// The first block of the cube.
    pub first: u32,
}

/// For cubes of whole rows.
#[cube]
pub(crate) fn spot(shape: &Shape, stream: &StreamHalves, #[comptime] plan: Plan) -> Spot {
    let row = CUBE_POS as u32 * plan.rows + UNIT_POS_Y;
    let inside = row < shape.rows;
    let row = min(row, shape.rows - 1);
    Spot { row, inside, shift: shift_of(stream, row, shape.k, plan), first: 0u32 }
}

/// For cubes of one of `pieces` pieces of a row.
#[cube]
pub(crate) fn spot_of_piece(
    shape: &Shape,
    stream: &StreamHalves,
    pieces: u32,
    #[comptime] plan: Plan,
) -> Spot {
    let row = CUBE_POS as u32 / pieces;
    let inside = row < shape.rows;
    let row = min(row, shape.rows - 1);
    let first = CUBE_POS as u32 % pieces * comptime!(plan.units * plan.blocks as u32);
    Spot { row, inside, shift: shift_of(stream, row, shape.k, plan), first }
}

#[cube]
fn shift_of(stream: &StreamHalves, row: u32, k: u32, #[comptime] plan: Plan) -> u32 {
    if comptime!(plan.aligned) { 0u32.runtime() } else { place(stream, row, k, 0u32).low & 3u32 }
}

/// The place in the stream of the first number of a block of a row.
#[cube]
pub(crate) fn block_place(stream: &StreamHalves, spot: &Spot, k: u32, block: u32) -> Wide {
    let here = place(stream, spot.row, k, 4u32 * block);
    Wide { low: here.low & 0xffff_fffcu32, high: here.high }
}

/// The block number `index` of the unit.
#[cube]
pub(crate) fn block_of_unit(spot: &Spot, #[comptime] index: usize, #[comptime] plan: Plan) -> u32 {
    spot.first + UNIT_POS_X + comptime!(index as u32 * plan.units)
}

/// The column of a number of a block; beyond the last one for numbers before the row.
#[cube]
pub(crate) fn column(spot: &Spot, block: u32, #[comptime] lane: usize) -> u32 {
    4u32 * block + lane as u32 - spot.shift
}

/// The numbers of the unit, `outside` where the row has none.
#[cube]
pub(crate) fn load<T: Float, N: Size>(
    from: &[Vector<T, N>],
    stride: u32,
    spot: &Spot,
    k: u32,
    outside: f32,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let mut values = Array::<f32>::new(comptime!(4 * plan.blocks));
    #[unroll]
    for index in 0..plan.blocks {
        let block = block_of_unit(spot, index, plan);
        let four = if comptime!(index < plan.full) {
            load_full::<T, N>(from, block, stride, spot)
        } else {
            load_block::<T, N>(from, block, stride, spot, k, outside, plan)
        };
        #[unroll]
        for lane in 0..4usize {
            values[4 * index + lane] = four[lane];
        }
    }
    values
}

/// The numbers of a block that is in the row.
#[cube]
fn load_full<T: Float, N: Size>(from: &[Vector<T, N>], block: u32, stride: u32, spot: &Spot) -> Array<f32> {
    let mut four = Array::<f32>::new(4usize);
    let vector = from[spot.row as usize * stride as usize / 4usize + block as usize];
    #[unroll]
    for lane in 0..4usize {
        four[lane] = f32::cast_from(vector.extract(lane));
    }
    four
}

/// The numbers of a block. It loads in any case, so that no load waits for a branch.
#[cube]
pub(crate) fn load_block<T: Float, N: Size>(
    from: &[Vector<T, N>],
    block: u32,
    stride: u32,
    spot: &Spot,
    k: u32,
    outside: f32,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let mut four = Array::<f32>::new(4usize);
    let start = spot.row as usize * stride as usize;
    if comptime!(plan.aligned) {
        let last = k / 4u32 - 1u32;
        let vector = from[start / 4usize + min(block, last) as usize];
        #[unroll]
        for lane in 0..4usize {
            four[lane] = select(block <= last, f32::cast_from(vector.extract(lane)), outside);
        }
    } else {
        #[unroll]
        for lane in 0..4usize {
            let column = column(spot, block, lane);
            let number = from[start + min(column, k - 1u32) as usize];
            four[lane] = select(column < k, f32::cast_from(number.extract(0usize)), outside);
        }
    }
    four
}

/// Writes the numbers of the unit.
#[cube]
pub(crate) fn store<T: Float, N: Size>(
    values: &Array<f32>,
    to: &mut [Vector<T, N>],
    stride: u32,
    spot: &Spot,
    k: u32,
    #[comptime] plan: Plan,
) {
    comptime!(assert!(plan.full <= plan.blocks, "more blocks are in the row than there are"));
    let start = spot.row as usize * stride as usize;
    #[unroll]
    for index in 0..plan.blocks {
        let block = block_of_unit(spot, index, plan);
        if comptime!(plan.aligned) {
            let mut vector = Vector::<T, N>::empty();
            #[unroll]
            for lane in 0..4usize {
                vector.insert(lane, T::cast_from(values[4 * index + lane]));
            }
            if spot.inside && (comptime!(index < plan.full) || block < k / 4u32) {
                to[start / 4usize + block as usize] = vector;
            }
        } else {
            #[unroll]
            for lane in 0..4usize {
                let column = column(spot, block, lane);
                if spot.inside && column < k {
                    to[start + column as usize] = Vector::new(T::cast_from(values[4 * index + lane]));
                }
            }
        }
    }
}

/// What a row is reduced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reduction {
    Max,
    Min,
    Sum,
}

/// Reduces the values of the units of a row; each gets the result.
#[cube]
pub(crate) fn reduce<T: Numeric>(value: T, #[comptime] to: Reduction, #[comptime] plan: Plan) -> T {
    if comptime!(plan.units == 1) {
        value
    } else if comptime!(plan.units <= plan.plane) {
        reduce_plane::<T>(value, to, plan.units)
    } else if comptime!(plan.plane > 1) {
        reduce_planes::<T>(reduce_plane::<T>(value, to, plan.plane), to, plan)
    } else {
        reduce_shared::<T>(value, to, plan)
    }
}

/// Among `units` neighbors of a plane.
#[cube]
fn reduce_plane<T: Numeric>(value: T, #[comptime] to: Reduction, #[comptime] units: u32) -> T {
    let mut value = value;
    #[unroll]
    for step in 0..comptime!(units.ilog2()) {
        value = combine::<T>(value, plane_shuffle_xor(value, comptime!(1u32 << step)), to);
    }
    value
}

/// Among the planes of a row, each with one value.
#[cube]
fn reduce_planes<T: Numeric>(value: T, #[comptime] to: Reduction, #[comptime] plan: Plan) -> T {
    let planes = comptime!(plan.units / plan.plane);
    let mut shared = Shared::<[T]>::new_slice(comptime!((plan.rows * planes) as usize));
    let first = UNIT_POS_Y * planes;
    if UNIT_POS_X.is_multiple_of(plan.plane) {
        shared[(first + UNIT_POS_X / plan.plane) as usize] = value;
    }
    sync_cube();
    let mut total = shared[first as usize];
    #[unroll]
    for plane in 1..planes {
        total = combine::<T>(total, shared[(first + plane) as usize], to);
    }
    total
}

/// By halving in shared memory.
#[cube]
fn reduce_shared<T: Numeric>(value: T, #[comptime] to: Reduction, #[comptime] plan: Plan) -> T {
    let mut shared = Shared::<[T]>::new_slice(comptime!((plan.rows * plan.units) as usize));
    let first = UNIT_POS_Y * plan.units;
    let here = first + UNIT_POS_X;
    shared[here as usize] = value;
    sync_cube();
    #[unroll]
    for step in 1..comptime!(plan.units.ilog2() + 1) {
        let half = comptime!(plan.units >> step);
        if UNIT_POS_X < half {
            shared[here as usize] = combine::<T>(shared[here as usize], shared[(here + half) as usize], to);
        }
        sync_cube();
    }
    shared[first as usize]
}

#[cube]
fn combine<T: Numeric>(a: T, b: T, #[comptime] to: Reduction) -> T {
    match comptime!(to) {
        Reduction::Max => max(a, b),
        Reduction::Min => min(a, b),
        Reduction::Sum => a + b,
    }
}

/// The reduction of the numbers of the unit alone.
#[cube]
pub(crate) fn reduce_own(values: &Array<f32>, #[comptime] to: Reduction, #[comptime] plan: Plan) -> f32 {
    let mut total = values[0];
    #[unroll]
    for at in 1..comptime!(4 * plan.blocks) {
        total = combine::<f32>(total, values[at], to);
    }
    total
}

/// The reduction of a row.
#[cube]
pub(crate) fn reduce_row(values: &Array<f32>, #[comptime] to: Reduction, #[comptime] plan: Plan) -> f32 {
    reduce::<f32>(reduce_own(values, to, plan), to, plan)
}
