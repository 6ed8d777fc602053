//! How much memory a training needs, how much there is, and how much a process has held.

use sysinfo::{MemoryRefreshKind, System};

use crate::model::numbers_a_unit;
use crate::recipe::{Optimizer, Recipe};
use crate::{Error, Result};

/// Refuses a training that needs more memory than there is. `taken` bytes of what it needs are taken already; `units` are the
/// tokens or frames of a batch, 0 where they are not known yet.
pub(super) fn refuse_too_large(recipe: &Recipe, parameters: usize, taken: u64, units: f64) -> Result<()> {
    let Some(free) = free() else { return Ok(()) };
    let needed = needed(recipe, parameters, units);
    if needed > free.saturating_add(taken) {
        return Err(Error::Memory { needed, free });
    }
    Ok(())
}

/// About how many bytes a training holds: weights, their packed copies, gradients, the optimizer's state and the activations of
/// a batch.
fn needed(recipe: &Recipe, parameters: usize, units: f64) -> u64 {
    // Numbers that are kept of each weight: itself, its gradient, its copy for products, and means of gradients.
    let moments = match recipe.training.optimizer {
        Optimizer::AdamW => 2,
        Optimizer::Sgd | Optimizer::Muon | Optimizer::Lion => 1,
    };
    let weights = 4 * (3 + moments) * parameters as u64;
    weights.saturating_add((4.0 * units * numbers_a_unit(&recipe.model)) as u64)
}

/// Bytes that this process may still take, of the machine's memory and of what the process (`ulimit -v`) and the group that it runs in
/// are limited to; none where the system does not say.
fn free() -> Option<u64> {
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
