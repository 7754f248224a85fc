//! A thread that mimalloc does not know, and has no memory for. Each function ends
//! in a process of its own. mimalloc is not the global allocator, because mimalloc
//! would know the thread then.

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: the limit is one of Linux");
}

#[cfg(target_os = "linux")]
fn main() {
    let functions = [
        "new", "scope", "print", "reset", "stats", "json", "arena", "collect", "info",
    ];
    if let Some(name) = mimalloc_tests::child::task() {
        tests::run(&name);
        return;
    }
    for name in functions {
        let output = mimalloc_tests::child::command(name).output().unwrap();
        assert!(
            output.status.success() && output.stdout.ends_with(b"done\n"),
            "{name}: {output:?}"
        );
    }
    println!("ok");
}

#[cfg(target_os = "linux")]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use allocator_api2_02::boxed::Box as Box02;
    use mimalloc::{Arena, Heap, MiMalloc, stats};
    use mimalloc_tests::address_space::{lift_limit, limit_to_now_and};

    pub(super) fn run(name: &str) {
        // A thread that stays keeps what mimalloc has in store for a new one.
        let ready = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                core::mem::forget(Box02::new_in([1_u8; 30], MiMalloc));
                ready.wait();
                ready.wait();
            });
            ready.wait();
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    // The system's allocator has what this thread needs of it.
                    drop(
                        (0..200)
                            .map(|i| vec![1_u8; 10 + i * 20])
                            .collect::<Vec<_>>(),
                    );
                    let mut text = String::with_capacity(100_000);
                    start.wait();
                    start.wait();
                    call(name, &mut text);
                });
                start.wait();
                limit_to_now_and(0);
                start.wait();
            });
            lift_limit();
            ready.wait();
        });
        // With memory again, everything works again.
        Heap::scope(|heap| assert_eq!(*Box02::new_in(7, heap), 7)).unwrap();
        println!("done");
    }

    /// Calls one function, which may fail.
    fn call(name: &str, text: &mut String) {
        match name {
            "scope" | "new" => _ = Heap::scope(|heap| _ = heap.alloc(1_u8)),
            "print" => stats::print(),
            "reset" => stats::reset(),
            #[cfg(not(mimalloc_other_version))]
            "stats" => _ = stats::Stats::get(),
            #[cfg(not(mimalloc_other_version))]
            "json" => _ = stats::write_json(text),
            // Old versions have no statistics as values.
            #[cfg(mimalloc_other_version)]
            "stats" | "json" => _ = text,
            "arena" => _ = Arena::reserve(64 << 20),
            "collect" => mimalloc::collect(true),
            "info" => _ = stats::process_info(),
            _ => unreachable!("`main` knows the names"),
        }
    }
}
