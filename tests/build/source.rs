//! Builds a fresh clone, and programs that depend on one by
//! git and by path, in each way in which cargo can bring upstream's source.
//!
//! Each build has a cargo home of its own. Where no network may be used, cargo's
//! proxy is a listener of this program, which counts the connections.

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use common::pin::Engine;
use common::{output, root, write};

/// Variables of the caller that would change what is tried here.
const REMOVED: [&str; 12] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HTTP_PROXY",
    "CARGO_NET_OFFLINE",
    "CARGO_TARGET_DIR",
    "HTTPS_PROXY",
    "MIMALLOC_SYS_INCLUDE_DIR",
    "MIMALLOC_SYS_LIB_DIR",
    "MIMALLOC_SYS_NO_FETCH",
    "MIMALLOC_SYS_NO_VENDOR",
    "MIMALLOC_SYS_SOURCE_DIR",
    "https_proxy",
];

#[test]
fn cargo_brings_the_source_in_each_way_and_only_where_it_may() {
    let temp = tempfile::tempdir().unwrap();
    let clone = clone(temp.path());
    let url = format!(
        "file://{}{}",
        if cfg!(windows) { "/" } else { "" },
        clone.display().to_string().replace('\\', "/")
    );
    let git = format!("git = \"{url}\"");
    let path = format!("path = '{}'", clone.join("mimalloc-sys").display());
    let network = Network::new();
    for place in [
        Place::program(temp.path(), "git", &git),
        Place::program(temp.path(), "path", &path),
        Place {
            name: "clone",
            dir: clone.clone(),
            home: temp.path().join("home-clone"),
        },
    ] {
        every_way(&place, &network);
    }
    one_copy(temp.path(), &git);
    no_package_without_source(temp.path(), &clone);
}

/// Clones what is committed. The history is left out: cargo can't take a
/// dependency out of a clone that lacks a part of it, as CI's does.
fn clone(temp: &Path) -> PathBuf {
    let clone = temp.join("clone");
    let mut git = Command::new("git");
    git.current_dir(root()).args(["clone", "--quiet", "."]);
    output(git.arg(&clone));
    fs::remove_dir_all(clone.join(".git")).unwrap();
    let author = ["user.name=nobody", "user.email=nobody@example.org"];
    for args in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--no-gpg-sign", "--message=all"],
    ] {
        let mut git = Command::new("git");
        git.current_dir(&clone)
            .args(["-c", author[0], "-c", author[1]]);
        output(git.args(args));
    }
    clone
}

/// A directory that builds start in.
struct Place {
    name: &'static str,
    dir: PathBuf,
    home: PathBuf,
}

impl Place {
    /// Writes a program that depends on `mimalloc-sys` alone.
    fn program(temp: &Path, name: &'static str, dependency: &str) -> Self {
        let dir = temp.join(name);
        let manifest = format!(
            "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [workspace]\n\n[features]\nv2 = [\"mimalloc-sys/v2\"]\n\n\
             [dependencies.mimalloc-sys]\n{dependency}\n"
        );
        write(&dir.join("Cargo.toml"), &manifest);
        write(&dir.join("src/main.rs"), "fn main() {}\n");
        let home = temp.join(format!("home-{name}"));
        Self { name, dir, home }
    }

    /// Returns cargo as a user in this place runs it, with a cargo home of its own.
    fn cargo(&self, home: &Path) -> Command {
        fs::create_dir_all(home).unwrap();
        // Of the user's settings only those that say how to reach the registry.
        let own = std::env::home_dir().map(|dir| dir.join(".cargo/config.toml"));
        if let Some(own) = own.filter(|own| own.is_file()) {
            fs::copy(own, home.join("config.toml")).unwrap();
        }
        let mut cargo = common::cargo();
        cargo
            .current_dir(&self.dir)
            .env("CARGO_HOME", home)
            // As a shell says it, where the system does not show it.
            .env("PWD", &self.dir)
            // This is not about the speed of the allocator.
            .env("CFLAGS", "-O0");
        for name in REMOVED {
            cargo.env_remove(name);
        }
        cargo
    }

    /// Returns cargo that builds into an empty directory.
    fn build(&self, home: &Path) -> Command {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let target = format!("target/{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.build_in(home, &self.dir.join(target))
    }

    fn build_in(&self, home: &Path, target: &Path) -> Command {
        let mut cargo = self.cargo(home);
        cargo.args(["check", "--quiet", "--target-dir"]).arg(target);
        if self.name == "clone" {
            cargo.arg("--package=mimalloc-sys");
        }
        cargo
    }

    fn feature_v2(&self) -> &'static str {
        if self.name == "clone" {
            "--features=mimalloc-sys/v2"
        } else {
            "--features=v2"
        }
    }
}

