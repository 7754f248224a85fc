//! Makes requests of constant layout. `cargo xtask codegen` reads their machine
//! code, which must not test sizes and alignments.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use allocator_api2_02::alloc::Allocator;
use mimalloc::{Heap, LocalHeap, MiMalloc, SharedHeap};

/// The types cover sizes below and above the limit of small blocks, and
/// alignments below and above that of plain blocks.
type Word = u64;
type Small = [u64; 6];
type Wide = [u128; 2];
type LastSmall = [u64; 128];
type Large = [u64; 300];

#[repr(align(64))]
struct Line([u8; 128]);

macro_rules! requests {
    ($($alloc:ident $zeroed:ident $free:ident $heap:ident $shared:ident $local:ident $give:ident: $type:ty;)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $alloc() -> *mut u8 {
                // SAFETY: every type in the list has a size that is not zero.
                unsafe { MiMalloc.alloc(Layout::new::<$type>()) }
            }

            #[unsafe(no_mangle)]
            extern "C" fn $zeroed() -> *mut u8 {
                // SAFETY: every type in the list has a size that is not zero.
                unsafe { MiMalloc.alloc_zeroed(Layout::new::<$type>()) }
            }

            /// # Safety
            ///
            /// `block` must be live and of that type.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $free(block: *mut u8) {
                // SAFETY: the caller promises a live block of the type.
                unsafe { MiMalloc.dealloc(block, Layout::new::<$type>()) }
            }

            #[unsafe(no_mangle)]
            extern "C" fn $heap(heap: &Heap) -> *mut u8 {
                heap.allocate(Layout::new::<$type>()).map_or(null_mut(), |block| block.as_ptr().cast())
            }

            #[unsafe(no_mangle)]
            extern "C" fn $shared(heap: &SharedHeap) -> *mut u8 {
                heap.allocate(Layout::new::<$type>()).map_or(null_mut(), |block| block.as_ptr().cast())
            }

            #[unsafe(no_mangle)]
            fn $local(local: LocalHeap<'_>) -> *mut u8 {
                local.allocate(Layout::new::<$type>()).map_or(null_mut(), |block| block.as_ptr().cast())
            }

            /// # Safety
            ///
            /// `block` must be live, of that type, and in that heap.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $give(heap: &Heap, block: NonNull<u8>) {
                // SAFETY: the caller promises a live block of the type in this
                // heap.
                unsafe { heap.deallocate(block, Layout::new::<$type>()) }
            }
        )*

        /// Keeps all functions in the program.
        fn all() -> Vec<*const ()> {
            vec![$(
                $alloc as *const (), $zeroed as *const (), $free as *const (), $heap as *const (),
                $shared as *const (), $local as *const (), $give as *const (),
            )*]
        }
    };
}

requests! {
    codegen_alloc_word codegen_zeroed_word codegen_free_word codegen_heap_word codegen_shared_word codegen_local_word codegen_give_word: Word;
    codegen_alloc_small codegen_zeroed_small codegen_free_small codegen_heap_small codegen_shared_small codegen_local_small codegen_give_small: Small;
    codegen_alloc_wide codegen_zeroed_wide codegen_free_wide codegen_heap_wide codegen_shared_wide codegen_local_wide codegen_give_wide: Wide;
    codegen_alloc_last codegen_zeroed_last codegen_free_last codegen_heap_last codegen_shared_last codegen_local_last codegen_give_last: LastSmall;
    codegen_alloc_large codegen_zeroed_large codegen_free_large codegen_heap_large codegen_shared_large codegen_local_large codegen_give_large: Large;
    codegen_alloc_line codegen_zeroed_line codegen_free_line codegen_heap_line codegen_shared_line codegen_local_line codegen_give_line: Line;
}

fn main() {
    println!("{} requests", all().len());
    let line = Line([0; 128]);
    assert_eq!(line.0[0], 0);
}
