//! Products of matrices, single-threaded: `c = a · b` with `b` packed once for many products.
//!
//! The right-hand matrix, most often weights, is packed into a [`Packed`]: *panels* of 16 columns, and in a panel one line of
//! 64 bytes after the other. In f32 a line holds one row of the matrix, in bf16 two of them, `(b[2l][j], b[2l + 1][j])` in the
//! low and high half of word `j`, as dot products of pairs and tiles ask for. The left-hand matrix is read as it lies or
//! copied into the same kind of words, a part at a time that stays in cache (see `left`).
//!
//! Each element of a product is one chain of additions over `k` in ascending order, begun at zero, or at `c` where the product
//! is accumulated. How a caller divides rows, columns or sums among calls and threads therefore never changes a bit. In f32 the
//! vectors of AVX2 and AVX-512 give the same bits too; in bf16 the instruction sets differ in their last bits (fused or
//! not, sums of pairs).

pub mod bf16;
pub mod linear;

mod bytes;
mod left;
mod once;
mod pack;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod products;
pub(crate) mod transpose;

use self::left::Left;
pub(crate) use self::once::{Once, with_once};
use crate::buffer::{LINE, Line, Lines};
use crate::{Isa, Matrix};

/// The number format of the factors of a product; sums are always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// Factors rounded to bfloat16.
    Bf16,
    /// Factors rounded to whole numbers of 8 bits, each column of the right-hand side and each row of the left-hand side with a
    /// scale of its own; for models that are not trained.
    Int8,
}

impl Precision {
    /// The faster precision of this processor: bf16 where it has instructions for such products, f32 elsewhere.
    pub fn auto() -> Self {
        let pairs = Isa::current() == Isa::Avx512 && Form::has_pairs();
        if pairs || Isa::current() == Isa::Amx { Self::Bf16 } else { Self::F32 }
    }

    /// `f32`, `bf16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

/// Columns of a panel: the words of a [`Line`], the lanes of an AVX-512 register, the columns of a tile. A line of a panel holds
/// one row's values in f32, or two rows' in bf16, element by element in pairs.
const PANEL: usize = LINE;

/// Lines of a tile, that is half its 32 rows of the right-hand matrix; panels in bf16 are padded to a multiple of it.
const TILE_LINES: usize = 16;

/// The number of panels in bf16 is padded to a multiple of this, so that tiles can take as many at once.
const PANEL_GROUP: usize = 4;

/// The words of some lines.
fn words_of(lines: &[Line]) -> &[u32] {
    // SAFETY: a line is an array of words and as large as its alignment, so that lines lie without gaps.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * PANEL) }
}

/// The words of some lines, for writing.
fn words_mut(lines: &mut [Line]) -> &mut [u32] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * PANEL) }
}

/// How products read the left-hand side: in words of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A word is one value; a line of the right-hand side holds one row.
    Values,
    /// A word is one value, rounded to bf16 and kept as f32; a line takes two of them.
    Rounded,
    /// A word is two successive values in bf16, as a line takes them.
    Pairs,
    /// Tiles of such pairs.
    Tiles,
    /// A word is four successive values of 8 bits; see [`bytes`].
    Bytes,
}

impl Form {
    fn of(precision: Precision, isa: Isa) -> Self {
        match (precision, isa) {
            (Precision::F32, _) => Self::Values,
            (Precision::Int8, _) => Self::Bytes,
            (Precision::Bf16, Isa::Amx) => Self::Tiles,
            (Precision::Bf16, Isa::Avx512) if Self::has_pairs() => Self::Pairs,
            (Precision::Bf16, _) => Self::Rounded,
        }
    }

    /// Whether the processor rounds to and multiplies pairs of bf16.
    fn has_pairs() -> bool {
        #[cfg(target_arch = "x86_64")]
        return pairs::available();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Words of a row of `k` values; what is no whole line is filled up with zeros.
    fn words(self, k: usize) -> usize {
        match self {
            Self::Values => k,
            Self::Rounded => k.next_multiple_of(2),
            Self::Pairs | Self::Tiles => k.div_ceil(2),
            Self::Bytes => k.div_ceil(bytes::VALUES) + 1,
        }
    }
}

/// A right-hand matrix `[k, n]`, packed for products in one precision and instruction set.
#[derive(Clone, Debug)]
pub struct Packed {
    precision: Precision,
    isa: Isa,
    k: usize,
    n: usize,
    lines: Lines,
}

impl Packed {
    /// An empty matrix of the given precision, to be filled by [`Packed::pack`].
    pub fn new(precision: Precision) -> Self {
        Self { precision, isa: Isa::Portable, k: 0, n: 0, lines: Lines::default() }
    }

    /// Packs `b` for the instruction set in use; the former content is replaced, its memory used again.
    pub fn pack(&mut self, b: Matrix) {
        self.pack_for(Isa::current(), b);
    }

    /// [`Packed::pack`] for a given instruction set, whose products [`multiply`] will then take.
    ///
    /// # Panics
    ///
    /// If the processor does not have it.
    pub fn pack_for(&mut self, isa: Isa, b: Matrix) {
        let detected = Isa::detected();
        assert!(isa <= detected, "packing for {}, on a processor with {}", isa.name(), detected.name());
        // SAFETY: checked above.
        unsafe { self.pack_for_unchecked(isa, b) }
    }

