//! The tests of `gumbel-lab` and of its program `gumbel`: one program, so that Burn is linked once.

mod cli;
mod compare;
mod damage;
mod data_fetch;
mod data_idx;
mod data_load;
mod data_real;
mod deep_vae;
mod device;
mod estimators;
mod evaluate;
mod gan;
mod links;
mod measure;
mod new_model;
mod program;
mod reproduce;
mod resume;
mod sample;
mod sample_parts;
mod sbn;
mod semi;
mod show;
mod signals;
mod text;
mod trust;
