//! The crate that most programs use, with its default engine 3.3.2.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    peers_workloads::main()
}
