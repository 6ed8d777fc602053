//! Detection of AMX tiles and the permission to use them.

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
