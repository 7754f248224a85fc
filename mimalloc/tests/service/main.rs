//! Drives the example service over the loopback interface.
//!
//! One test, because the numbers are those of the process.

#![cfg(all(mimalloc_v3, mimalloc_heap_pool, mimalloc_has_stats))]

mod client;
#[path = "../../examples/service/document.rs"]
mod document;
#[path = "../../examples/service/heap_map.rs"]
mod heap_map;
#[path = "../../examples/service/metrics.rs"]
mod metrics;
#[allow(dead_code, reason = "the test passes options, not arguments")]
#[path = "../../examples/service/options.rs"]
mod options;
#[cfg(mimalloc_profiler)]
#[path = "../../examples/service/profile.rs"]
mod profile;
#[path = "../../examples/service/server.rs"]
mod server;

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::str;
use std::sync::{LazyLock, mpsc};
use std::thread;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};

use client::{Client, Error};
use options::Options;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: usize = 4;
const HEAPS: usize = 3;
const LIMIT: usize = 32 << 20;
/// The requests of each client in a phase, besides greedy ones.
const ROUNDS: usize = 30;
/// The phases that have a greedy request. If each left the body of that request, 80 MiB
/// would be left. A heap that keeps what was in it would refuse the next requests.
const GREEDY: usize = 10;
/// Each number takes two bytes here, and ten times as many in the heap.
static GREEDY_DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| format!("[{}1]", "0,".repeat(4 << 20)).into());
/// The requests that are no JSON.
const REFUSED: usize = 4;

#[test]
fn a_greedy_request_fails_alone_and_leaves_nothing() {
    let options = Options {
        limit: LIMIT,
        heaps: HEAPS,
        stoppable: true,
        ..Options::default()
    };
    let (send, receive) = mpsc::channel();
    let server = thread::spawn(move || {
        let ran = server::run(&options, |address| send.send(address).unwrap());
        ran.map_err(|error| error.to_string())
    });
    let address = receive.recv().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(drive(address)).unwrap();
    assert_eq!(server.join().unwrap(), Ok(()));
    assert!(runtime.block_on(Client::connect(address)).is_err());
}

async fn drive(address: SocketAddr) -> Result<(), Error> {
    let mut client = Client::connect(address).await?;
    assert_eq!(at_once(address, CLIENTS).await?, CLIENTS);
    let before = samples(&mut client).await?;
    let resident = resident();

    for _ in 0..GREEDY {
        // The others are answered while one needs more than it may.
        assert_eq!(at_once(address, 1).await?, 1);
    }
    what_is_wrong_is_refused(&mut client).await?;

    let after = samples(&mut client).await?;
    let left = self::resident().saturating_sub(resident);
    assert!(left < 2 * LIMIT, "{left} bytes are left");
    let lent =
        |samples: &HashMap<String, f64>| samples["mimalloc_heaps"] - samples["service_heaps_idle"];
    assert_eq!(lent(&after), lent(&before));
    assert_eq!(after["service_heaps_left"], HEAPS as f64);
    assert!(after["service_heaps_idle"] <= HEAPS as f64);
    let outcome = |outcome| format!("service_requests_total{{outcome=\"{outcome}\"}}");
    let phase = (CLIENTS * ROUNDS) as f64;
    assert_eq!(before[&outcome("answered")], phase);
    assert_eq!(after[&outcome("answered")], (1.0 + GREEDY as f64) * phase);
    assert_eq!(
        after[&outcome("refused")],
        (CLIENTS + GREEDY + REFUSED) as f64
    );

    the_profile_is_one(&mut client).await?;
    the_picture_shows_requests(&mut client).await?;
    let (status, _) = client.post("/stop", "").await?;
    assert_eq!(status, StatusCode::OK);
    Ok(())
}

/// Sends documents from several clients, and checks each answer. Some clients send
/// a greedy one among them. Returns how many requests were too large.
async fn at_once(address: SocketAddr, greedy: usize) -> Result<usize, Error> {
    let clients = (0..CLIENTS).map(|number| {
        tokio::spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut too_large = 0;
            for round in 0..ROUNDS {
                if number < greedy && round == ROUNDS / 2 {
                    let (status, _) = client.post("/words", GREEDY_DOCUMENT.clone()).await?;
                    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
                    too_large += 1;
                }
                let (document, expected) = document(number, round);
                let (status, answer) = client.post("/words", document).await?;
                assert_eq!(status, StatusCode::OK, "{answer:?}");
                assert_eq!(serde_json::from_slice::<Value>(&answer)?, expected);
            }
            Ok::<_, Error>(too_large)
        })
    });
    let mut too_large = 0;
    for client in clients.collect::<Vec<_>>() {
        too_large += client.await??;
    }
    Ok(too_large)
}

