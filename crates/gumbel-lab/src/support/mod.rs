//! Modules that the rest of the program uses and that depend on none of it: files, standard output, interruption, option values,
//! statistics, shell words and spelling suggestions.

pub mod atomic_file;
pub mod csv_table;
pub mod excerpt;
pub(crate) mod fault;
pub mod hex;
pub mod holder;
pub mod interrupt;
pub mod jobs;
pub mod memory;
pub mod options;
pub mod output_file;
pub mod shell;
pub mod stats;
pub mod stdout;
pub mod suggest;
pub mod text;
