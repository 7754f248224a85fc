//! The server: what it does with each request.

use std::collections::VecDeque;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::vec::Vec as VecIn;
use axum::Router;
use axum::body::Body;
#[cfg(mimalloc_profiler)]
use axum::extract::RawQuery;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use mimalloc::{Heap, HeapError, HeapPool};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
#[cfg(mimalloc_profiler)]
use tokio::time::sleep;
use tokio::time::timeout;

use crate::document::{Counts, DocumentError, Value};
use crate::heap_map::HeapMap;
use crate::metrics::Metrics;
use crate::options::Options;
#[cfg(mimalloc_profiler)]
use crate::profile::Profile;

/// How long a request waits for a heap, and for the next piece of its body.
const PATIENCE: Duration = Duration::from_secs(5);

/// Listens on the loopback interface, and serves until the user presses Ctrl-C.
pub(crate) fn run(options: &Options, ready: impl FnOnce(SocketAddr)) -> Result<(), Box<dyn Error>> {
    let app = Arc::new(App::new(options)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        ready(listener.local_addr()?);
        // Requests that have begun are answered first.
        axum::serve(listener, router(Arc::clone(&app), options))
            .with_graceful_shutdown(async move {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    () = app.stop.notified() => {}
                }
            })
            .await?;
        Ok(())
    })
}

fn router(app: Arc<App>, options: &Options) -> Router {
    let mut router = Router::new()
        .route("/words", post(words))
        .route("/metrics", get(metrics))
        .route("/profile", get(profile))
        .route("/heaps.svg", get(heaps));
    if options.stoppable {
        router = router.route("/stop", post(stop));
    }
    router.with_state(app)
}

struct App {
    memory: Memory,
    answered: AtomicU64,
    refused: AtomicU64,
    pictures: Pictures,
    #[cfg(mimalloc_profiler)]
    profile: Option<Profile>,
    stop: Notify,
}

/// Where requests allocate.
enum Memory {
    /// In a heap for each request, and in as many at once as `turns` has permits.
    Heaps { pool: HeapPool, turns: Semaphore },
    /// In the global allocator.
    Global,
}

impl App {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let memory = if options.global {
            Memory::Global
        } else {
            Memory::Heaps {
                // Each heap has an exclusive arena: that is the limit of a request.
                // An idle heap keeps what most requests need.
                pool: HeapPool::options()
                    .keep_bytes((options.limit / 16).max(1 << 20))
                    .build_in_arenas(options.heaps, options.limit)?,
                turns: Semaphore::new(options.heaps),
            }
        };
        Ok(Self {
            memory,
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            pictures: Pictures::default(),
            #[cfg(mimalloc_profiler)]
            profile: Profile::new().ok(),
            stop: Notify::new(),
        })
    }
}

/// Answers a JSON document with the words in the document.
async fn words(State(app): State<Arc<App>>, mut body: Body) -> Response {
    let answer = match &app.memory {
        Memory::Heaps { pool, turns } => in_heap(&app, pool, turns, &mut body).await,
        Memory::Global => answer(&mut body, Global).await,
    };
    if answer.is_err() {
        discard(&mut body).await;
    }
    match answer {
        Ok(json) => {
            app.answered.fetch_add(1, Ordering::Relaxed);
            ([(header::CONTENT_TYPE, "application/json")], json).into_response()
        }
        Err(failure) => {
            app.refused.fetch_add(1, Ordering::Relaxed);
            failure.into_response()
        }
    }
}

/// Answers a request in a heap of the pool. The heap goes back at the end, also when
/// the client hangs up and the runtime drops this future.
async fn in_heap(
    app: &App,
    pool: &HeapPool,
    turns: &Semaphore,
    body: &mut Body,
) -> Result<Vec<u8>, Failure> {
    let turn = timeout(PATIENCE, turns.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return Err(Failure::Busy);
    };
    let mut heap = pool.take()?;
    let answer = answer(body, &*heap).await;
    app.pictures.record(&mut heap);
    answer
}

/// Reads a document, parses it and counts its words, all in `alloc`.
async fn answer<A: Storage>(body: &mut Body, alloc: A) -> Result<Vec<u8>, Failure> {
    let json = read(body, alloc).await?;
    let document = Value::parse(&json, alloc)?;
    let counts = Counts::of(&document, alloc)?;
    let answer = counts.to_json(alloc)?;
    alloc.leave(counts);
    alloc.leave(document);
    alloc.leave(json);
    Ok(answer)
}

