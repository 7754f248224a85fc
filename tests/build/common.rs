//! Finds the repository, the pins and the source for the tests of the build.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

use serde_json::Value;

/// The engines and their pins, as the build script reads them.
#[path = "../../mimalloc-sys/build/pin.rs"]
pub(crate) mod pin;

use pin::{Carrier, Engine, Pin, Sums};

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap().to_owned()
}

/// Returns `mimalloc-sys/vendor`.
pub(crate) fn vendor_dir() -> PathBuf {
    root().join("mimalloc-sys/vendor")
}

/// Returns the carrier of an engine.
pub(crate) fn carrier(engine: Engine) -> Carrier {
    let pin = Pin::read(&vendor_dir(), engine).unwrap();
    pin.carrier(&vendor_dir()).unwrap()
}

/// Returns the directory to which cargo unpacked the carrier of an engine.
pub(crate) fn carrier_dir(engine: Engine) -> PathBuf {
    static METADATA: OnceLock<Value> = OnceLock::new();
    let metadata = METADATA.get_or_init(|| {
        let printed = output(cargo().args(["metadata", "--format-version=1"]));
        serde_json::from_str(&printed).unwrap()
    });
    let carrier = carrier(engine);
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let found = packages.find(|found| {
        found["name"] == carrier.package.as_str() && found["version"] == carrier.version.as_str()
    });
    let manifest = found.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).parent().unwrap().to_owned()
}

/// Copies the pinned source, wherever this machine has it.
pub(crate) fn copy_source(engine: Engine, to: &Path) {
    let tree = vendor_dir().join(engine.name());
    let from = if tree.is_dir() {
        tree
    } else {
        carrier_dir(engine).join(carrier(engine).path)
    };
    for path in Sums::read(&vendor_dir(), engine).unwrap().0.keys() {
        write(&to.join(path), fs::read(from.join(path)).unwrap());
    }
}

/// Writes a file, and the directories above it.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Returns the cargo that runs this program, at the root of the repository.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Runs a command, which must succeed; returns what it prints.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let result = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(result.status.success(), "{command:?}: {}", result.status);
    String::from_utf8(result.stdout).unwrap()
}

/// Reads the messages of `cargo --message-format=json`.
pub(crate) fn messages(printed: &str) -> impl Iterator<Item = Value> {
    let lines = printed.lines();
    lines.filter_map(|line| serde_json::from_str(line).ok())
}