/// Tries all ways to have, and not to have, the source in one place.
fn every_way(place: &Place, network: &Network) {
    let say = |what: &str| println!("{}: {what}", place.name);

    let home = place.home.with_extension("online");
    success(&mut place.build(&home));
    say("a plain build downloads the source");

    let home = &place.home;
    success(place.cargo(home).arg("fetch"));
    let offline = |cargo: &mut Command| network.untouched(cargo);
    offline(&mut place.build(home));
    offline(place.build(home).env("CARGO_NET_OFFLINE", "true"));
    offline(place.build(home).arg("--offline"));
    offline(place.build(home).args(["--frozen", place.feature_v2()]));
    say("`cargo fetch` brings it; then nothing needs the network");

    let without = place.home.with_extension("without");
    success(place.cargo(&without).arg("fetch"));
    remove_carriers(&without);
    let refused = |cargo: &mut Command, why: &str| network.refused(cargo, why);
    refused(
        place.build(&without).env("CARGO_NET_OFFLINE", "true"),
        "--offline was specified",
    );
    refused(
        place.build(&without).env("MIMALLOC_SYS_NO_FETCH", "1"),
        "MIMALLOC_SYS_NO_FETCH forbids the network",
    );
    if cfg!(target_os = "linux") {
        refused(
            place.build(&without).arg("--offline"),
            "`--offline` forbids the network",
        );
    }
    let config = place.dir.join(".cargo/config.toml");
    let kept = fs::read_to_string(&config).ok();
    let before = kept.clone().unwrap_or_default();
    write(&config, format!("{before}\n[net]\noffline = true\n"));
    refused(&mut place.build(&without), "--offline was specified");
    // Also where the build's own directory is somewhere else.
    let elsewhere = tempfile::tempdir().unwrap();
    refused(
        &mut place.build_in(&without, elsewhere.path()),
        "--offline was specified",
    );
    // Or all of this would prove nothing.
    write(&config, &before);
    network.tried(&mut place.build(&without));
    say("without it the build fails, and asks the network only where it may");

    let printed = success(place.cargo(home).arg("vendor"));
    let sources = String::from_utf8_lossy(&printed.stdout).into_owned();
    write(&config, format!("{before}\n{sources}\n"));
    let empty = place.home.with_extension("empty");
    offline(place.build(&empty).env("CARGO_NET_OFFLINE", "true"));
    offline(place.build(&empty).args(["--frozen", place.feature_v2()]));
    say("`cargo vendor` brings it, for a machine that never had a network");
    if let Some(text) = kept {
        write(&config, &text);
    }
}

/// Takes the carriers out of a cargo home, and nothing else.
fn remove_carriers(home: &Path) {
    for engine in Engine::ALL {
        let name = common::carrier(engine).name();
        for (part, name) in [("src", name.clone()), ("cache", format!("{name}.crate"))] {
            for registry in fs::read_dir(home.join("registry").join(part)).unwrap() {
                let path = registry.unwrap().path().join(&name);
                if path.is_dir() {
                    fs::remove_dir_all(&path).unwrap();
                } else if path.is_file() {
                    fs::remove_file(&path).unwrap();
                }
            }
        }
    }
}

/// Checks that a program can't link another crate of mimalloc beside ours.
fn one_copy(temp: &Path, git: &str) {
    let place = Place::program(temp, "both", git);
    let manifest = place.dir.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap()
        + "\n[dependencies.mimalloc]\nversion = \"0.1.43\"\n";
    write(&manifest, &text);
    let refused = failure(place.cargo(&place.home).arg("generate-lockfile"));
    assert!(
        refused.contains("links to the native library `mimalloc`"),
        "cargo says of two mimallocs: {refused}"
    );
    println!("links: cargo refuses a second mimalloc");
}

/// Checks that cargo makes no package without the source.
fn no_package_without_source(temp: &Path, clone: &Path) {
    let place = Place {
        name: "package",
        dir: clone.to_path_buf(),
        home: temp.join("home-git"),
    };
    let refused = failure(place.cargo(&place.home).args([
        "package",
        "--allow-dirty",
        "--no-verify",
        "--package=mimalloc-sys",
    ]));
    assert!(
        refused.contains("run-cargo-xtask-vendor"),
        "cargo says of a package without source: {refused}"
    );
    println!("package: cargo refuses one without source, also unverified");
}

/// A proxy that serves no connection and counts them.
struct Network {
    address: String,
    visitors: Arc<AtomicUsize>,
}

impl Network {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let visitors = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&visitors);
        // Ends with the process.
        thread::spawn(move || {
            for visitor in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                drop(visitor);
            }
        });
        Self { address, visitors }
    }

    /// Runs cargo behind the proxy; returns cargo's output and the number of connections.
    fn run(&self, cargo: &mut Command) -> (Output, usize) {
        let before = self.visitors.load(Ordering::SeqCst);
        let cargo = cargo
            .env("CARGO_HTTP_PROXY", &self.address)
            .env("CARGO_NET_RETRY", "0");
        let output = cargo.output().unwrap();
        (output, self.visitors.load(Ordering::SeqCst) - before)
    }

    /// Runs cargo, which must succeed without the network.
    fn untouched(&self, cargo: &mut Command) {
        let (output, visitors) = self.run(cargo);
        assert!(
            output.status.success() && visitors == 0,
            "{cargo:?}: {visitors} connections, {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Runs cargo, which must fail for the reason `why`, without the network.
    fn refused(&self, cargo: &mut Command, why: &str) {
        let (output, visitors) = self.run(cargo);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && visitors == 0 && text.contains(why),
            "{cargo:?} should fail with `{why}`: {visitors} connections, {text}"
        );
    }

    /// Runs cargo, which must try the network, and fails without it.
    fn tried(&self, cargo: &mut Command) {
        let (output, visitors) = self.run(cargo);
        assert!(
            !output.status.success() && visitors > 0,
            "{cargo:?} should try the network: {visitors} connections, {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Runs a command that must succeed.
#[track_caller]
fn success(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    output
}

/// Runs a command that must fail; returns its error output.
#[track_caller]
fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} should fail: {text}");
    text
}