/// Returns how many bytes of this process are in memory. mimalloc's own number counts
/// what was purged.
fn resident() -> usize {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return 0;
    };
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    kib.map_or(0, |kib| kib.trim().parse::<usize>().unwrap() * 1024)
}

/// Returns a document and its answer.
fn document(client: usize, round: usize) -> (String, Value) {
    let texts: Vec<_> = (0..=round * 20)
        .map(|at| format!("word-{client} other-{at} word-{client}"))
        .collect();
    let document = json!({
        "texts": texts,
        "numbers": [client, 0.5, null, true],
        "escaped": "a\nb\u{1F600}",
    });
    let mut words = vec![
        json!([format!("word-{client}"), 2 * texts.len()]),
        json!(["a", 1]),
        json!(["b\u{1F600}", 1]),
    ];
    let mut others: Vec<_> = (0..texts.len()).map(|at| format!("other-{at}")).collect();
    others.sort();
    words.extend(others.iter().map(|word| json!([word, 1])));
    words.truncate(10);
    let expected = json!({
        "values": 1 + 1 + texts.len() + 5 + 1,
        "numbers": 2,
        "sum": client as f64 + 0.5,
        "distinct_words": 3 + texts.len(),
        "words": words,
    });
    (document.to_string(), expected)
}

/// Sends requests that have no answer: four that are refused, and two that do not
/// count as requests for words.
async fn what_is_wrong_is_refused(client: &mut Client) -> Result<(), Error> {
    let deep = "[".repeat(100_000);
    let bodies: [&str; REFUSED] = ["", "{\"a\":", "[] []", &deep];
    for body in bodies {
        let (status, _) = client.post("/words", body.to_owned()).await?;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(
        client.get("/words").await?.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(client.get("/stopp").await?.0, StatusCode::NOT_FOUND);
    Ok(())
}

/// Returns what Prometheus would read, after free memory was returned.
async fn samples(client: &mut Client) -> Result<HashMap<String, f64>, Error> {
    mimalloc::collect(true);
    mimalloc::Arena::purge_all();
    let (status, text) = client.get("/metrics").await?;
    assert_eq!(status, StatusCode::OK);
    let text = str::from_utf8(&text)?;
    let mut samples = HashMap::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            family = kind.split(' ').next().unwrap_or_default();
            continue;
        }
        let (name, value) = line.rsplit_once(' ').ok_or("no value")?;
        assert_eq!(name.split('{').next(), Some(family));
        let earlier = samples.insert(name.to_owned(), value.parse()?);
        assert_eq!(earlier, None, "{name} twice");
    }
    // Each field of `Stats` is there, whatever the engine's version counts.
    let mut json = String::new();
    mimalloc::stats::write_json(&mut json)?;
    let fields: serde_json::Map<String, Value> = serde_json::from_str(&json)?;
    let about = ["process", "stat_version", "mimalloc_version"];
    for name in fields.keys().filter(|name| !about.contains(&name.as_str())) {
        let prefix = format!("mimalloc_{name}");
        assert!(samples.keys().any(|sample| sample.starts_with(&prefix)));
    }
    Ok(samples)
}

async fn the_profile_is_one(client: &mut Client) -> Result<(), Error> {
    for _ in 0..2 {
        let (status, bytes) = client.get("/profile?seconds=0").await?;
        if cfg!(mimalloc_profiler) {
            assert_eq!(status, StatusCode::OK, "{bytes:?}");
            let types = bytes.windows(13).filter(|name| name == b"inuse_objects");
            assert_eq!(types.count(), 1);
        } else {
            assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
        }
    }
    Ok(())
}

async fn the_picture_shows_requests(client: &mut Client) -> Result<(), Error> {
    let (status, svg) = client.get("/heaps.svg").await?;
    assert_eq!(status, StatusCode::OK);
    let svg = str::from_utf8(&svg)?;
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    let requests = CLIENTS * ROUNDS * (1 + GREEDY) + CLIENTS + GREEDY + REFUSED;
    for request in (0..=requests / 64).rev().take(3).map(|at| at * 64) {
        assert!(svg.contains(&format!("the heap of request {request}")));
    }
    assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    // The picture shows the blocks that a request left in its heap.
    assert!(svg.matches("<title>blocks of ").count() > 3);
    Ok(())
}
