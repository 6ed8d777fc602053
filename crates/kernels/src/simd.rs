//! Running a vector operation at the instruction set in use.

use rten_simd::SimdOp;

use crate::Isa;

/// Evaluates `op` with the vectors of [`Isa::current`].
#[inline]
pub fn dispatch<Op: SimdOp>(op: Op) -> Op::Output {
    dispatch_at(Isa::current(), op)
}

/// Evaluates `op` with the vectors of `isa`, or of what the processor has where that is less.
pub fn dispatch_at<Op: SimdOp>(isa: Isa, op: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    {
        use rten_simd::isa::{Avx2Isa, Avx512Isa};

        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c")]
        fn at_avx512<Op: SimdOp>(isa: Avx512Isa, op: Op) -> Op::Output {
            op.eval(isa)
        }
        #[target_feature(enable = "avx2,avx,fma,f16c")]
        fn at_avx2<Op: SimdOp>(isa: Avx2Isa, op: Op) -> Op::Output {
            op.eval(isa)
        }

        if isa >= Isa::Avx512
            && let Some(vectors) = Avx512Isa::new()
        {
            // SAFETY: the token exists only where the processor has these instructions.
            return unsafe { at_avx512(vectors, op) };
        }
        if isa >= Isa::Avx2
            && let Some(vectors) = Avx2Isa::new()
        {
            // SAFETY: as above.
            return unsafe { at_avx2(vectors, op) };
        }
    }
    let _ = isa;
    op.eval(rten_simd::isa::GenericIsa::new())
}

/// Runs a plain loop compiled for the vectors of [`Isa::current`]: the compiler vectorises what it inlines here.
#[inline(always)]
pub fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    struct Plain<F>(F);

    impl<R, F: FnOnce() -> R> SimdOp for Plain<F> {
        type Output = R;

        #[inline(always)]
        fn eval<I: rten_simd::Isa>(self, _: I) -> R {
            (self.0)()
        }
    }

    dispatch(Plain(f))
}
