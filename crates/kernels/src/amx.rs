//! Detection of AMX tiles, the permission to use them, and their configuration.

/// Whether the processor has AMX tiles with bf16 products and the kernel lets this process use them.
///
/// CPUID leaf 7 EDX has bit 22 for `amx-bf16` and bit 24 for `amx-tile` (Intel SDM vol. 2, CPUID); Linux gives the
/// tile state to a process that asks for it once.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn available() -> bool {
    use std::arch::x86_64::__cpuid_count;
    const BITS: u32 = (1 << 22) | (1 << 24);
    __cpuid_count(7, 0).edx & BITS == BITS && request_permission()
}

/// Without Linux on x86-64 there is no permission to ask for: AMX is not used.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub fn available() -> bool {
    false
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`, once a process (Linux Documentation/arch/x86/xstate.rst).
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn request_permission() -> bool {
    const SYS_ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let status: i64;
    // SAFETY: the call reads no memory of ours; `syscall` clobbers rcx and r11 only.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") SYS_ARCH_PRCTL => status,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    status == 0
}

/// Gives this thread's eight tiles their full size, 16 rows of 64 bytes, which all kernels here use; once a thread.
///
/// The configuration is the thread's own, and the kernel keeps it over context switches and signals. Foreign code in
/// the thread could replace it (`ldtilecfg`) or drop it (`tilerelease`), as oneDNN does; none is called here.
///
/// # Safety
///
/// Tiles are [`available`], or emulated.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) unsafe fn configure_tiles() {
    use std::cell::Cell;
    thread_local! {
        static CONFIGURED: Cell<bool> = const { Cell::new(false) };
    }
    /// Intel SDM vol. 1, table 18-1 (memory area of `ldtilecfg`).
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }
    static FULL: Configuration = Configuration {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
        rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    if !CONFIGURED.replace(true) {
        // SAFETY: `FULL` is a valid configuration; nobody else in this thread has data in tiles.
        unsafe {
            std::arch::asm!("ldtilecfg [{}]", in(reg) &FULL, options(readonly, nostack, preserves_flags))
        };
    }
}
