//! Products in bf16: every back end that the processor has.

mod common;

use anaphora_kernels::matmul::bf16::{PackedBf16, Scratch, from_bf16, multiply, round, to_bf16};
use anaphora_kernels::{Isa, Matrix};

#[test]
fn every_level_agrees_with_f64() {
    Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected()).for_each(common::check_all);
}

#[test]
fn rounds_to_nearest_even() {
    for (x, bits) in [
        (1.0, 0x3f80),
        (f32::from_bits(0x3f80_8000), 0x3f80),
        (f32::from_bits(0x3f81_8000), 0x3f82),
        (f32::from_bits(0x3f80_8001), 0x3f81),
        (f32::MAX, 0x7f80),
        (f32::INFINITY, 0x7f80),
        (f32::NEG_INFINITY, 0xff80),
        (-0.0, 0x8000),
        (f32::from_bits(1), 0),
        (f32::from_bits(0x7f80_0001), 0x7fc0),
        (f32::from_bits(0xffff_ffff), 0xffff),
    ] {
        assert_eq!(to_bf16(x), bits, "{x:?} {:#x}", x.to_bits());
    }
    for bits in 0..=u16::MAX {
        let x = from_bf16(bits);
        if !x.is_nan() {
            assert_eq!(to_bf16(x), bits);
            assert_eq!(round(x).to_bits(), x.to_bits());
        }
    }
}

#[test]
fn empty_sides() {
    let mut b = PackedBf16::default();
    let mut scratch = Scratch::default();
    multiply(Matrix::new(&[], 3, 0), &b, &mut [], 0, false, &mut scratch);
    for isa in Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected()) {
        b.pack_for(isa, Matrix::new(&[], 0, 2));
        assert_eq!((b.k(), b.n()), (0, 2));
        let mut c = [1.0; 5];
        multiply(Matrix::new(&[], 2, 0), &b, &mut c, 3, true, &mut scratch);
        assert_eq!(c, [1.0; 5]);
        multiply(Matrix::new(&[], 2, 0), &b, &mut c, 3, false, &mut scratch);
        assert_eq!(c, [0.0, 0.0, 1.0, 0.0, 0.0]);
        b.pack_for(isa, Matrix::new(&[1.0, 2.0], 1, 2));
        multiply(Matrix::new(&[], 0, 1), &b, &mut [], 2, false, &mut scratch);
    }
}

#[test]
fn packing_again_forgets_the_former_matrix() {
    let (large, small) = (common::values(70 * 50, 1), common::values(3 * 5, 2));
    let a = common::values(2 * 3, 3);
    let mut scratch = Scratch::default();
    for isa in Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected()) {
        let fresh = common::packed(isa, Matrix::new(&small, 3, 5));
        let mut again = common::packed(isa, Matrix::new(&large, 70, 50));
        again.pack_for(isa, Matrix::new(&small, 3, 5));
        let mut products = [[0.0; 10]; 2];
        multiply(Matrix::new(&a, 2, 3), &fresh, &mut products[0], 5, false, &mut scratch);
        multiply(Matrix::new(&a, 2, 3), &again, &mut products[1], 5, false, &mut scratch);
        assert_eq!(products[0], products[1]);
    }
}
