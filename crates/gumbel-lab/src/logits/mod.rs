//! Rows of logits from a file or a stream, read in parts, and samples of them: the implementation of `gumbel sample`.
//!
//! Noise is addressed by row: number `r·k + i` of a stream perturbs logit (r, i). So neither the size of the parts nor the
//! number of threads changes a sample.

mod csv;
mod doubt;
mod error;
mod format;
mod npy;
mod number;
mod part;
mod placed;
mod raw;
mod reader;
mod request;
mod row_range;
mod safetensors;
mod sampler;
mod source;
mod stored_rows;
mod writer;

pub use doubt::Doubt;
pub use error::Error;
pub use format::Format;
pub use number::{Number, Precision};
pub use reader::LogitReader;
pub use request::{Request, Sampler, Truncation};
pub use row_range::RowRange;
pub use sampler::{PART, draw};
pub use writer::SampleWriter;
