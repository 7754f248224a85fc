//! Decides which mimalloc entry a size and an alignment may use, by arithmetic
//! alone.
//!
//! mimalloc aligns every block to the machine word, and to 16 bytes if the
//! block is at least that large (upstream.md: alignment). A stricter alignment
//! needs an aligned entry. Using a plain block for a stricter layout was
//! RUSTSEC-2022-0094.

use super::engine;

/// Whether blocks are larger than asked or start elsewhere.
const PADS: bool = cfg!(mimalloc_padding);

/// Largest size of mimalloc's small entries (`MI_SMALL_SIZE_MAX`).
pub(crate) const SMALL_MAX: usize = mimalloc_sys::MI_SMALL_SIZE_MAX;

/// Alignment of every block of any size.
pub(crate) const WORD: usize = size_of::<usize>();

/// Alignment of every block of at least this size (`MI_MAX_ALIGN_SIZE`).
pub(crate) const MAX_ALIGN: usize = 16;

/// Returns whether a plain `mi_malloc(size)` is aligned to `align`.
#[inline(always)]
pub(crate) const fn fits_default_align(size: usize, align: usize) -> bool {
    align <= WORD || (align <= MAX_ALIGN && align <= size)
}

/// Returns whether `size` may use the small allocation entries.
#[inline(always)]
pub(crate) const fn is_small(size: usize) -> bool {
    size <= SMALL_MAX
}

/// Returns whether a block that currently fits `size` and `align` may go
/// through the small free entries. Such a block is in a small page
/// (upstream.md: small frees).
#[inline(always)]
pub(crate) const fn is_small_free(size: usize, align: usize) -> bool {
    align <= size && size <= SMALL_MAX
}

/// Returns whether small blocks of this size are, in practice, aligned to
/// `align`.
///
/// The result is only a guess that is worth a test of the address. Every size
/// class up to [`SMALL_MAX`] that holds a multiple of a power of two is itself
/// a multiple of that power, unless padding is added or blocks are sampled.
#[inline(always)]
pub(crate) const fn probably_aligned(size: usize, align: usize) -> bool {
    !PADS && size <= SMALL_MAX && size != 0 && size & (align - 1) == 0
}

/// Returns whether larger blocks of this size are, in practice, aligned to
/// `align`. They are for powers of two up to an OS page, and for two OS pages:
/// several of them share a mimalloc page of the smallest kind. Beyond that,
/// engine v3 shifts blocks on purpose.
#[inline(always)]
pub(crate) const fn probably_aligned_large(size: usize, align: usize) -> bool {
    const PAGE: usize = 4096;
    const SMALL_PAGE_MAX: usize = 8192;
    engine::ALIGNS_LARGE_BLOCKS
        && !PADS
        && size <= SMALL_PAGE_MAX
        && size.is_power_of_two()
        && align <= size
        && align <= PAGE
}

/// Returns whether no size class of engine v3 is aligned to `align` by itself,
/// so that looking for one is in vain.
///
/// The result only chooses between two entries that both align. Blocks over 8
/// KiB begin at a multiple of 128 at most (`mi_natural_alignment_of_size`).
#[inline(always)]
pub(crate) const fn is_never_aligned(size: usize, align: usize) -> bool {
    engine::ALIGNS_LARGE_BLOCKS && size > 8192 && align > 128 && align <= 4096
}

/// Returns whether a request must not reach mimalloc. This happens only with
/// unpatched sources of engine v3 on 32-bit targets, which take areas of 2 GiB
/// and more for negative and write to memory that is not committed (see
/// `mimalloc-sys/build/patches/v3/prologue.h`).
#[inline(always)]
pub(crate) const fn is_refused(size: usize, align: usize) -> bool {
    const LIMIT: usize = isize::MAX as usize - (8 << 20);
    engine::MISTAKES_LARGE_SIZES && size.saturating_add(align) > LIMIT
}

/// Largest old alignment with which a block may stay in place when its
/// alignment changes. A block with a stricter alignment may point into a larger
/// page, and the new layout would free the block as a small one (upstream.md:
/// changed alignment).
pub(crate) const KEEP_ALIGN_MAX: usize = SMALL_MAX;

/// Returns the size of a bin in machine words: one step a word up to 8, then four
/// steps for each power of two.
#[allow(dead_code, reason = "what a library without bin sizes needs")]
pub(crate) const fn bin_words(bin: usize) -> usize {
    match bin {
        0 => 1,
        1..=8 => bin,
        _ => (8 << ((bin - 9) / 4)) + ((bin - 9) % 4 + 1) * (2 << ((bin - 9) / 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_never_exceeds_what_upstream_promises() {
        for shift in 0..=12 {
            let align = 1_usize << shift;
            for size in 1..=8192 {
                let promised = if size >= MAX_ALIGN { MAX_ALIGN } else { WORD };
                if fits_default_align(size, align) {
                    assert!(align <= promised || (align <= size && align <= MAX_ALIGN));
                } else {
                    assert!(align > WORD);
                }
            }
        }
    }

    #[test]
    fn larger_natural_blocks_are_few() {
        for (size, align) in [
            (2048, 2048),
            (2048, 64),
            (4096, 4096),
            (8192, 4096),
            (8192, 32),
        ] {
            let expected = engine::ALIGNS_LARGE_BLOCKS && !PADS;
            assert_eq!(
                probably_aligned_large(size, align),
                expected,
                "{size} {align}"
            );
        }
        for (size, align) in [
            (3072, 1024),
            (8192, 8192),
            (12_288, 4096),
            (2049, 1),
            (100, 4096),
        ] {
            assert!(!probably_aligned_large(size, align), "{size} {align}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "calls C")]
    fn blocks_that_are_never_aligned_are_large() {
        for (size, align) in [(8193, 256), (12_288, 4096), (1 << 20, 4096)] {
            let expected = crate::version().major() >= 3;
            assert_eq!(is_never_aligned(size, align), expected, "{size} {align}");
            assert!(!probably_aligned_large(size, align), "{size} {align}");
        }
        for (size, align) in [(8192, 4096), (16_384, 128), (16_384, 8192)] {
            assert!(!is_never_aligned(size, align), "{size} {align}");
        }
    }

    #[test]
    fn small_free_needs_a_small_page() {
        assert!(is_small_free(8, 8));
        assert!(is_small_free(SMALL_MAX, SMALL_MAX));
        assert!(!is_small_free(SMALL_MAX + 1, 1));
        assert!(!is_small_free(8, 16));
    }

    #[test]
    #[cfg_attr(miri, ignore = "calls C")]
    fn bin_sizes_are_those_of_the_library() {
        for bin in 0..mimalloc_sys::MI_BIN_HUGE as usize {
            let words = bin_words(bin);
            assert_eq!(engine::bin_size(bin), words * WORD, "{bin}");
        }
    }
}
