//! Limits the address space of the process, so that memory runs out.

/// Limits the address space to its present size and `more` bytes.
pub fn limit_to_now_and(more: usize) {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = status.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: `sysconf` has no precondition, and only returns a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap();
    set_limit((pages * page + more) as libc::rlim_t);
}

/// Lets the address space grow again.
pub fn lift_limit() {
    set_limit(libc::RLIM_INFINITY);
}

fn set_limit(bytes: libc::rlim_t) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is valid for reads, and the system writes nothing
    // through it.
    let code = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(code, 0);
    let mut set = limit;
    // SAFETY: `set` is valid for writes.
    let code = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut set) };
    assert_eq!(code, 0);
    // An emulator that ignores the limit would let a test take the machine's memory.
    assert_eq!(set.rlim_cur, bytes, "the system ignores the limit");
}
