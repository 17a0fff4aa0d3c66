#[path = "it/routing/mod.rs"]
mod routing;
#[path = "it/support.rs"]
#[allow(dead_code)]
mod support;
