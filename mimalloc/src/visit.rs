//! Walks over what is in a heap.

use core::ffi::c_void;
use core::ops::ControlFlow;

use mimalloc_sys as sys;

use crate::heap::Heap;

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
pub struct HeapCapacity {
    /// Bytes of address space for blocks.
    pub reserved: usize,
    /// Bytes of it that blocks have been made in so far; these take memory.
    pub committed: usize,
    /// Bytes of the blocks in use.
    pub used: usize,
    /// Blocks in use.
    pub blocks: usize,
}

impl Heap {
    /// Visits each area of the heap, those of all threads, until `visit` breaks.
    ///
    /// `&mut self` proves that nobody allocates in the heap or frees meanwhile,
    /// on this thread or another; collections that borrow the heap must be gone.
    ///
    /// `visit` may allocate elsewhere, and panic. On engine v3 mimalloc holds a
    /// lock of the heap during the walk, so `visit` must not wait for a thread
    /// that has used this heap to end, and should leave creating and dropping
    /// heaps for later.
    ///
    /// With a system library of 2.1.7 or before there may be blocks among them
    /// that ended threads left; see [`Heap`].
    ///
    /// Calls `mi_heap_visit_blocks`.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use mimalloc::Heap;
    ///
    /// let mut heap = Heap::new()?;
    /// heap.alloc([0_u8; 600])?;
    /// let mut found = 0;
    /// let all: ControlFlow<()> = heap.visit_areas(|area| {
    ///     found += area.used;
    ///     ControlFlow::Continue(())
    /// });
    /// assert!(all.is_continue());
    /// assert_eq!(found, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mi_heap_visit_blocks")]
    pub fn visit_areas<B>(
        &mut self,
        mut visit: impl FnMut(&HeapArea) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        // SAFETY: the heap is borrowed exclusively, so nothing else uses it.
        unsafe { self.walk(false, |area, _| visit(area)) }
    }

    /// Visits each block in use, area by area, until `visit` breaks.
    ///
    /// The order is that of the areas in mimalloc's tables, not that of
    /// allocation. For the rest see [`visit_areas`](Self::visit_areas).
    ///
    /// Calls `mi_heap_visit_blocks`.
    #[doc(alias = "mi_heap_visit_blocks")]
    pub fn visit_blocks<B>(
        &mut self,
        visit: impl FnMut(&HeapArea, HeapBlock) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        // SAFETY: the heap is borrowed exclusively, so nothing else uses it.
        unsafe { self.visit_blocks_shared(visit) }
    }

    /// As [`visit_blocks`](Self::visit_blocks), with collections still in the
    /// heap.
    ///
    /// # Safety
    ///
    /// - Until it returns, no thread allocates in this heap, or frees or resizes
    ///   a block of it; nor does `visit`.
    pub unsafe fn visit_blocks_shared<B>(
        &self,
        mut visit: impl FnMut(&HeapArea, HeapBlock) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let visit = |area: &HeapArea, block| match block {
            Some(block) => visit(area, block),
            None => ControlFlow::Continue(()),
        };
        // SAFETY: as promised by the caller.
        unsafe { self.walk(true, visit) }
    }

    /// What the heap holds in all. Exact, but for what mimalloc needs for its
    /// own tables.
    ///
    /// Takes time in proportion to the heap's areas, of which there is one for
    /// every 64 KiB at least (engine v3). Calls `mi_heap_visit_blocks`.
    ///
    /// ```
    /// use allocator_api2::vec::Vec;
    /// use mimalloc::Heap;
    ///
    /// let mut heap = Heap::new()?;
    /// assert_eq!(heap.capacity().blocks, 0);
    /// // A forgotten collection stays until the heap goes.
    /// std::mem::forget(Vec::<u8, _>::with_capacity_in(1 << 20, &heap));
    /// let capacity = heap.capacity();
    /// assert_eq!(capacity.blocks, 1);
    /// assert!(capacity.used >= 1 << 20 && capacity.committed >= capacity.used);
    /// # Ok::<(), mimalloc::HeapError>(())
    /// ```
    #[must_use]
    pub fn capacity(&mut self) -> HeapCapacity {
        let mut sum = HeapCapacity::default();
        let _: ControlFlow<()> = self.visit_areas(|area| {
            sum.reserved += area.reserved;
            sum.committed += area.committed;
            sum.used += area.used * area.full_block_size;
            sum.blocks += area.used;
            ControlFlow::Continue(())
        });
        sum
    }

