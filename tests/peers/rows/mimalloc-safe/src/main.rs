//! A fork with engine 2.5.2 by default.

#[global_allocator]
static ALLOCATOR: mimalloc_safe::MiMalloc = mimalloc_safe::MiMalloc;

fn main() -> std::process::ExitCode {
    peers_workloads::main()
}
