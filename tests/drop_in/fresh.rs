//! Makes a new program, as a user would, with a path and with a git dependency on
//! this repository. After `cargo fetch`, the program builds without the network.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{cargo, succeed, uses_ours};
use crate::{Failure, root};

const PROGRAM: &str = "use allocator_api2::vec::Vec;
use mimalloc::{Heap, MiMalloc};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

fn main() -> Result<(), mimalloc::HeapError> {
    let heap = Heap::new()?;
    let mut numbers = Vec::new_in(&heap);
    numbers.extend([1, 2, 3]);
    println!(\"{numbers:?}\");
    Ok(())
}
";

pub(crate) fn run() -> Result<(), Failure> {
    // Outside of the repository, where no workspace and no settings of ours are.
    let dir = std::env::temp_dir().join(format!("mimalloc-fresh-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let outcome = in_dir(&dir);
    drop(fs::remove_dir_all(&dir));
    outcome
}

fn in_dir(dir: &Path) -> Result<(), Failure> {
    let clone = dir.join("clone");
    let mut git = Command::new("git");
    succeed(git.args(["clone", "--quiet"]).args([&root(), &clone]))?;
    let path = format!("mimalloc = {{ path = {:?} }}", clone.join("mimalloc"));
    // Three slashes on each system.
    let url = clone.display().to_string().replace('\\', "/");
    let git = format!("mimalloc.git = \"file:///{}\"", url.trim_start_matches('/'));
    for (name, dependency) in [("by-path", path), ("by-git", git)] {
        succeed(&mut cargo(dir, &["new", "--quiet", "--vcs=none", name]))?;
        let program = dir.join(name);
        let manifest = program.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)? + &dependency + "\nallocator-api2 = \"0.2\"\n";
        fs::write(&manifest, text)?;
        fs::write(program.join("src/main.rs"), PROGRAM)?;

        // A home of its own, which has nothing before the fetch.
        let home = dir.join("home");
        let with_home = |args: &[&str]| {
            let mut command = cargo(&program, args);
            command.env("CARGO_HOME", &home);
            command.env("CARGO_TARGET_DIR", program.join("target"));
            command
        };
        succeed(&mut with_home(&["fetch"]))?;
        let mut build = with_home(&["build", "--offline"]);
        succeed(build.env("CARGO_NET_OFFLINE", "true"))?;
        let executable = program.join("target/debug").join(name);
        let executable = executable.with_extension(std::env::consts::EXE_EXTENSION);
        uses_ours(&executable, &[])?;
        let printed = succeed(&mut Command::new(&executable))?;
        crate::ensure(
            printed.trim() == "[1, 2, 3]",
            format!("it printed {printed}"),
        )?;
    }
    Ok(())
}
