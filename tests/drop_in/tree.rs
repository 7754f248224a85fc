//! Builds a program that depends on this crate, and through two libraries on
//! crates.io's packages with all their features.

use std::fs;
use std::path::Path;

use crate::cargo::{cargo, definitions, locks_only_ours, succeed, uses_ours};
use crate::{Failure, ensure, patch, patch_of_shim, root, work_dir};

/// A library on `mimalloc` 0.1.
const SAFE: (&str, &str) = (
    "mimalloc = { version = \"0.1\", features = [\"debug_in_debug\", \"extended\", \
     \"local_dynamic_tls\", \"no_thp\", \"secure\", \"win_direct_tls\"] }",
    "pub use mimalloc::MiMalloc;
#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;
pub fn uses() -> Result<u32, &'static str> {
    let block = Box::new([0_u8; 100]);
    let size = unsafe { GLOBAL.usable_size(block.as_ptr()) };
    assert!(size >= 100);
    assert_eq!(unsafe { GLOBAL.usable_size(core::ptr::null()) }, 0);
    let json = MiMalloc::stats_json()?;
    assert!(json.to_str().is_ok_and(|text| text.starts_with('{')));
    let version: u32 = GLOBAL.version();
    Ok(version)
}
",
);

/// A library on `libmimalloc-sys` 0.1.
const RAW: (&str, &str) = (
    "libmimalloc-sys = { version = \"0.1\", features = [\"arena\", \"extended\"] }",
    "use libmimalloc_sys as ffi;
pub fn uses() {
    let verbose: core::ffi::c_int = ffi::mi_option_verbose;
    unsafe {
        let block = ffi::mi_malloc_aligned(100, 64);
        assert!(ffi::mi_usable_size(block) >= 100 && block as usize % 64 == 0);
        ffi::mi_cfree(block);
        ffi::mi_option_set(verbose, ffi::mi_option_get(verbose));
    }
}
",
);

const PROGRAM: &str = "fn main() {
    assert_eq!(safe::uses(), Ok(ours::version().raw()));
    raw::uses();
    let heap = ours::Heap::new().unwrap();
    assert_eq!(*heap.alloc(1).unwrap(), 1);
}
";

/// A program that never calls mimalloc, whose C functions mimalloc replaces.
const OVERRIDE: (&str, &str) = (
    "mimalloc = { version = \"0.1\", default-features = false, features = [\"override\"] }",
    "use mimalloc as _;\nfn main() {}\n",
);

pub(crate) fn run() -> Result<(), Failure> {
    let dir = work_dir().join("tree");
    drop(fs::remove_dir_all(&dir));
    let target = work_dir().join("tree-target");
    let (safe, raw) = (dir.join("safe"), dir.join("raw"));
    // Features that the old packages lack would have cargo refuse the tree.
    write(&safe, "safe", "mimalloc = \"0.1\"", "lib.rs", SAFE.1)?;
    write(&raw, "raw", "libmimalloc-sys = \"0.1\"", "lib.rs", RAW.1)?;
    let program = dir.join("program");
    let ours = root().join("mimalloc");
    let dependencies = format!(
        "safe.path = \"../safe\"\nraw.path = \"../raw\"\n\
         ours = {{ package = \"mimalloc\", path = {ours:?} }}\n\n[workspace]\n"
    );
    write(&program, "program", &dependencies, "main.rs", PROGRAM)?;

    // Without the patch, cargo takes old packages that nothing refuses but our build.
    succeed(&mut cargo(&program, &["generate-lockfile"]))?;
    let lock = fs::read_to_string(program.join("Cargo.lock"))?;
    ensure(
        lock.contains("\"libmimalloc-sys\""),
        "cargo took no old package",
    )?;
    let us = format!("mimalloc@{}", us());
    let mut build = cargo(&program, &["build", "--package", &us]);
    let refused = build.env("CARGO_TARGET_DIR", &target).output()?;
    let message = String::from_utf8_lossy(&refused.stderr);
    ensure(
        !refused.status.success() && message.contains("has a second copy of mimalloc"),
        format!("a second copy of mimalloc was not refused:\n{message}"),
    )?;
    let advice = "run `cargo update ";
    let specs = message
        .split(advice)
        .nth(1)
        .and_then(|rest| rest.split('`').next());
    let specs = specs.ok_or("the message does not say what to update")?;

    // With the patch, and the advice of the message.
    let manifest = program.join("Cargo.toml");
    let patches = patch() + &patch_of_shim();
    fs::write(&manifest, fs::read_to_string(&manifest)? + &patches)?;
    let update: Vec<_> = ["update"].into_iter().chain(specs.split(' ')).collect();
    succeed(&mut cargo(&program, &update))?;
    locks_only_ours(&program)?;
    write(&safe, "safe", SAFE.0, "lib.rs", SAFE.1)?;
    write(&raw, "raw", RAW.0, "lib.rs", RAW.1)?;
    let mut build = cargo(&program, &["build", "--locked"]);
    succeed(build.env("CARGO_TARGET_DIR", &target))?;
    let executable = executable(&target, "program");
    uses_ours(&executable, &[])?;
    if cfg!(unix) {
        let count = definitions(&executable, "mi_free")?;
        ensure(count == 1, format!("{count} definitions of mi_free"))?;
    }
    overrides(&dir.join("override"))
}

/// Checks that the feature `override` needs no call of mimalloc.
fn overrides(dir: &Path) -> Result<(), Failure> {
    // Upstream can't replace the functions there.
    if cfg!(windows) {
        return Ok(());
    }
    let dependencies = format!("{}\n\n[workspace]\n{}", OVERRIDE.0, patch());
    write(dir, "overrides", &dependencies, "main.rs", OVERRIDE.1)?;
    let target = work_dir().join("override-target");
    let mut build = cargo(dir, &["build"]);
    build.env("CARGO_TARGET_DIR", &target);
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        // With a shared standard library, this program itself does not even call
        // `malloc`, and the linker has no other reason to take mimalloc.
        build.env("RUSTFLAGS", "-Cprefer-dynamic");
    }
    succeed(&mut build)?;
    let executable = executable(&target, "overrides");
    // On Apple's systems mimalloc registers itself, and defines no `malloc`.
    let is_apple = cfg!(target_vendor = "apple");
    let function = if is_apple { "mi_malloc" } else { "malloc" };
    let count = definitions(&executable, function)?;
    ensure(count == 1, format!("{count} definitions of {function}"))
}

fn write(
    dir: &Path,
    name: &str,
    dependencies: &str,
    file: &str,
    text: &str,
) -> Result<(), Failure> {
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("src").join(file), text)?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [dependencies]\n{dependencies}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest)?;
    Ok(())
}

fn executable(target: &Path, name: &str) -> std::path::PathBuf {
    let path = target.join("debug").join(name);
    path.with_extension(std::env::consts::EXE_EXTENSION)
}

/// Returns the version of this crate.
fn us() -> String {
    let manifest = fs::read_to_string(root().join("mimalloc/Cargo.toml")).unwrap_or_default();
    let mut lines = manifest.lines();
    let version = lines.find_map(|line| line.strip_prefix("version = "));
    version.unwrap_or_default().trim_matches('"').to_owned()
}
