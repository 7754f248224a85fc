//! What is in a heap.
//!
//! mimalloc walks over a heap with a lock of the heap held, and calls a function
//! for each thing that it finds. No code of the program may run there: it could
//! wait for a thread that waits for that lock. So what is found is copied, and
//! the program looks at the copy.

use core::ffi::c_void;
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use mimalloc_sys as sys;

use crate::error::HeapError;
use crate::heap::Heap;
use crate::raw::{self, buffer::Buffer};

/// A run of equally sized blocks of a heap: a mimalloc page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "mi_heap_area_t")]
pub struct HeapArea {
    /// Address of the first block.
    pub address: usize,
    /// Bytes of address space for blocks.
    pub reserved: usize,
    /// Bytes of it that blocks have been made in so far; these take memory.
    pub committed: usize,
    /// Blocks in use.
    pub used: usize,
    /// Bytes of a block that may be used.
    pub block_size: usize,
    /// Bytes from one block to the next, which is more in builds with padding.
    pub full_block_size: usize,
}

/// A block of a heap that is in use.
///
/// It need not be quite what was asked for: blocks with large alignments,
/// guarded or profiled ones start before the address that the program got, and
/// all may be larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapBlock {
    /// Address of the block.
    pub address: usize,
    /// Bytes of it that may be used.
    pub size: usize,
}

/// What a heap holds, added up over its areas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapUsage {
    /// Bytes of address space for blocks.
    pub reserved: usize,
    /// Bytes of it that blocks have been made in so far; these take memory.
    pub committed: usize,
    /// Bytes of the blocks in use.
    pub used: usize,
    /// Blocks in use.
    pub blocks: usize,
}

/// The areas of a heap, by [`Heap::areas`].
pub struct Areas<'heap> {
    areas: Buffer<AreaRecord>,
    next: usize,
    heap: PhantomData<&'heap Heap>,
}

/// The blocks of a heap that are in use, each with its area, by
/// [`Heap::blocks`].
pub struct Blocks<'heap> {
    areas: Buffer<AreaRecord>,
    addresses: Buffer<usize>,
    /// The area of the next block, unless that has no more.
    area: usize,
    /// How many of that area's blocks were returned.
    of_area: usize,
    next: usize,
    heap: PhantomData<&'heap Heap>,
}

/// An area, and how many blocks were found in it.
#[derive(Clone, Copy)]
struct AreaRecord {
    area: HeapArea,
    blocks: usize,
}

impl Heap {
    /// Returns the areas of the heap, those of all threads, as they are now.
    ///
    /// `&mut self` proves that nobody allocates in the heap or frees meanwhile,
    /// on this thread or another; collections that borrow the heap must be gone.
    /// The areas are copied first, so that the program may do anything while it
    /// looks at them. The copy is in the default heap.
    ///
    /// With a system library of 2.1.7 or before there may be blocks among them
    /// that ended threads left; see [`Heap`].
    ///
    /// Calls `mi_heap_visit_blocks`.
    ///
    /// # Errors
    ///
    /// [`HeapError::OutOfMemory`] when there is no memory for the copy.
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
        // SAFETY: the heap is borrowed exclusively, so nothing else uses it.
        let (areas, _) = unsafe { self.copied(false) }?;
        Ok(Areas {
            areas,
            next: 0,
            heap: PhantomData,
        })
    }

    /// Returns each block in use, area by area, as they are now.
    ///
    /// The order is that of the areas in mimalloc's tables, not that of
    /// allocation. The copy takes a word for each block. For the rest see
    /// [`areas`](Self::areas).
    ///
    /// Calls `mi_heap_visit_blocks`.
    ///
    /// # Errors
    ///
    /// As for [`areas`](Self::areas).
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
        // SAFETY: the heap is borrowed exclusively, so nothing else uses it.
        unsafe { self.blocks_shared() }
    }

    /// As [`blocks`](Self::blocks), with collections still in the heap.
    ///
    /// The copy is among the blocks of the default heap.
    ///
    /// # Errors
    ///
    /// As for [`areas`](Self::areas), and when others keep changing the heap.
    ///
    /// # Safety
    ///
    /// - Until the function returns, no thread allocates in this heap, or frees
    ///   or resizes a block of it.
    #[doc(alias = "mi_heap_visit_blocks")]
    pub unsafe fn blocks_shared(&self) -> Result<Blocks<'_>, HeapError> {
        // SAFETY: as promised by the caller.
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

    /// Returns what the heap holds in all. Exact, but for what mimalloc needs
    /// for its own tables.
    ///
    /// Takes time in proportion to the heap's areas, of which there is one for
    /// every 64 KiB at least (engine v3), and no memory. Calls
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
        // SAFETY: the heap is borrowed exclusively, so nothing else uses it.
        unsafe { self.walk(false, &mut sum) };
        sum
    }

    /// Copies the areas, and the addresses of the blocks if asked for.
    ///
    /// # Safety
    ///
    /// As for [`blocks_shared`](Self::blocks_shared).
    unsafe fn copied(
        &self,
        blocks: bool,
    ) -> Result<(Buffer<AreaRecord>, Buffer<usize>), HeapError> {
        /// Nothing but a caller that breaks its promise makes a heap grow
        /// between two walks. A heap may shrink: threads that end free pages
        /// without blocks.
        const WALKS: usize = 4;

        let mut copy = Snapshot::default();
        // The first walk only counts.
        for _ in 0..=WALKS {
            // SAFETY: as promised by the caller.
            unsafe { self.walk(blocks, &mut copy) };
            if copy.is_complete() {
                return Ok((copy.areas, copy.addresses));
            }
            copy = copy.larger().ok_or(HeapError::OutOfMemory)?;
        }
        Err(HeapError::OutOfMemory)
    }

    /// Has mimalloc find areas and, if asked for, blocks.
    ///
    /// # Safety
    ///
    /// As for [`blocks_shared`](Self::blocks_shared).
    unsafe fn walk<F: Visitor>(&self, blocks: bool, visitor: &mut F) {
        let visitor: *mut F = visitor;
        // SAFETY: the heap is live and used by nobody else; the visitor's
        // argument is of its type and outlives the call.
        unsafe {
            raw::heap::visit(self.as_raw(), blocks, record::<F>, visitor.cast());
        }
    }
}

/// What hears of areas and blocks, with a lock of the heap held: it does not
/// allocate, wait, or panic.
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

/// What was found, as far as there was room.
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

    /// An empty one with room for all that was found here.
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

/// What mimalloc calls: with no block for an area, then for each of its blocks.
///
/// # Safety
///
/// `visitor` points to an `F` that nothing else refers to, `area` is null or
/// valid for reads.
unsafe extern "C" fn record<F: Visitor>(
    _heap: *const sys::mi_heap_t,
    area: *const sys::mi_heap_area_t,
    block: *mut c_void,
    _block_size: usize,
    visitor: *mut c_void,
) -> bool {
    // SAFETY: by this function's contract.
    let visitor = unsafe { &mut *visitor.cast::<F>() };
    if !block.is_null() {
        visitor.block(block.addr());
        return true;
    }
    // SAFETY: by this function's contract.
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
        // Blocks of an area are all alike.
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
