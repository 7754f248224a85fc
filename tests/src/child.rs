//! Runs the test program again, as a child whose end is part of the result.

use std::env;
use std::io::Write as _;
use std::process::{Command, Output};

/// The first argument of a child.
const MARK: &str = "child-of-the-test";

/// Returns what this process is to do, if it is a child. A child that hangs ends
/// after minutes.
#[must_use]
pub fn task() -> Option<String> {
    let mut arguments = env::args().skip(1);
    if arguments.next()? != MARK {
        return None;
    }
    // Elsewhere a thread of its own would end the child, and some children count threads.
    #[cfg(unix)]
    crate::fail_instead_of_hanging();
    arguments.next()
}

/// Ends a child at once. Handlers at exit may trip over what the child has broken.
pub fn end() -> ! {
    std::io::stdout().flush().unwrap();
    #[cfg(unix)]
    // SAFETY: the function has no precondition, and nothing is left to be written.
    unsafe {
        libc::_exit(0)
    };
    #[cfg(not(unix))]
    std::process::exit(0);
}

/// Returns a command that runs this program as a child, without the options of
/// mimalloc that the environment has.
#[must_use]
pub fn command(task: &str) -> Command {
    let mut command = crate::this_program();
    arrange(&mut command, task);
    command
}

/// Makes `command`, which runs a copy of this program, a child.
pub fn arrange(command: &mut Command, task: &str) {
    command.args([MARK, task]);
    for (name, _) in env::vars_os() {
        if name
            .to_string_lossy()
            .to_uppercase()
            .starts_with("MIMALLOC")
        {
            command.env_remove(name);
        }
    }
}

/// Is what a child did.
#[derive(Debug)]
pub struct Ended {
    /// Is what the child printed.
    pub stdout: String,
    /// What mimalloc printed.
    pub stderr: String,
    /// The signal that ended the child.
    pub signal: Option<i32>,
    /// Whether the child ended by itself, with success.
    pub success: bool,
}

impl Ended {
    fn of(output: &Output) -> Self {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        #[cfg(not(unix))]
        let signal = None;
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            signal,
            success: output.status.success(),
        }
    }
}

/// Runs a child to its end.
#[must_use]
pub fn run(command: &mut Command) -> Ended {
    Ended::of(&command.output().unwrap())
}

/// Runs a child, which must succeed, and returns what it printed.
#[track_caller]
#[must_use]
pub fn answer(command: &mut Command) -> String {
    let ended = run(command);
    assert!(ended.success, "{ended:?}");
    ended.stdout.trim().to_owned()
}
