//! A process that saves without end is killed at random moments: what it leaves must always do to go on from.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anaphora::recipe::Task;
use anaphora::run::checkpoint::Checkpoint;
use anaphora::run::log::{MetricsLog, Record, read_metrics};
use anaphora::run::weights::{NamedTensor, read_weights};
use anaphora::run::{Run, RunInfo, Score};
use anaphora::{Error, Recipe};

const FOLDER: &str = "ANAPHORA_TEST_RUN";
const NUMBERS: usize = 30_000;

/// Goes on from the newest checkpoint, and saves until it is killed.
fn save_for_ever(path: &Path) -> anaphora::Result<()> {
    let mut run = Run::resume(path)?;
    let checkpoints = run.checkpoints();
    let mut step = checkpoints.latest_valid()?.checkpoint.map_or(0, |(_, checkpoint)| checkpoint.step);
    checkpoints.discard_after(step)?;
    let mut metrics = MetricsLog::open(run.metrics_path(), Some(step))?;
    loop {
        step += 1;
        metrics.append(&Record::Note { step, text: format!("step {step}") })?;
        let weights = NamedTensor::new("w", vec![NUMBERS], vec![step as f32; NUMBERS]);
        run.write_model(std::slice::from_ref(&weights))?;
        run.update(|info| {
            info.best = Some(Score { step, loss: 1.0 / step as f64, scores: Default::default() })
        })?;
        let state = serde_json::json!({ "step": step });
        checkpoints.save(&Checkpoint { step, tensors: vec![weights], state })?;
    }
}

/// This test again in a process of its own, which sees by the variable that it is the one to be killed.
fn start(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kill::after_any_kill_the_run_goes_on"]).env(FOLDER, folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn after_any_kill_the_run_goes_on() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return save_for_ever(&PathBuf::from(folder)).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let recipe = Recipe::parse("[data]\nbuiltin = 'tunes'").unwrap();
    drop(
        Run::create(&path, &recipe, &[], RunInfo::new(Task::Music, Default::default(), NUMBERS as u64))
            .unwrap(),
    );
    let checkpoints = Run::open(&path).unwrap().checkpoints();
    let mut reached = 0;
    for round in 0..20u64 {
        let mut child = start(&path);
        // Not before it has saved, so that every round moves on; then at any moment of a save.
        let patience = Instant::now() + Duration::from_secs(60);
        while checkpoints.steps().unwrap().last().is_none_or(|&step| step <= reached) {
            assert!(
                Instant::now() < patience && child.try_wait().unwrap().is_none(),
                "the child saves nothing"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(matches!(Run::resume(&path), Err(Error::RunLocked(_))));
        std::thread::sleep(Duration::from_micros(1700 * (round * 7 % 20)));
        child.kill().unwrap();
        child.wait().unwrap();

        let run = Run::resume(&path).unwrap();
        let latest = checkpoints.latest_valid().unwrap();
        assert!(latest.damaged.is_empty(), "{:?}", latest.damaged);
        let checkpoint = latest.checkpoint.unwrap().1;
        assert!(checkpoint.step > reached);
        assert_eq!(checkpoint.state["step"], checkpoint.step);
        assert_eq!(*checkpoint.tensors[0].data, vec![checkpoint.step as f32; NUMBERS]);
        assert!(run.info().best.as_ref().unwrap().step >= checkpoint.step);
        let model = read_weights(run.model_path()).unwrap();
        assert!(model[0].data.iter().all(|&x| x == model[0].data[0]));
        drop(MetricsLog::open(run.metrics_path(), Some(checkpoint.step)).unwrap());
        let steps: Vec<u64> = read_metrics(run.metrics_path()).unwrap().iter().map(Record::step).collect();
        assert_eq!(steps, (1..=checkpoint.step).collect::<Vec<_>>());
        reached = checkpoint.step;
    }
}
