//! The files of a run folder: weights, checkpoints, information and metrics.

#![no_main]

use anaphora::run::Run;
use anaphora::run::log::read_metrics;
use anaphora::run::weights::read_weights;
use anaphora_fuzz::in_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    in_file("model.safetensors", content, |path| {
        read_weights(path).ok();
        read_metrics(path).ok();
    });
    in_file("run.json", content, |path| {
        let folder = path.parent().expect("it lies in a folder");
        Run::open(folder).ok();
        let checkpoints = folder.join("checkpoints");
        std::fs::create_dir(&checkpoints).expect("there is room for a folder");
        std::fs::write(checkpoints.join("step-000001.safetensors"), content)
            .expect("there is room for a file");
        if let Ok(run) = Run::open(folder) {
            run.checkpoints().latest_valid().ok();
        }
    });
});
