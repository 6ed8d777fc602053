//! The innermost loops, one for each form of the left-hand side and instruction set, and the loops around them.

mod bytes;
mod portable;
mod vector;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles;

use super::{Columns, Form, Left};
use crate::Isa;

/// `c = left · b`, or `c += …`, for each right-hand side with its first column in `c`; no side is empty, and `c` holds the rows.
pub(super) fn multiply<'b>(
    left: &mut Left,
    parts: impl Iterator<Item = (Columns<'b>, usize)> + Clone,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
) {
    let words = match left {
        // SAFETY: that the processor has the instructions was checked, or vouched for, when `b` was packed.
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        Left::Matrix(a, scratch) => {
            return unsafe { tiles::multiply(*a, parts, c, ldc, accumulate, scratch) };
        }
        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        Left::Matrix(..) => unreachable!("no tiles on this processor"),
        Left::Words(words) => words,
    };
    for (b, at) in parts {
        let c = &mut c[at..];
        // SAFETY: as above, and the sizes were checked by the caller.
        unsafe {
            match (b.form(), b.isa) {
                #[cfg(target_arch = "x86_64")]
                (Form::Values, Isa::Avx512 | Isa::Amx) => {
                    vector::multiply::<avx512::Values>(words, b, c, ldc, accumulate)
                }
                #[cfg(target_arch = "x86_64")]
                (Form::Values, Isa::Avx2) => vector::multiply::<avx2::Values>(words, b, c, ldc, accumulate),
                #[cfg(target_arch = "x86_64")]
                (Form::Pairs, _) => vector::multiply::<avx512::Pairs>(words, b, c, ldc, accumulate),
                #[cfg(target_arch = "x86_64")]
                (Form::Rounded, Isa::Avx512) => {
                    vector::multiply::<avx512::Rounded>(words, b, c, ldc, accumulate)
                }
                #[cfg(target_arch = "x86_64")]
                (Form::Rounded, Isa::Avx2) => vector::multiply::<avx2::Rounded>(words, b, c, ldc, accumulate),
                #[cfg(target_arch = "x86_64")]
                (Form::Bytes, Isa::Avx512 | Isa::Amx) if bytes::available() => {
                    vector::multiply::<bytes::Vectors>(words, b, c, ldc, accumulate)
                }
                (Form::Bytes, _) => vector::multiply::<bytes::Plain>(words, b, c, ldc, accumulate),
                (Form::Values, _) => vector::multiply::<portable::Values>(words, b, c, ldc, accumulate),
                _ => vector::multiply::<portable::Rounded>(words, b, c, ldc, accumulate),
            }
        }
    }
}
