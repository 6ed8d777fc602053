//! Layers, losses and optimizers against what PyTorch computes in float64; `make.py` wrote the files and says what they hold.

mod convolution;
mod golden;
mod losses;
mod optimizer;
mod recurrent;
mod transformer;

use anaphora_nn::{Device, Precision};

const SEED: u64 = 0;

fn device(threads: usize) -> Device {
    Device::new(threads, Precision::F32)
}
