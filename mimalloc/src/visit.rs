//! Lists the areas and the blocks of a heap.
//!
//! mimalloc walks over a heap with a lock of the heap held, and calls a
//! function for each area and block. No code of the program may run there,
//! because such code could wait for a thread that waits for the lock. So the
//! walk copies what it finds, and the program looks at the copy.

use core::ffi::c_void;
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use mimalloc_sys as sys;

use crate::error::HeapError;
use crate::heap::Heap;
use crate::raw::{self, buffer::Buffer};

/// Describes a run of equally sized blocks of a heap: a mimalloc page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "mi_heap_area_t")]
pub struct HeapArea {
    /// The address of the first block.
    pub address: usize,
    /// The bytes of address space for blocks.
    pub reserved: usize,
    /// The bytes in which mimalloc has made blocks so far; these bytes take
    /// memory.
    pub committed: usize,
    /// The number of blocks in use.
    pub used: usize,
    /// The bytes of a block that the program may use.
    pub block_size: usize,
    /// The bytes from one block to the next. Builds with padding have more here
    /// than in `block_size`.
    pub full_block_size: usize,
}

/// Describes a block of a heap that is in use.
///
/// The block may differ from what the program asked for. Blocks with large
/// alignments, guarded blocks and profiled blocks start before the address that
/// the program got, and any block may be larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapBlock {
    /// The address of the block.
    pub address: usize,
    /// The bytes of the block that the program may use.
    pub size: usize,
}

/// Sums up what a heap holds, over all areas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapUsage {
    /// The bytes of address space for blocks.
    pub reserved: usize,
    /// The bytes in which mimalloc has made blocks so far; these bytes take
    /// memory.
    pub committed: usize,
    /// The bytes of the blocks in use.
    pub used: usize,
    /// The number of blocks in use.
    pub blocks: usize,
}

/// Iterates over the areas of a heap; see [`Heap::areas`].
pub struct Areas<'heap> {
    areas: Buffer<AreaRecord>,
    next: usize,
    heap: PhantomData<&'heap Heap>,
}

/// Iterates over the blocks of a heap that are in use, each with its area; see
/// [`Heap::blocks`].
pub struct Blocks<'heap> {
    areas: Buffer<AreaRecord>,
    addresses: Buffer<usize>,
    /// The index of the area of the next block, unless the area has no more
    /// blocks.
    area: usize,
    /// The number of blocks of that area that were returned.
    of_area: usize,
    next: usize,
    heap: PhantomData<&'heap Heap>,
}

/// Holds an area, and how many blocks were found in the area.
#[derive(Clone, Copy)]
struct AreaRecord {
    area: HeapArea,
    blocks: usize,
}

