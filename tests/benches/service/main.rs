//! Measures the example service with a heap of a pool for each request, and with the
//! global allocator alone: requests in a second, and how long they take. Starts one
//! server for each row, and sends to each in turn, so that a busy machine slows all
//! of them. Engine v3 only.
//!
//! `cargo bench -p mimalloc-benches --bench service`

#[path = "../../../mimalloc/tests/service/client.rs"]
mod client;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use client::{Client, Error};

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(400);

const MIMALLOC: &str = env!("CARGO_BIN_EXE_service-mimalloc");
const SYSTEM: &str = env!("CARGO_BIN_EXE_service-system");

/// The rows: a name, a server, and whether requests use the global allocator.
const ROWS: [(&str, &str, bool); 4] = [
    ("heap of a pool, MiMalloc elsewhere", MIMALLOC, false),
    ("heap of a pool, system malloc elsewhere", SYSTEM, false),
    ("MiMalloc alone", MIMALLOC, true),
    ("system malloc alone", SYSTEM, true),
];

fn main() -> Result<(), Error> {
    if cfg!(feature = "v2") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    println!("{CONNECTIONS} connections, {ROUNDS} rounds of {ROUND:?} for each row");
    println!("CPU: processor time of the server for a request; also exact on a busy machine");
    for records in [1, 30, 1_000] {
        let body = document(records);
        println!("\nrequests of {} bytes", body.len());
        println!("requests/s      CPU    median       p99     peak  allocator");
        let mut servers = ROWS.map(|(_, program, global)| Server::start(program, global));
        for _ in 0..ROUNDS {
            for server in &mut servers {
                runtime.block_on(server.round(&body))?;
            }
        }
        for (server, (name, ..)) in servers.into_iter().zip(ROWS) {
            let cpu = runtime.block_on(server.cpu())?;
            server.report(name, cpu);
        }
    }
    Ok(())
}

/// Returns records with some words and numbers.
fn document(records: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(1);
    let mut json = String::from("[");
    for id in 0..records {
        let comma = if id > 0 { "," } else { "" };
        write!(
            json,
            "{comma}{{\"id\":{id},\"price\":{},\"text\":\"",
            random.f32()
        )
        .unwrap();
        for _ in 0..random.usize(3..20) {
            write!(json, "word{} ", random.u32(0..2_000)).unwrap();
        }
        json.push_str("\",\"tags\":[\"new\",\"cheap\"]}");
    }
    json.push(']');
    json.into()
}

struct Server {
    process: Child,
    address: SocketAddr,
    /// The requests in a second of each round.
    rates: Vec<f64>,
    /// How long each request took.
    times: Vec<Duration>,
}

impl Server {
    fn start(program: &str, global: bool) -> Self {
        let mut command = Command::new(program);
        if global {
            command.arg("--global");
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        Self {
            process,
            address: line.trim().parse().unwrap(),
            rates: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Sends requests over all connections for a while, each after the answer to the
    /// one before.
    async fn round(&mut self, body: &Bytes) -> Result<(), Error> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(Client::connect(self.address).await?);
        }
        let begin = Instant::now();
        let tasks: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let body = body.clone();
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    while begin.elapsed() < ROUND {
                        let sent = Instant::now();
                        let (status, _) = client.post("/words", body.clone()).await?;
                        times.push(sent.elapsed());
                        if !status.is_success() {
                            return Err(status.to_string().into());
                        }
                    }
                    Ok::<_, Error>(times)
                })
            })
            .collect();
        let before = self.times.len();
        for task in tasks {
            self.times.extend(task.await??);
        }
        let requests = (self.times.len() - before) as f64;
        self.rates.push(requests / begin.elapsed().as_secs_f64());
        Ok(())
    }

    /// Returns the processor time that the server has used.
    async fn cpu(&self) -> Result<Duration, Error> {
        let (_, text) = Client::connect(self.address).await?.get("/metrics").await?;
        let parts = std::str::from_utf8(&text)?.lines().filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            let counts = name.contains("user_msecs") || name.contains("system_msecs");
            counts.then(|| value.parse::<u64>().ok())?
        });
        Ok(Duration::from_millis(parts.sum()))
    }

    fn report(mut self, name: &str, cpu: Duration) {
        self.times.sort_unstable();
        self.rates.sort_unstable_by(f64::total_cmp);
        let micros = |part: usize| {
            let at = (self.times.len() * part / 100).min(self.times.len() - 1);
            self.times[at].as_micros()
        };
        println!(
            "{:>10.0} {:>5} µs {:>6} µs {:>6} µs {:>8}  {name}",
            self.rates[self.rates.len() / 2],
            cpu.as_micros() / self.times.len() as u128,
            micros(50),
            micros(99),
            self.peak().unwrap_or_default(),
        );
    }

    /// Returns the most memory that the server ever had, where Linux tells.
    fn peak(&self) -> Option<String> {
        let file = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(file).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(format!("{} MiB", kib / 1024))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
