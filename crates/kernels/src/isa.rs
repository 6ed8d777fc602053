//! Which instruction sets the processor has, and which of them are used.

use std::sync::OnceLock;

/// Levels of instruction sets, lowest first. A level includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, vectorised by the compiler for the target's baseline.
    Portable,
    /// AVX2 with FMA: 8 lanes of f32.
    Avx2,
    /// AVX-512 F/BW/DQ/VL: 16 lanes of f32; bf16 dot products where `avx512bf16` is present too.
    Avx512,
    /// AVX-512 and AMX tiles with bf16 products.
    Amx,
}

/// Environment variable that forces a lower level: `portable`, `avx2`, `avx512` or `amx`.
pub const ISA_VARIABLE: &str = "ANAPHORA_ISA";

impl Isa {
    /// All levels, lowest first.
    pub const ALL: [Isa; 4] = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Amx];

    /// The level's name, as [`ISA_VARIABLE`] spells it.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Amx => "amx",
        }
    }

    /// The highest level that this processor and its operating system offer.
    pub fn detected() -> Isa {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(detect)
    }

    /// The level in use: [`Isa::detected`], lowered by [`ISA_VARIABLE`] where that names a lower one.
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let forced = std::env::var(ISA_VARIABLE).ok();
            let forced = forced.and_then(|name| Isa::ALL.into_iter().find(|isa| isa.name() == name));
            forced.map_or(Isa::detected(), |isa| isa.min(Isa::detected()))
        })
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Isa {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    if avx2 && avx512 && crate::amx::available() {
        Isa::Amx
    } else if avx2 && avx512 {
        Isa::Avx512
    } else if avx2 {
        Isa::Avx2
    } else {
        Isa::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Isa {
    Isa::Portable
}
