//! Starts an HTTP server that answers each request in a heap of its own.
//!
//! ```text
//! cargo run --release --example service
//! cargo run --release --example service -- --port 8080 --limit 64
//! curl -d '{"text": "a rose is a rose", "numbers": [1, 2]}' localhost:8080/words
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `POST /words` with any JSON | the most frequent words, and more, as JSON |
//! | `GET /metrics` | all statistics of mimalloc, for Prometheus |
//! | `GET /profile?seconds=10` | a profile of the next 10 seconds, for `pprof` |
//! | `GET /heaps.svg` | what the heaps of some requests held, as a picture |
//! | `POST /stop` | stops the server, if it was started with `--stoppable` |
//!
//! The server listens on the loopback interface only.

// Axum moves requests between threads, which the heaps of engine v2 don't take.
#[cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats))]
mod document;
#[cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats))]
mod heap_map;
#[cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats))]
mod metrics;
#[cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats))]
mod options;
#[cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats, mimalloc_profiler))]
mod profile;
#[cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats))]
mod server;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(options) = options::Options::parse(std::env::args().skip(1))? else {
        println!("{}", options::HELP);
        return Ok(());
    };
    server::run(&options, |address| println!("http://{address}"))
}

#[cfg(not(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats)))]
fn main() {
    println!("this example needs engine v3");
}
