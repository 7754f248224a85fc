//! Checks which variables a process with elevated rights reads: one that runs with the
//! rights of its file's owner. Such a process must not trust the environment.
//!
//! The test has processes of its own, because mimalloc reads the environment once.

#[cfg(not(all(target_os = "linux", not(mimalloc_other_version))))]
fn main() {
    println!("SKIPPED: the test knows the rights of Linux, and the pinned versions");
}

#[cfg(all(target_os = "linux", not(mimalloc_other_version)))]
fn main() {
    use std::env;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::process::Command;

    use mimalloc_tests::child;

    if child::task().is_some() {
        // SAFETY: the function has no precondition, and only returns a number.
        let starter = unsafe { libc::getuid() };
        // SAFETY: the function has no precondition, and only returns a number.
        let is_elevated = starter != unsafe { libc::geteuid() };
        println!("{is_elevated} {}", mimalloc::Option::PurgeDelay.get());
        return;
    }
    // SAFETY: the function has no precondition, and only returns a number.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED: only root makes a file that runs with the rights of another user");
        return;
    }
    if !mimalloc::ffi::VENDORED {
        println!("SKIPPED: a system library may be of a version that trusts the environment");
        return;
    }
    // Beside the program, because other directories may ignore the mode.
    let program = env::current_exe().unwrap();
    let copy = program.with_extension(format!("{}.elevated", std::process::id()));
    fs::copy(&program, &copy).unwrap();
    let nobody = 65534;
    chown(&copy, Some(nobody), None).unwrap();
    let answer = |mode| {
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(&copy);
        child::arrange(&mut command, "ask");
        child::run(command.env("MIMALLOC_PURGE_DELAY", "17")).stdout
    };
    let (plain, elevated) = (answer(0o755), answer(0o4755));
    fs::remove_file(&copy).unwrap();
    assert_eq!(plain, "false 17\n");
    if elevated.starts_with("false") {
        println!("SKIPPED: the file system ignores the mode of the program");
        return;
    }
    let default = mimalloc::Option::PurgeDelay.default_text();
    if cfg!(mimalloc_v3) {
        assert!(default.starts_with("1000"), "{default}");
        assert_eq!(elevated, "true 1000\n");
    } else {
        // Engine v2 trusts the environment (docs/security.md).
        assert_eq!(elevated, "true 17\n");
    }
    println!("ok");
}
