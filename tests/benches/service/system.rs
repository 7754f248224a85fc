//! The example service with the system's global allocator, for the bench `service`.

#![cfg_attr(feature = "v2", allow(unused))]
#![allow(
    unexpected_cfgs,
    reason = "the example asks for cfgs of its own package"
)]

#[path = "../../../mimalloc/examples/service/document.rs"]
mod document;
#[path = "../../../mimalloc/examples/service/heap_map.rs"]
mod heap_map;
#[path = "../../../mimalloc/examples/service/metrics.rs"]
mod metrics;
#[allow(dead_code, reason = "has a text for the example")]
#[path = "../../../mimalloc/examples/service/options.rs"]
mod options;
#[cfg(not(feature = "v2"))]
#[path = "../../../mimalloc/examples/service/server.rs"]
mod server;

#[cfg(not(feature = "v2"))]
fn main() {
    let options = options::Options::parse(std::env::args().skip(1));
    let options = options.unwrap().unwrap();
    server::run(&options, |address| println!("{address}")).unwrap();
}

#[cfg(feature = "v2")]
fn main() {}