impl Heap {
    /// Returns the areas of the heap, of all threads, as they are now.
    ///
    /// `&mut self` proves that no thread allocates in the heap or frees a block
    /// meanwhile; collections that borrow the heap must be gone. The areas are
    /// copied first, so the program may do anything while it iterates. The copy
    /// is in the default heap.
    ///
    /// With a system library of 2.1.7 or before, the areas may hold blocks of
    /// ended threads; see [`Heap`].
    ///
    /// Calls `mi_heap_visit_blocks`.
    ///
    /// # Errors
    ///
    /// Returns [`HeapError::OutOfMemory`] when there is no memory for the copy.
    ///
    /// ```
    /// use mimalloc::Heap;
    ///
    /// let mut heap = Heap::new()?;
    /// heap.alloc([0_u8; 600])?;
    /// let used: usize = heap.areas()?.map(|area| area.used).sum();
    /// assert_eq!(used, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mi_heap_visit_blocks")]
    pub fn areas(&mut self) -> Result<Areas<'_>, HeapError> {
        // SAFETY: `&mut self` borrows the heap exclusively, so no thread uses
        // the heap during the call (upstream.md: visiting).
        let (areas, _) = unsafe { self.copied(false) }?;
        Ok(Areas {
            areas,
            next: 0,
            heap: PhantomData,
        })
    }

    /// Returns each block in use, area by area, as they are now.
    ///
    /// The blocks come in the order of the areas in mimalloc's tables, not in
    /// the order of allocation. The copy takes a word for each block.
    /// [`areas`](Self::areas) describes the rest.
    ///
    /// Calls `mi_heap_visit_blocks`.
    ///
    /// # Errors
    ///
    /// Returns [`HeapError::OutOfMemory`] when there is no memory for the copy.
    ///
    /// ```
    /// use mimalloc::Heap;
    ///
    /// let mut heap = Heap::new()?;
    /// let address = core::ptr::from_ref(heap.alloc([0_u8; 600])?).addr();
    /// for (area, block) in heap.blocks()? {
    ///     assert!(block.address <= address && address < block.address + block.size);
    ///     assert_eq!(block.size, area.block_size);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mi_heap_visit_blocks")]
    pub fn blocks(&mut self) -> Result<Blocks<'_>, HeapError> {
        // SAFETY: `&mut self` borrows the heap exclusively, so no thread uses
        // the heap during the call (upstream.md: visiting).
        unsafe { self.blocks_shared() }
    }

    /// Returns each block in use like [`blocks`](Self::blocks), while
    /// collections are still in the heap.
    ///
    /// The copy is among the blocks of the default heap.
    ///
    /// # Errors
    ///
    /// Returns [`HeapError::OutOfMemory`] when there is no memory for the copy,
    /// or when other threads keep changing the heap.
    ///
    /// # Safety
    ///
    /// - No thread allocates in this heap, or frees or resizes a block of the
    ///   heap, until the function returns.
    #[doc(alias = "mi_heap_visit_blocks")]
    pub unsafe fn blocks_shared(&self) -> Result<Blocks<'_>, HeapError> {
        // SAFETY: the caller promises that no thread changes the heap during
        // the call (upstream.md: visiting).
        let (areas, addresses) = unsafe { self.copied(true) }?;
        Ok(Blocks {
            areas,
            addresses,
            area: 0,
            of_area: 0,
            next: 0,
            heap: PhantomData,
        })
    }

    /// Returns what the heap holds in total.
    ///
    /// The sum is exact, except for what mimalloc needs for its own tables. Engine
    /// v2 first gives back areas in which no block is used.
    ///
    /// The call takes time in proportion to the areas of the heap (an area has
    /// at least 64 KiB on engine v3), and no memory. Calls
    /// `mi_heap_visit_blocks`.
    ///
    /// ```
    /// use allocator_api2::vec::Vec;
    /// use mimalloc::Heap;
    ///
    /// let mut heap = Heap::new()?;
    /// assert_eq!(heap.usage().blocks, 0);
    /// // A forgotten collection stays until the heap goes.
    /// std::mem::forget(Vec::<u8, _>::with_capacity_in(1 << 20, &heap));
    /// let usage = heap.usage();
    /// assert_eq!(usage.blocks, 1);
    /// assert!(usage.used >= 1 << 20 && usage.committed >= usage.used);
    /// # Ok::<(), mimalloc::HeapError>(())
    /// ```
    #[must_use]
    #[doc(alias = "mi_heap_visit_blocks")]
    pub fn usage(&mut self) -> HeapUsage {
        let mut sum = HeapUsage::default();
        // SAFETY: `&mut self` borrows the heap exclusively, so no thread uses
        // the heap during the call (upstream.md: visiting).
        unsafe { self.walk(false, &mut sum) };
        sum
    }

    /// Copies the areas, and with `blocks` the addresses of the blocks.
    ///
    /// # Safety
    ///
    /// - No thread allocates in this heap, or frees or resizes a block of the
    ///   heap, until the function returns.
    unsafe fn copied(
        &self,
        blocks: bool,
    ) -> Result<(Buffer<AreaRecord>, Buffer<usize>), HeapError> {
        /// Limits the walks after the first. Only a caller that breaks its
        /// promise makes a heap grow between two walks. A heap may shrink,
        /// because threads that end free pages without blocks.
        const WALKS: usize = 4;

        let mut copy = Snapshot::default();
        // The first walk only counts.
        for _ in 0..=WALKS {
            // SAFETY: the caller promises that no thread changes the heap
            // during the call (upstream.md: visiting).
            unsafe { self.walk(blocks, &mut copy) };
            if copy.is_complete() {
                return Ok((copy.areas, copy.addresses));
            }
            copy = copy.larger().ok_or(HeapError::OutOfMemory)?;
        }
        Err(HeapError::OutOfMemory)
    }

    /// Makes mimalloc find the areas and, with `blocks`, the blocks.
    ///
    /// # Safety
    ///
    /// - No thread allocates in this heap, or frees or resizes a block of the
    ///   heap, until the function returns.
    unsafe fn walk<F: Visitor>(&self, blocks: bool, visitor: &mut F) {
        let visitor: *mut F = visitor;
        // SAFETY: the heap is live, and the caller promises that no thread
        // changes the heap (upstream.md: visiting). `visitor` points to an `F`
        // and outlives the call, as `record::<F>` requires.
        unsafe {
            raw::heap::visit(self.as_raw(), blocks, record::<F>, visitor.cast());
        }
    }
}