    /// Visits areas, `None` standing for the area itself, and their blocks.
    ///
    /// # Safety
    ///
    /// As for [`visit_blocks_shared`](Self::visit_blocks_shared).
    unsafe fn walk<B>(
        &self,
        blocks: bool,
        visit: impl FnMut(&HeapArea, Option<HeapBlock>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut walk = Walk::new(visit);
        let visitor = visitor(&walk);
        // SAFETY: the heap is live and used by nobody else; `walk` is the
        // visitor's argument and outlives the call.
        unsafe {
            sys::mi_heap_visit_blocks(self.as_raw(), blocks, visitor, (&raw mut walk).cast());
        }
        walk.end()
    }
}

/// A walk under way, behind the C argument.
struct Walk<F, B> {
    visit: F,
    broken: Option<B>,
    #[cfg(feature = "std")]
    panic: Option<std::boxed::Box<dyn core::any::Any + Send>>,
}

impl<F, B> Walk<F, B>
where
    F: FnMut(&HeapArea, Option<HeapBlock>) -> ControlFlow<B>,
{
    fn new(visit: F) -> Self {
        Self {
            visit,
            broken: None,
            #[cfg(feature = "std")]
            panic: None,
        }
    }

    /// Whether to go on. Never unwinds with `std`: the C frames below hold a
    /// lock. Without it, unwinding ends the process at the C boundary.
    fn step(&mut self, area: &HeapArea, block: Option<HeapBlock>) -> bool {
        #[cfg(feature = "std")]
        {
            let visit = core::panic::AssertUnwindSafe(|| (self.visit)(area, block));
            match std::panic::catch_unwind(visit) {
                Ok(ControlFlow::Continue(())) => true,
                Ok(ControlFlow::Break(value)) => {
                    self.broken = Some(value);
                    false
                }
                Err(panic) => {
                    self.panic = Some(panic);
                    false
                }
            }
        }
        #[cfg(not(feature = "std"))]
        match (self.visit)(area, block) {
            ControlFlow::Continue(()) => true,
            ControlFlow::Break(value) => {
                self.broken = Some(value);
                false
            }
        }
    }

    fn end(self) -> ControlFlow<B> {
        #[cfg(feature = "std")]
        if let Some(panic) = self.panic {
            std::panic::resume_unwind(panic);
        }
        match self.broken {
            Some(value) => ControlFlow::Break(value),
            None => ControlFlow::Continue(()),
        }
    }
}

/// The C visitor for walks of this type.
fn visitor<F, B>(_: &Walk<F, B>) -> sys::mi_block_visit_fun
where
    F: FnMut(&HeapArea, Option<HeapBlock>) -> ControlFlow<B>,
{
    Some(visit::<F, B>)
}

/// # Safety
///
/// `walk` points to a `Walk<F, B>` that nothing else refers to, `area` is null
/// or valid for reads.
unsafe extern "C" fn visit<F, B>(
    _heap: *const sys::mi_heap_t,
    area: *const sys::mi_heap_area_t,
    block: *mut c_void,
    block_size: usize,
    walk: *mut c_void,
) -> bool
where
    F: FnMut(&HeapArea, Option<HeapBlock>) -> ControlFlow<B>,
{
    // SAFETY: by this function's contract.
    let walk = unsafe { &mut *walk.cast::<Walk<F, B>>() };
    // SAFETY: by this function's contract.
    let Some(area) = (unsafe { area.as_ref() }) else {
        return true;
    };
    let area = HeapArea {
        address: area.blocks.addr(),
        reserved: area.reserved,
        committed: area.committed,
        used: area.used,
        block_size: area.block_size,
        full_block_size: area.full_block_size,
    };
    let block = (!block.is_null()).then(|| HeapBlock {
        address: block.addr(),
        size: block_size,
    });
    walk.step(&area, block)
}
