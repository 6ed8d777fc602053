//! What a model that has been trained computes on.

use std::path::Path;

use anaphora::recipe::Precision;
use anaphora::{Device, Run};
use clap::ValueEnum;

use crate::error::Result;
use crate::output::tell;

/// Flags for it.
#[derive(clap::Args)]
pub struct DeviceArgs {
    /// Threads to compute with, 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Numbers that products are computed in [default: those of the training]
    #[arg(long, value_name = "KIND")]
    precision: Option<Numbers>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Numbers {
    Auto,
    F32,
    Bf16,
}

impl DeviceArgs {
    /// The device for the model of a run.
    pub fn open(&self, run: &Path) -> Result<Device> {
        let precision = self.precision.map(|numbers| match numbers {
            Numbers::Auto => Precision::Auto,
            Numbers::F32 => Precision::F32,
            Numbers::Bf16 => Precision::Bf16,
        });
        let (device, note) = anaphora::training::device(&Run::open(run)?, self.threads.into(), precision)?;
        note.iter().for_each(|note| tell(&format!("Note: {note}.")));
        Ok(device)
    }
}
