//! What a model that has been trained computes on.

use std::path::Path;

use anaphora::{Device, Precision, Run};
use clap::ValueEnum;

use crate::error::Result;
use crate::output::tell;

/// Flags for it.
#[derive(clap::Args)]
pub struct DeviceArgs {
    /// Threads to compute with, 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Numbers that products are computed in, int8 for half the memory of bf16 [default: those of the training]
    #[arg(long, value_name = "KIND")]
    precision: Option<Numbers>,
}

/// The number formats of products with the weights of a model that has been trained.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Numbers {
    Auto,
    F32,
    Bf16,
    Int8,
}

impl Numbers {
    /// The precision, on this machine.
    pub fn precision(self) -> Precision {
        match self {
            Self::Auto => Precision::auto(),
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
            Self::Int8 => Precision::Int8,
        }
    }
}

impl DeviceArgs {
    /// The device for the model of a run.
    pub fn open(&self, run: &Path) -> Result<Device> {
        let precision = self.precision.map(Numbers::precision);
        let (device, note) = anaphora::training::device(&Run::open(run)?, self.threads.into(), precision)?;
        note.iter().for_each(|note| tell(&format!("Note: {note}.")));
        Ok(device)
    }
}