    /// [`Packed::pack_for`] without the check, for a processor whose missing instructions are emulated.
    ///
    /// # Safety
    ///
    /// [`multiply`] with this matrix will execute instructions of `isa`: something must carry them out.
    pub unsafe fn pack_for_unchecked(&mut self, isa: Isa, b: Matrix) {
        (self.k, self.n, self.isa) = (b.rows(), b.cols(), isa);
        let (panels, panel_lines) = (self.n.div_ceil(PANEL), panel_lines(self.precision, self.k));
        let panels = match self.precision {
            Precision::F32 | Precision::Int8 => panels,
            Precision::Bf16 => panels.next_multiple_of(PANEL_GROUP),
        };
        self.lines.grow(panels * panel_lines);
        pack_panels(self.precision, b, &mut self.lines[..panels * panel_lines]);
    }

    /// Rows: the length of the sums.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The instruction set that products with this matrix use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// All of it.
    fn columns(&self) -> Columns<'_> {
        let Self { precision, isa, k, n, ref lines } = *self;
        Columns { precision, isa, k, n, lines }
    }
}

/// Columns of a packed matrix that stand in panels one after the other, the first of them at the first's beginning.
#[derive(Clone, Copy)]
struct Columns<'a> {
    precision: Precision,
    isa: Isa,
    k: usize,
    n: usize,
    /// The panels' lines and those behind them: products in bf16 may read, to no effect, up to the next multiple of
    /// [`PANEL_GROUP`] panels.
    lines: &'a [Line],
}

impl Columns<'_> {
    fn form(&self) -> Form {
        Form::of(self.precision, self.isa)
    }

    /// Number of panels.
    fn panels(&self) -> usize {
        self.n.div_ceil(PANEL)
    }

    /// Lines of one panel, padding included.
    fn panel_lines(&self) -> usize {
        panel_lines(self.precision, self.k)
    }

    /// Lines of one panel, those of padding left out.
    fn used_lines(&self) -> usize {
        match self.precision {
            Precision::F32 => self.k,
            Precision::Bf16 => self.k.div_ceil(2),
            Precision::Int8 => self.k.div_ceil(bytes::VALUES),
        }
    }
}

/// Packs the columns of `b` into panels, of which there may be more.
fn pack_panels(precision: Precision, b: Matrix, lines: &mut [Line]) {
    let panel_lines = panel_lines(precision, b.rows());
    match precision {
        Precision::F32 => pack::values(b, lines, panel_lines, false),
        Precision::Bf16 => pack::pairs(b, lines, panel_lines),
        Precision::Int8 => bytes::panels(b, lines, panel_lines),
    }
}

/// Lines of a panel of a matrix with `k` rows, padding included.
fn panel_lines(precision: Precision, k: usize) -> usize {
    match precision {
        Precision::F32 => k,
        Precision::Bf16 => k.div_ceil(2).next_multiple_of(TILE_LINES),
        Precision::Int8 => k.div_ceil(bytes::VALUES) + bytes::BEHIND,
    }
}

/// Memory that products use, kept from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For the left-hand side.
    lines: Lines,
    /// For a right-hand side of few columns that serves one product.
    narrow: Lines,
}

impl Scratch {
    /// So many lines, with whatever they held before.
    fn lines(&mut self, len: usize) -> &mut [Line] {
        self.lines.grow(len);
        &mut self.lines[..len]
    }
}

/// `c[m, n] = a[m, k] · b[k, n]`, or `c += …` where `accumulate`; element `(i, j)` of `c` lies at `i * ldc + j`, and nothing
/// between its rows is touched. In bf16 `a` is rounded.
///
/// # Panics
///
/// If the inner sizes differ, if `ldc < n`, or if `c` is too short for m rows.
pub fn multiply(a: Matrix, b: &Packed, c: &mut [f32], ldc: usize, accumulate: bool, scratch: &mut Scratch) {
    multiply_parts(a, std::iter::once((b.columns(), 0)), c, ldc, accumulate, scratch);
}

/// [`multiply`] with several right-hand sides, each with the column of `c` at which its own begin; what is copied of the
/// left-hand side is copied once for all of them.
fn multiply_parts<'b>(
    a: Matrix,
    parts: impl Iterator<Item = (Columns<'b>, usize)> + Clone,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
    scratch: &mut Scratch,
) {
    let (m, k) = (a.rows(), a.cols());
    let parts = parts.filter(|(b, _)| b.n > 0);
    let Some((first, _)) = parts.clone().next().filter(|_| m > 0) else { return };
    for (b, at) in parts.clone() {
        assert_eq!(k, b.k, "product of [{m}, {k}] and [{}, {}]", b.k, b.n);
        assert_eq!(first.form(), b.form());
        assert!(ldc >= at + b.n, "rows of {} values at a distance of {ldc}", at + b.n);
        assert!(c.len() >= (m - 1) * ldc + at + b.n, "{m} rows of {} into {} values", at + b.n, c.len());
    }
    if k == 0 {
        if !accumulate {
            for (b, at) in parts {
                c.chunks_mut(ldc).take(m).for_each(|row| row[at..at + b.n].fill(0.0));
            }
        }
        return;
    }
    let held = left::rows_held(first.form(), k);
    for start in (0..m).step_by(held) {
        let rows = start..start.saturating_add(held).min(m);
        let mut left = Left::new(first.form(), a.row_range(rows), scratch);
        products::multiply(&mut left, parts.clone(), &mut c[start * ldc..], ldc, accumulate);
    }
}

/// The plain product in f32, as the oracle of the others; arguments as in [`multiply`].
pub fn reference(a: Matrix, b: Matrix, c: &mut [f32], ldc: usize, accumulate: bool) {
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
