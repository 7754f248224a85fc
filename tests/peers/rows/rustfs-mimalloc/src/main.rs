//! A fork that follows upstream closely.

#[global_allocator]
static ALLOCATOR: rustfs_mimalloc::MiMalloc = rustfs_mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    peers_workloads::main()
}
