//! Products on AMX tiles, checked on any x86-64 processor under Linux.
//!
//! Where the processor has no tiles, their instructions raise SIGILL; a handler decodes the instruction and carries it
//! out on tiles in memory (Intel SDM vol. 2). What is checked is thus the machine code that runs on real tiles. Where
//! the processor has tiles, it runs on those.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod common;

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use anaphora_kernels::matmul::bf16::from_bf16;
use anaphora_kernels::matmul::{Scratch, multiply};
use anaphora_kernels::{Isa, Matrix, Precision};

#[test]
fn tiles_agree_with_f64() {
    let emulated = install_where_missing();
    common::check_all(Isa::Amx, Precision::Bf16);
    assert_eq!(emulated, EMULATED.load(Ordering::Relaxed) > 0);
}

/// Each thread has tiles and a configuration of its own.
#[test]
fn threads_do_not_share_tiles() {
    install_where_missing();
    let (m, k, n) = (40, 96, 70);
    let product = |seed: u32| {
        let (a, b) = (common::values(m * k, seed), common::values(k * n, seed + 100));
        let b = common::packed(Isa::Amx, Precision::Bf16, Matrix::new(&b, k, n));
        let mut c = vec![0.0; m * n];
        multiply(Matrix::new(&a, m, k), &b, &mut c, n, false, &mut Scratch::default());
        c
    };
    let alone: Vec<_> = (0..4).map(product).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|seed| scope.spawn(move || product(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(alone == together);
}

/// More panels than one strip after the other is multiplied with.
#[test]
fn products_of_many_panels_agree_with_f64() {
    install_where_missing();
    for order in common::ORDERS {
        common::check(Isa::Amx, Precision::Bf16, [40, 300, 2_600], (order, common::Order::Rows));
    }
}

/// Two by two tiles take a load a product, and sums are stored once and, where all of `k` is multiplied at once, never loaded.
#[test]
fn tiles_are_loaded_as_often_as_they_must() {
    if !install_where_missing() {
        return eprintln!("skipped: instructions are counted where they are emulated");
    }
    let count = |m: usize, k: usize, n: usize| {
        let (a, b) = (common::values(m * k, 1), common::values(k * n, 2));
        let b = common::packed(Isa::Amx, Precision::Bf16, Matrix::new(&b, k, n));
        // SAFETY: no instruction of this thread is being carried out.
        let counted = || TILES.with(|tiles| unsafe { (*tiles.get()).counts });
        let before = counted();
        multiply(Matrix::new(&a, m, k), &b, &mut vec![0.0; m * n], n, false, &mut Scratch::default());
        let after = counted();
        [0, 1, 2].map(|kind| after[kind] - before[kind])
    };
    let products = |m: usize, k: usize, n: usize| m / 16 * (k / 32) * (n / 16);
    for (m, k, n) in [(64, 256, 96), (32, 2_048, 64), (256, 64, 64)] {
        let all = products(m, k, n);
        assert_eq!(count(m, k, n), [all, all, m / 16 * (n / 16)], "{m} {k} {n}");
    }
    // One row of tiles takes five loads for four products.
    assert_eq!(count(16, 256, 128), [products(16, 256, 128) * 5 / 4, products(16, 256, 128), 8]);
}

/// Installs the emulator if this processor has no tiles, and says whether it did.
fn install_where_missing() -> bool {
    if anaphora_kernels::amx::available() {
        return false;
    }
    // SAFETY: the handler is a function of the signature that SA_SIGINFO asks for.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_illegal_instruction as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0);
    }
    true
}

/// Instructions carried out so far, by all threads.
static EMULATED: AtomicUsize = AtomicUsize::new(0);

/// One thread's tiles, as `ldtilecfg` shaped them.
struct Tiles {
    rows: [usize; 8],
    row_bytes: [usize; 8],
    words: [[[u32; 16]; 16]; 8],
    /// Loads, products and stores so far.
    counts: [usize; 3],
}

thread_local! {
    static TILES: UnsafeCell<Tiles> = const {
        UnsafeCell::new(Tiles {
            rows: [0; 8],
            row_bytes: [0; 8],
            words: [[[0; 16]; 16]; 8],
            counts: [0; 3],
        })
    };
}

extern "C" fn on_illegal_instruction(
    signal: libc::c_int,
    _: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel passes the context of the interrupted thread, which is not running meanwhile; its tiles are
    // touched here only.
    let done = unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        TILES.with(|tiles| execute(registers, &mut *tiles.get()))
    };
    if done {
        EMULATED.fetch_add(1, Ordering::Relaxed);
    } else {
        // Not ours: let it happen again, without a handler.
        // SAFETY: resets a signal's disposition.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// General registers by their number in an instruction.
const GENERAL: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// A memory operand: its address without the index, and the value of the index register times its scale.
struct Memory {
    base: u64,
    index: u64,
}

/// Carries out the tile instruction at the instruction pointer and moves that behind it; false where there is none.
///
/// # Safety
///
/// The instruction's memory operand must be readable or writable as the instruction asks.
unsafe fn execute(registers: &mut [libc::greg_t; 23], tiles: &mut Tiles) -> bool {
    let instruction = registers[libc::REG_RIP as usize] as *const u8;
    // SAFETY: the processor has just fetched these bytes: three of VEX prefix, opcode and ModRM.
    let [vex, high_bits, vector, opcode, modrm] = unsafe { instruction.cast::<[u8; 5]>().read() };
    // Three-byte VEX, opcode map 0F 38, W0, 128 bits.
    if vex != 0xc4 || high_bits & 0x1f != 2 || vector & 0x84 != 0 {
        return false;
    }
    let (mode, middle, low) = (modrm >> 6, (modrm >> 3 & 7) as usize, (modrm & 7) as usize);
    let second_source = (!vector >> 3 & 15) as usize;
    let (memory, length) = if mode == 3 {
        (None, 5)
    } else {
        // SAFETY: a memory operand's bytes follow, all fetched.
        let Some((memory, len)) = (unsafe { memory_operand(instruction.add(4), high_bits, registers) })
        else {
            return false;
        };
        (Some(memory), 4 + len)
    };
    const NONE: u8 = 0;
    const F3: u8 = 2;
    const F2: u8 = 3;
    match (opcode, vector & 3, memory) {
        // SAFETY: each access is the one that the instruction would have made.
        (0x49, NONE, Some(at)) if middle == 0 => unsafe { configure(tiles, at.base + at.index) },
        (0x49, NONE, None) if modrm == 0xc0 => (tiles.rows, tiles.row_bytes) = ([0; 8], [0; 8]),
        (0x49, F2, None) if low == 0 => tiles.words[middle] = [[0; 16]; 16],
        (0x4b, F2 | F3, Some(at)) => {
            assert!(tiles.rows[middle] > 0, "tile {middle} is not configured");
            tiles.counts[if vector & 3 == F3 { 2 } else { 0 }] += 1;
            for row in 0..tiles.rows[middle] {
                let line = (at.base + row as u64 * at.index) as *mut u8;
                let (words, len) = (&mut tiles.words[middle][row], tiles.row_bytes[middle]);
                let words = words.as_mut_ptr().cast::<u8>();
                // SAFETY: likewise.
                unsafe {
                    if vector & 3 == F3 {
                        line.copy_from(words, len);
                    } else {
                        words.write_bytes(0, 64);
                        words.copy_from(line, len);
                    }
                }
            }
        }
        (0x5c, F2 | F3, None) if vector & 3 == F3 => multiply_add(tiles, middle, low, second_source),
        _ => return false,
    }
    registers[libc::REG_RIP as usize] += length;
    true
}

/// Decodes ModRM, SIB and displacement at `bytes`, also into their length.
///
/// # Safety
///
/// `bytes` points to a whole memory operand.
unsafe fn memory_operand(
    bytes: *const u8,
    high_bits: u8,
    registers: &[libc::greg_t; 23],
) -> Option<(Memory, i64)> {
    let value = |number: u8| registers[GENERAL[number as usize] as usize] as u64;
    // The high bits of register numbers are stored inverted.
    let (index_high, base_high) = (!high_bits >> 3 & 8, !high_bits >> 2 & 8);
    // SAFETY: as for this function.
    unsafe {
        let (mode, low) = (*bytes >> 6, *bytes & 7);
        let (base, index, after) = if low == 4 {
            let sib = *bytes.add(1);
            let number = (sib >> 3 & 7) | index_high;
            let index = if number == 4 { 0 } else { value(number) << (sib >> 6) };
            ((sib & 7) | base_high, index, 2)
        } else {
            (low | base_high, 0, 1)
        };
        let (displacement, len) = match mode {
            // Addresses relative to the instruction or without a base.
            0 if base & 7 == 5 => return None,
            0 => (0, 0),
            1 => (*bytes.add(after).cast::<i8>() as i64, 1),
            _ => (bytes.add(after).cast::<i32>().read_unaligned() as i64, 4),
        };
        Some((Memory { base: value(base).wrapping_add_signed(displacement), index }, after as i64 + len))
    }
}

/// `ldtilecfg`, with the checks that make it fault.
///
/// # Safety
///
/// 64 bytes are readable at `address`.
unsafe fn configure(tiles: &mut Tiles, address: u64) {
    // SAFETY: as for this function.
    let bytes = unsafe { (address as *const [u8; 64]).read() };
    assert_eq!((bytes[0], bytes[1]), (1, 0), "palette and first row");
    let reserved = bytes[2..16].iter().chain(&bytes[32..48]).chain(&bytes[56..]);
    assert!(reserved.into_iter().all(|&byte| byte == 0), "reserved bytes of the tile configuration");
    for tile in 0..8 {
        tiles.rows[tile] = bytes[48 + tile] as usize;
        tiles.row_bytes[tile] = u16::from_le_bytes([bytes[16 + 2 * tile], bytes[17 + 2 * tile]]) as usize;
        assert!(tiles.rows[tile] <= 16 && tiles.row_bytes[tile] <= 64, "shape of tile {tile}");
    }
    tiles.words = [[[0; 16]; 16]; 8];
}

/// `tdpbf16ps`: sums of even and of odd products apart, then both together added to the destination; numbers too
/// small to be normal count as zero, before and after.
fn multiply_add(tiles: &mut Tiles, destination: usize, left: usize, right: usize) {
    assert!(destination != left && destination != right && left != right);
    let (rows, pairs) = (tiles.rows[destination], tiles.row_bytes[left] / 4);
    assert_eq!((rows, pairs), (tiles.rows[left], tiles.rows[right]));
    assert_eq!(tiles.row_bytes[destination], tiles.row_bytes[right]);
    tiles.counts[1] += 1;
    let flush = |x: f32| if x.is_subnormal() { 0.0_f32.copysign(x) } else { x };
    let halves = |word: u32| [flush(from_bf16(word as u16)), flush(from_bf16((word >> 16) as u16))];
    for row in 0..rows {
        for col in 0..tiles.row_bytes[destination] / 4 {
            let mut sums = [0.0_f32; 2];
            for pair in 0..pairs {
                let (x, y) = (halves(tiles.words[left][row][pair]), halves(tiles.words[right][pair][col]));
                for half in 0..2 {
                    // As good as fused: a product of two bf16 fits into an f32.
                    sums[half] = flush(x[half] * y[half] + sums[half]);
                }
            }
            let word = &mut tiles.words[destination][row][col];
            *word = flush(flush(f32::from_bits(*word)) + flush(sums[0] + sums[1])).to_bits();
        }
    }
}
