//! Products in f32, with the right-hand side packed once and used many times.
//!
//! They are `rten-gemm`'s, but on AVX2 without AVX-512: there panels of our own are faster, most of all where the weights do
//! not fit the level 2 cache (see `examples/f32_products.rs`).

#[cfg(target_arch = "x86_64")]
mod panels;

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;
use rten_tensor::storage::Alloc;

use crate::{Isa, Matrix};

/// A right-hand matrix `[k, n]` in the layout of the product kernel.
#[derive(Default)]
pub struct PackedF32 {
    form: Form,
    k: usize,
    n: usize,
}

enum Form {
    /// The values themselves, where the portable product is forced or there are none.
    Plain(Vec<f32>),
    #[cfg(target_arch = "x86_64")]
    Panels(panels::Panels),
    Gemm(PackedBMatrix<f32>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl PackedF32 {
    /// Packs `b`, using the memory of what was packed before.
    pub fn pack(&mut self, b: Matrix) {
        (self.k, self.n) = (b.rows(), b.cols());
        let old = std::mem::take(&mut self.form);
        let empty = self.k * self.n == 0;
        self.form = match (Isa::current(), old) {
            (isa, old) if isa == Isa::Portable || empty => {
                let mut plain = if let Form::Plain(plain) = old { plain } else { Vec::new() };
                plain.clear();
                plain.extend((0..self.k).flat_map(|i| (0..self.n).map(move |j| b.at(i, j))));
                Form::Plain(plain)
            }
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, old) => {
                let mut panels =
                    if let Form::Panels(panels) = old { panels } else { panels::Panels::default() };
                panels.pack(b);
                Form::Panels(panels)
            }
            (_, old) => {
                let old = if let Form::Gemm(packed) = old { Some(packed.into_vec()) } else { None };
                let recycled = Recycled(Cell::new(old));
                Form::Gemm(with_executor(|gemm, _| gemm.prepack_b_in(&recycled, view(&b))))
            }
        };
    }

    /// Rows of the matrix: the length of the sums.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns of the matrix.
    pub fn n(&self) -> usize {
        self.n
    }
}

/// `c[m, n] = a[m, k] · b[k, n]`, or `c += …` where `accumulate`; element `(i, j)` of `c` lies at `i * ldc + j`, and nothing
/// between its rows is touched.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn multiply(a: Matrix, b: &PackedF32, c: &mut [f32], ldc: usize, accumulate: bool) {
    assert_eq!(a.cols(), b.k, "product of [{}, {}] and [{}, {}]", a.rows(), a.cols(), b.k, b.n);
    assert!(ldc >= b.n, "rows of {} values at a distance of {ldc}", b.n);
    if a.rows() == 0 || b.n == 0 {
        return;
    }
    let end = (a.rows() - 1) * ldc + b.n;
    let c = &mut c[..end];
    match &b.form {
        Form::Plain(plain) => portable(a, Matrix::new(plain, b.k, b.n), c, ldc, accumulate),
        #[cfg(target_arch = "x86_64")]
        Form::Panels(panels) => {
            // SAFETY: panels are packed only where the processor has AVX2 and FMA.
            unsafe { panels.multiply(a, c, ldc, accumulate) };
        }
        Form::Gemm(packed) => gemm(a, packed, b.n, c, ldc, accumulate),
    }
}

fn gemm(a: Matrix, b: &PackedBMatrix<f32>, n: usize, c: &mut [f32], ldc: usize, accumulate: bool) {
    with_executor(|gemm, dense| {
        let product = |c: &mut [f32]| {
            let options = GemmOptions { beta: if accumulate { 1.0 } else { 0.0 }, ..GemmOptions::default() };
            gemm.gemm(c, GemmInputA::Unpacked(view(&a)), GemmInputB::Packed(b), options)
                .unwrap_or_else(|error| panic!("{} x {} product: {error}", a.rows(), a.cols()));
        };
        if ldc == n {
            return product(c);
        }
        // It writes rows without gaps only.
        if accumulate {
            dense.clear();
            c.chunks(ldc).for_each(|row| dense.extend_from_slice(&row[..n]));
        } else {
            dense.resize(a.rows() * n, 0.0);
        }
        product(dense);
        c.chunks_mut(ldc).zip(dense.chunks_exact(n)).for_each(|(to, from)| to[..n].copy_from_slice(from));
    });
}

/// The plain [`multiply`], for processors without vectors and as the oracle of the others.
pub fn portable(a: Matrix, b: Matrix, c: &mut [f32], ldc: usize, accumulate: bool) {
    assert_eq!(a.cols(), b.rows());
    for (i, row) in c.chunks_mut(ldc.max(1)).enumerate().take(a.rows()) {
        let row = &mut row[..b.cols()];
        if !accumulate {
            row.fill(0.0);
        }
        for p in 0..a.cols() {
            let scale = a.at(i, p);
            for (j, value) in row.iter_mut().enumerate() {
                *value += scale * b.at(p, j);
            }
        }
    }
}

fn view<'a>(m: &Matrix<'a>) -> NdTensorView<'a, f32, 2> {
    NdTensorView::from_slice_with_strides([m.rows(), m.cols()], m.data(), [m.row_stride(), m.col_stride()])
        .expect("a matrix view has a valid layout")
}

/// Lends the present thread's executor, and a buffer for a product without gaps.
fn with_executor<R>(f: impl FnOnce(&GemmExecutor, &mut Vec<f32>) -> R) -> R {
    thread_local!(static EXECUTOR: RefCell<(GemmExecutor, Vec<f32>)> = RefCell::default());
    EXECUTOR.with(|executor| {
        let (executor, dense) = &mut *executor.borrow_mut();
        f(executor, dense)
    })
}

/// Hands the memory of the last packing to the next one.
struct Recycled(Cell<Option<Vec<u32>>>);

impl Alloc for Recycled {
    fn alloc<T>(&self, capacity: usize) -> Vec<T> {
        let same_layout = size_of::<T>() == size_of::<u32>() && align_of::<T>() == align_of::<u32>();
        match self.0.take() {
            Some(old) if same_layout && old.capacity() >= capacity => {
                let mut old = ManuallyDrop::new(old);
                // SAFETY: the same allocation with an element of the same size and alignment, and no elements in it.
                unsafe { Vec::from_raw_parts(old.as_mut_ptr().cast::<T>(), 0, old.capacity()) }
            }
            _ => Vec::with_capacity(capacity),
        }
    }

    fn dealloc<T>(&self, buf: Vec<T>) {
        drop(buf);
    }
}