/// Collects the body of a request as it comes.
async fn read<A: Allocator>(body: &mut Body, alloc: A) -> Result<VecIn<u8, A>, Failure> {
    let mut bytes = VecIn::new_in(alloc);
    loop {
        let frame = timeout(PATIENCE, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Failure::Slow)? else {
            return Ok(bytes);
        };
        let frame = frame.map_err(|_| Failure::Interrupted)?;
        if let Ok(data) = frame.into_data() {
            let room = bytes.try_reserve(data.len());
            room.map_err(|_| Failure::TooLarge)?;
            bytes.extend_from_slice(&data);
        }
    }
}

/// Reads the rest of a body, within bounds: many clients read no answer before they
/// have sent everything.
async fn discard(body: &mut Body) {
    let rest = async {
        let mut left: usize = 256 << 20;
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, |data| data.len());
            let Some(now) = left.checked_sub(len) else {
                break;
            };
            left = now;
        }
    };
    // A client that is too slow sees its connection end.
    let _ = timeout(PATIENCE, rest).await;
}

/// Where a request allocates, and how it leaves its values.
trait Storage: Allocator + Copy + Send + Sync {
    fn leave<T>(self, value: T);
}

impl Storage for &Heap {
    /// The heap frees all blocks together.
    fn leave<T>(self, value: T) {
        std::mem::forget(value);
    }
}

impl Storage for Global {
    fn leave<T>(self, value: T) {
        drop(value);
    }
}

/// Says why a request has no answer.
enum Failure {
    TooLarge,
    Busy,
    Slow,
    Interrupted,
    Invalid(serde_json::Error),
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::OutOfMemory => Self::TooLarge,
            DocumentError::Invalid(error) => Self::Invalid(error),
        }
    }
}

impl From<HeapError> for Failure {
    fn from(_: HeapError) -> Self {
        Self::Busy
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request needs more memory than one request may use\n".to_owned(),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "all heaps are in use\n".to_owned(),
            ),
            Self::Slow => (
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come\n".to_owned(),
            ),
            Self::Interrupted => (
                StatusCode::BAD_REQUEST,
                "the body did not come as a whole\n".to_owned(),
            ),
            Self::Invalid(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
        .into_response()
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut metrics = Metrics::default();
    metrics.add_mimalloc();
    for (outcome, count) in [("answered", &app.answered), ("refused", &app.refused)] {
        let labels = format!("{{outcome=\"{outcome}\"}}");
        let count = count.load(Ordering::Relaxed);
        metrics.add("service_requests_total", "counter", &labels, count);
    }
    if let Memory::Heaps { pool, turns } = &app.memory {
        metrics.add("service_heaps_idle", "gauge", "", pool.idle_count());
        metrics.add("service_heaps_left", "gauge", "", turns.available_permits());
    }
    let kind = "text/plain; version=0.0.4";
    ([(header::CONTENT_TYPE, kind)], metrics.to_text()).into_response()
}

/// Answers `?seconds=10` with a profile of the next 10 seconds.
#[cfg(mimalloc_profiler)]
async fn profile(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let seconds = query.as_deref().unwrap_or("seconds=1");
    let seconds = seconds
        .strip_prefix("seconds=")
        .and_then(|seconds| seconds.parse().ok());
    let Some(seconds @ 0..=60) = seconds else {
        let text = "the query is seconds=0 to seconds=60\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let Some(profile) = &app.profile else {
        return (StatusCode::NOT_IMPLEMENTED, "another profiler runs\n").into_response();
    };
    match profile.during(sleep(Duration::from_secs(seconds))).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(not(mimalloc_profiler))]
async fn profile() -> Response {
    (StatusCode::NOT_IMPLEMENTED, "built without profiler\n").into_response()
}

async fn heaps(State(app): State<Arc<App>>) -> Response {
    let svg = app.pictures.draw();
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}

async fn stop(State(app): State<Arc<App>>) {
    app.stop.notify_one();
}

/// Remembers what the heaps of some requests held at the end of the request.
#[derive(Default)]
struct Pictures {
    seen: AtomicU64,
    maps: Mutex<VecDeque<HeapMap>>,
}

impl Pictures {
    /// Out of this number of requests, one is kept for pictures.
    const EVERY: u64 = 64;
    const KEPT: usize = 3;

    fn record(&self, heap: &mut Heap) {
        let number = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if number % Self::EVERY != 0 && number > Self::KEPT as u64 {
            return;
        }
        // Without memory for the copy there is no picture.
        let Ok(map) = HeapMap::new(format!("the heap of request {number}"), heap) else {
            return;
        };
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        if maps.len() == Self::KEPT {
            maps.pop_front();
        }
        maps.push_back(map);
    }

    fn draw(&self) -> String {
        let maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        crate::heap_map::draw(maps.iter())
    }
}
