//! What the machine has that a training runs on: processor, instructions, memory.

use std::num::NonZero;

use anaphora_nn::{Isa, Precision};
use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// What models are computed with here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's name for itself; none where the system does not say.
    pub processor: Option<String>,
    /// Cores that the machine has, two for one that runs two threads.
    pub cores: usize,
    /// Cores that this process may use, where it is limited to fewer.
    pub usable_cores: usize,
    /// As [`instructions`] tells them.
    pub instructions: [&'static str; 2],
    /// What products are computed in where the precision is left to the program.
    pub precision: &'static str,
    /// Bytes of memory in all.
    pub memory: u64,
    /// Bytes that this process may still take; none where the system does not say.
    pub free_memory: Option<u64>,
}

impl Machine {
    /// Looks at this machine. A system that tells nothing of itself leaves what it does not tell empty, or 0.
    pub fn look() -> Self {
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let usable_cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let system = System::new_with_specifics(what).ok();
        let cores = system.as_ref().map_or(0, |system| system.cpus().len());
        let name = system.as_ref().and_then(|system| system.cpus().first()).map(|cpu| cpu.brand().trim());
        Self {
            processor: name.filter(|name| !name.is_empty()).map(str::to_owned),
            cores: cores.max(usable_cores),
            usable_cores,
            instructions: instructions(),
            precision: Precision::auto().name(),
            memory: system.as_ref().map_or(0, System::total_memory),
            free_memory: free_memory(),
        }
    }
}

/// The highest set of vector instructions that the processor and the system offer, and the one in use: `portable`, `avx2`, `avx512`
/// or `amx`.
pub fn instructions() -> [&'static str; 2] {
    [Isa::detected().name(), Isa::current().name()]
}

/// Bytes that this process may still take, of the machine's memory and of what the process (`ulimit -v`) and the group that it runs in
/// are limited to; none where the system does not say.
pub fn free_memory() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let limit = system.cgroup_limits().map(|limits| limits.free_memory);
    let available = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    [available, limit, address_space()].into_iter().flatten().min()
}

/// Bytes of address space that this process may still take, where it is limited (Linux).
fn address_space() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub((status("VmSize:")? * 1024.0) as u64))
}

/// The most memory that this process has held, in MiB (`VmHWM` of Linux); none on other systems.
pub fn peak_memory_mib() -> Option<f64> {
    Some(status("VmHWM:")? / 1024.0)
}

/// A size of this process in KiB, as Linux names it.
fn status(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_cores_and_memory() {
        let machine = Machine::look();
        assert!((1..=machine.cores).contains(&machine.usable_cores), "{machine:?}");
        let [offered, used] = machine.instructions;
        assert!(Isa::ALL.iter().filter(|isa| [offered, used].contains(&isa.name())).count() > 0);
        if cfg!(target_os = "linux") {
            assert!(
                machine.free_memory.is_some_and(|free| free > 0 && free <= machine.memory),
                "{machine:?}"
            );
            assert!(peak_memory_mib() > Some(1.0));
        }
    }
}
