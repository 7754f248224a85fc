//! Decodes upstream's version numbers, and states the oldest versions that
//! these crates take. The build script and xtask also include this file.
#![allow(unreachable_pub, reason = "public in the crate alone")]

/// Holds major, minor and patch number of a version.
pub type Parts = (u32, u32, u32);

/// States the oldest supported mimalloc 2.x, which Debian 12 has.
pub const OLDEST_V2: Parts = (2, 0, 9);

/// States the oldest supported mimalloc 3.x.
///
/// Up to 3.1 a heap belongs to the thread that made the heap, although the
/// functions have the same names. All versions of 3.2 were candidates for the
/// release of 3.3.0. 3.3.0 and 3.3.1 hang and crash in the tests of these
/// crates (3.3.0 mixes up two arguments in `mi_arena_try_alloc_at`).
pub const OLDEST_V3: Parts = (3, 3, 2);

/// Decodes `MI_MALLOC_VERSION`, which is also what
/// [`mi_version`](crate::mi_version) returns.
///
/// Upstream has three schemes: a digit for each part (224 is 2.2.4, 316 is
/// 3.1.6), two digits for the patch (3012 is 3.0.12, 3208 is 3.2.8), and two
/// digits each for minor and patch (20300 is 2.3.0, 30602 is 3.6.2). A few
/// releases state the number of another release: 2.0.2 says 201, 3.0.7 says
/// 306, 3.4.2 says 30401.
#[must_use]
pub const fn parts(number: u32) -> Parts {
    let (minor, patch) = match number {
        0..=999 => (10, 10),
        1_000..=9_999 => (10, 100),
        _ => (100, 100),
    };
    (
        number / (minor * patch),
        number / patch % minor,
        number % patch,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists the numbers in the headers of upstream's tags, from the oldest to
    /// the newest, without the tags that state the number of another tag.
    const TAGS: &[(u32, Parts)] = &[
        (200, (2, 0, 0)),
        (201, (2, 0, 1)),
        (203, (2, 0, 3)),
        (204, (2, 0, 4)),
        (205, (2, 0, 5)),
        (206, (2, 0, 6)),
        (207, (2, 0, 7)),
        (209, (2, 0, 9)),
        (210, (2, 1, 0)),
        (211, (2, 1, 1)),
        (212, (2, 1, 2)),
        (214, (2, 1, 4)),
        (215, (2, 1, 5)),
        (216, (2, 1, 6)),
        (217, (2, 1, 7)),
        (218, (2, 1, 8)),
        (219, (2, 1, 9)),
        (222, (2, 2, 2)),
        (223, (2, 2, 3)),
        (224, (2, 2, 4)),
        (226, (2, 2, 6)),
        (227, (2, 2, 7)),
        (20300, (2, 3, 0)),
        (20301, (2, 3, 1)),
        (20302, (2, 3, 2)),
        (20400, (2, 4, 0)),
        (20401, (2, 4, 1)),
        (20502, (2, 5, 2)),
        (300, (3, 0, 0)),
        (301, (3, 0, 1)),
        (302, (3, 0, 2)),
        (303, (3, 0, 3)),
        (308, (3, 0, 8)),
        (309, (3, 0, 9)),
        (3010, (3, 0, 10)),
        (3011, (3, 0, 11)),
        (3012, (3, 0, 12)),
        (314, (3, 1, 4)),
        (315, (3, 1, 5)),
        (316, (3, 1, 6)),
        (3206, (3, 2, 6)),
        (3207, (3, 2, 7)),
        (3208, (3, 2, 8)),
        (30300, (3, 3, 0)),
        (30301, (3, 3, 1)),
        (30302, (3, 3, 2)),
        (30400, (3, 4, 0)),
        (30401, (3, 4, 1)),
        (30403, (3, 4, 3)),
        (30602, (3, 6, 2)),
    ];

    #[test]
    fn numbers_of_all_tags_are_decoded() {
        for &(number, expected) in TAGS {
            assert_eq!(parts(number), expected, "{number}");
        }
        // The versions are in order, and the numbers are not.
        assert!(TAGS.is_sorted_by_key(|tag| tag.1));
        assert_eq!(parts(0), (0, 0, 0));
        assert_eq!(parts(u32::MAX).0, 429_496);
    }
}
