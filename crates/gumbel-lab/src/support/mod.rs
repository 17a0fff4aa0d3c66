//! What the rest of the program stands on and what knows nothing of it: files, standard output, interruption,
//! statistics, shell words and spelling suggestions.

pub mod atomic_file;
pub mod csv_table;
pub mod interrupt;
pub mod number;
pub mod output_file;
pub mod shell;
pub mod stats;
pub mod stdout;
pub mod suggest;
pub mod text;
