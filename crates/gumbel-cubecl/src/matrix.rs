//! Rows of numbers in the memory of a device.

use cubecl::client::Client;
use cubecl::ir::{ElemType, FloatKind, UIntKind};
use cubecl::prelude::{AddressType, BufferArg, CubeCount, TensorBinding};
use cubecl::server::Handle;
use cubecl::zspace::{Tiling, shape, strides};
use gumbel_kernels::Error;

/// Rows of numbers in the memory of a device. A row may be followed by padding: kernels take the distance between rows,
/// because CubeCL's allocator on CUDA pads them, and a copy without it would take as long as a kernel.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// let numbers: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
/// let matrix = Matrix::new(device.client().create_from_slice(&numbers), 2, 2, 3, f32); // [[0, 1], [3, 4]]
/// assert_eq!((matrix.dims(), matrix.stride(), matrix.dtype()), ([2, 2], 3, f32));
/// let bytes = device.client().read_one(matrix.handle().clone()).unwrap();
/// assert_eq!(bytes[12..16], 3f32.to_le_bytes());
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Matrix {
    pub(crate) handle: Handle,
    pub(crate) rows: usize,
    pub(crate) k: usize,
    pub(crate) stride: usize,
    pub(crate) dtype: ElemType,
}

impl Matrix {
    /// `rows` rows of `k` numbers that are `stride` numbers apart.
    ///
    /// # Panics
    /// If the buffer is shorter, or rows overlap.
    pub fn new(handle: Handle, rows: usize, k: usize, stride: usize, dtype: ElemType) -> Self {
        let needed = if rows == 0 { 0 } else { ((rows - 1) * stride + k) * dtype.size() };
        let size = handle.size_in_used() as usize;
        assert!(size >= needed, "the buffer has {size} bytes, but the matrix needs {needed}");
        assert!(rows <= 1 || stride >= k, "rows of {k} numbers overlap: they are {stride} apart");
        Self { handle, rows, k, stride, dtype }
    }

    /// Allocates rows without padding. Their contents are arbitrary.
    pub fn empty(client: &Client, rows: usize, k: usize, dtype: ElemType) -> Self {
        let handle = client.empty((rows * k * dtype.size()).max(1));
        Self { handle, rows, k, stride: k, dtype }
    }

    /// The buffer.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The number of rows, and the number of numbers in each.
    pub fn dims(&self) -> [usize; 2] {
        [self.rows, self.k]
    }

    /// The distance of two rows, in numbers.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The type of the numbers.
    pub fn dtype(&self) -> ElemType {
        self.dtype
    }

    /// Returns an error for rows that have no categories, or more than a `u32` counts.
    ///
    /// # Panics
    /// If there are 2^31 rows or more.
    pub(crate) fn check(&self) -> Result<(), Error> {
        assert!(self.rows < 1 << 31, "a launch has at most 2^31 - 1 rows, got {}", self.rows);
        let fit = 0 < self.k && self.k < u32::MAX as usize && self.stride <= u32::MAX as usize;
        if fit { Ok(()) } else { Err(Error::Categories(self.k)) }
    }

    /// Whether every row begins where a vector of four numbers can.
    pub(crate) fn has_vectors(&self) -> bool {
        let start = self.handle.offset_start.unwrap_or(0) as usize;
        start.is_multiple_of(4 * self.dtype.size()) && (self.rows <= 1 || self.stride.is_multiple_of(4))
    }

    /// Numbers from the first to the last.
    pub(crate) fn span(&self) -> usize {
        if self.rows == 0 { 0 } else { (self.rows - 1) * self.stride + self.k }
    }

    /// The argument of a kernel.
    pub fn argument(&self) -> BufferArg {
        buffer_argument(&self.handle, self.span())
    }
}

/// A buffer as the argument of a kernel.
pub(crate) fn buffer_argument(handle: &Handle, length: usize) -> BufferArg {
    let binding = TensorBinding {
        handle: handle.clone().binding(),
        strides: strides![1],
        shape: shape![length],
        tiling: Tiling::UNTILED,
    };
    binding.into_tensor_arg().into_buffer_arg()
}

/// The type that indexes all of the matrices.
pub(crate) fn address_type(matrices: &[&Matrix]) -> AddressType {
    AddressType::from_len(matrices.iter().map(|matrix| matrix.span()).max().unwrap_or(0))
}

/// Cubes in two dimensions, of which no device allows fewer than 65 535 each.
pub(crate) fn cubes(count: usize) -> CubeCount {
    const WIDTH: usize = 32_768;
    if count <= WIDTH {
        return CubeCount::Static(count as u32, 1, 1);
    }
    CubeCount::Static(WIDTH as u32, count.div_ceil(WIDTH) as u32, 1)
}

pub(crate) const F32: ElemType = ElemType::Float(FloatKind::F32);
pub(crate) const U32: ElemType = ElemType::UInt(UIntKind::U32);