/// Receives areas and blocks. The methods run with a lock of the heap held, so
/// they do not allocate, wait or panic.
trait Visitor {
    fn area(&mut self, area: HeapArea);
    fn block(&mut self, address: usize);
}

impl Visitor for HeapUsage {
    fn area(&mut self, area: HeapArea) {
        self.reserved += area.reserved;
        self.committed += area.committed;
        self.used += area.used * area.full_block_size;
        self.blocks += area.used;
    }

    fn block(&mut self, _: usize) {}
}

/// Holds the areas and blocks that were found, as far as there was room.
#[derive(Default)]
struct Snapshot {
    areas: Buffer<AreaRecord>,
    addresses: Buffer<usize>,
    area_count: usize,
    block_count: usize,
}

impl Snapshot {
    fn is_complete(&self) -> bool {
        self.areas.len() == self.area_count && self.addresses.len() == self.block_count
    }

    /// Returns an empty snapshot with room for all that this snapshot found.
    fn larger(&self) -> Option<Self> {
        Some(Self {
            areas: Buffer::with_capacity(self.area_count)?,
            addresses: Buffer::with_capacity(self.block_count)?,
            ..Self::default()
        })
    }
}

impl Visitor for Snapshot {
    fn area(&mut self, area: HeapArea) {
        self.area_count += 1;
        self.areas.push_within(AreaRecord { area, blocks: 0 });
    }

    fn block(&mut self, address: usize) {
        self.block_count += 1;
        if self.addresses.push_within(address) {
            if let Some(found) = self.areas.last_mut() {
                found.blocks += 1;
            }
        }
    }
}

/// Passes an area or a block to the visitor. mimalloc calls this function with
/// no block for an area, then for each block of the area.
///
/// # Safety
///
/// - `visitor` points to an `F` that no other reference refers to.
/// - `area` is null or valid for reads.
unsafe extern "C" fn record<F: Visitor>(
    _heap: *const sys::mi_heap_t,
    area: *const sys::mi_heap_area_t,
    block: *mut c_void,
    _block_size: usize,
    visitor: *mut c_void,
) -> bool {
    // SAFETY: the caller promises a valid pointer of this type, which no other
    // code writes during the call.
    let visitor = unsafe { &mut *visitor.cast::<F>() };
    if !block.is_null() {
        visitor.block(block.addr());
        return true;
    }
    // SAFETY: the caller promises a valid pointer of this type, which no other
    // code writes during the call.
    if let Some(area) = unsafe { area.as_ref() } {
        visitor.area(HeapArea {
            address: area.blocks.addr(),
            reserved: area.reserved,
            committed: area.committed,
            used: area.used,
            block_size: area.block_size,
            full_block_size: area.full_block_size,
        });
    }
    true
}

impl Iterator for Areas<'_> {
    type Item = HeapArea;

    fn next(&mut self) -> Option<HeapArea> {
        let found = self.areas.as_slice().get(self.next)?;
        self.next += 1;
        Some(found.area)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.areas.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Areas<'_> {}
impl FusedIterator for Areas<'_> {}

impl Iterator for Blocks<'_> {
    type Item = (HeapArea, HeapBlock);

    fn next(&mut self) -> Option<(HeapArea, HeapBlock)> {
        let &address = self.addresses.as_slice().get(self.next)?;
        let found = loop {
            let found = self.areas.as_slice().get(self.area)?;
            if self.of_area < found.blocks {
                break found;
            }
            self.area += 1;
            self.of_area = 0;
        };
        self.next += 1;
        self.of_area += 1;
        // All blocks of an area have one size.
        let size = found.area.block_size;
        Some((found.area, HeapBlock { address, size }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.addresses.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Blocks<'_> {}
impl FusedIterator for Blocks<'_> {}

impl fmt::Debug for Areas<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.areas.as_slice().iter().skip(self.next);
        f.debug_list()
            .entries(left.map(|found| found.area))
            .finish()
    }
}

impl fmt::Debug for Blocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks")
            .field("left", &self.len())
            .finish_non_exhaustive()
    }
}
