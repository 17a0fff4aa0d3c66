//! Routers: choices and gradients against enumeration, balancing, capacity, padding, the module, and what is refused.

mod balance;
mod capacity;
mod gates;
mod module;
mod refusals;
mod sampled;
mod support;
