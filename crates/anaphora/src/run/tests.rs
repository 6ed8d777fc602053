use super::*;

fn recipe() -> Recipe {
    Recipe::parse("[data]\nbuiltin = 'tunes'").unwrap()
}

fn info() -> RunInfo {
    RunInfo::new(Task::Music, Default::default(), 1234)
}

fn create(path: &Path) -> Result<Run> {
    Run::create(path, &recipe(), &[("tokenizer.json".to_owned(), "{}".to_owned())], info())
}

#[test]
fn is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/irish");
    let mut run = create(&path).unwrap();
    run.update(|info| info.best = Some(Score { step: 900, loss: 1.369, scores: BTreeMap::new() })).unwrap();
    let weights = [NamedTensor::new("w", vec![2], vec![1.0, 2.0])];
    run.write_model(&weights).unwrap();
    // While it is locked for training, its model can be used.
    let reader = Run::open(&path).unwrap();
    assert_eq!(reader.info(), run.info());
    assert_eq!(reader.info().best.as_ref().unwrap().step, 900);
    assert_eq!(reader.recipe().unwrap(), recipe());
    assert_eq!(fs::read_to_string(reader.tokenizer_path()).unwrap(), "{}");
    assert_eq!(weights::read_weights(reader.model_path()).unwrap(), weights);
}

#[test]
fn two_trainings_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = create(folder.path()).unwrap();
    let message = Run::resume(folder.path()).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("another training is writing to {}", folder.path().display())),
        "{message}"
    );
    assert!(matches!(create(folder.path()), Err(Error::RunExists(_))));
    assert!(Run::is_training(folder.path()));
    drop(run);
    assert!(!Run::is_training(folder.path()) && !Run::is_training(folder.path().join("nothing")));
    let resumed = Run::resume(folder.path()).unwrap();
    assert!(matches!(Run::resume(folder.path()), Err(Error::RunLocked(_))));
    drop(resumed);
}

#[test]
fn who_asks_for_a_training_keeps_none_out() {
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path()).unwrap());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                Run::is_training(folder.path());
            }
        });
        let resumed = (0..200).try_for_each(|_| Run::resume(folder.path()).map(drop));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        resumed.unwrap();
    });
}

#[test]
fn what_kills_left_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    // Killed while it was created:
    fs::write(folder.path().join(".lock"), "").unwrap();
    fs::write(folder.path().join(".recipe.toml.7.tmp"), "[da").unwrap();
    assert!(matches!(Run::open(folder.path()), Err(Error::NotARun(_))));
    drop(create(folder.path()).unwrap());
    // Killed while it was trained:
    fs::write(folder.path().join(".model.safetensors.7.tmp"), "half").unwrap();
    fs::write(folder.path().join("checkpoints/.step-000001.safetensors.7.tmp"), "half").unwrap();
    drop(Run::resume(folder.path()).unwrap());
    let temporaries = files_below(folder.path()).unwrap();
    assert!(!temporaries.iter().any(|path| is_temporary(path.file_name().unwrap())), "{temporaries:?}");
}

#[test]
fn of_a_run_that_is_not_made_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let made = NewFolder::prepare(folder.path().join("runs/large")).unwrap();
    assert!(matches!(NewFolder::prepare(made.path()), Err(Error::RunLocked(_))));
    fs::create_dir(made.path().join(TOKENS)).unwrap();
    fs::write(made.path().join("tokens/.train.tokens.7.tmp"), "half").unwrap();
    drop(made);
    assert!(!folder.path().join("runs").exists());
    // Killed there, the next one begins anew.
    let path = folder.path().join("killed");
    fs::create_dir_all(path.join(TOKENS)).unwrap();
    fs::write(path.join(".lock"), "").unwrap();
    fs::write(path.join("tokens/.train.tokens.7.tmp"), "half").unwrap();
    let made = NewFolder::prepare(&path).unwrap();
    assert!(!path.join(TOKENS).exists());
    drop(made);
    assert!(path.exists() && fs::read_dir(&path).unwrap().next().is_none(), "the folder is not ours");
}

#[test]
fn other_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let message = Run::open(path.join("none")).unwrap_err().to_string();
    assert!(message.contains("none is not a run folder"), "{message}");
    fs::write(path.join("thesis.tex"), "").unwrap();
    let message = create(path).unwrap_err().to_string();
    assert!(message.contains("thesis.tex"), "{message}");
    assert!(!path.join(".lock").exists() && !path.join("recipe.toml").exists());
}

#[test]
fn another_versions_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path()).unwrap());
    let path = folder.path().join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, r#"{"format": 7, "program": "3.1.0", "unheard": "of"}"#).unwrap();
    for opened in [Run::open(folder.path()), Run::resume(folder.path())] {
        let message = opened.unwrap_err().to_string();
        assert!(
            message.contains("anaphora 3.1.0 in run format 7, and this version reads format 2"),
            "{message}"
        );
    }
    for broken in
        ["", "{", "[]", "{}", "{\"format\": 2}", &text[..text.len() / 2], &text.replace("music", "jazz")]
    {
        fs::write(&path, broken).unwrap();
        let message = Run::open(folder.path()).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{}: ", path.display())) && !message.contains('\n'),
            "{message}"
        );
    }
}

#[test]
fn default_names_count_up() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["irish", "irish-2", "irish-3"] {
        let path = Run::default_path(folder.path(), "irish");
        assert_eq!(path, folder.path().join(name));
        drop(create(&path).unwrap());
    }
}

#[test]
fn all_runs_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Run::list(folder.path().join("none")).unwrap().is_empty());
    drop(create(&folder.path().join("a")).unwrap());
    drop(create(&folder.path().join("b")).unwrap());
    fs::write(folder.path().join("b/run.json"), "{").unwrap();
    fs::create_dir(folder.path().join("no run")).unwrap();
    let mut runs = Run::list(folder.path()).unwrap();
    runs.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].info.as_ref().unwrap().parameters, 1234);
    assert!(runs[0].bytes > 100 && runs[0].modified.is_some());
    assert!(runs[1].info.is_err());
}

#[test]
fn data_are_known_by_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    fs::write(&file, "123456789").unwrap();
    let source = Source::of(&file).unwrap();
    // The check value of CRC-32/ISO-HDLC.
    assert_eq!((source.bytes, source.crc32.as_str()), (9, "cbf43926"));
    assert!(source.path.is_absolute());

    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/b.txt"), "b").unwrap();
    let whole = Source::of(folder.path()).unwrap();
    assert_eq!(whole.bytes, 10);
    assert_eq!(Source::of(folder.path()).unwrap(), whole);
    fs::rename(folder.path().join("sub/b.txt"), folder.path().join("sub/c.txt")).unwrap();
    assert_ne!(Source::of(folder.path()).unwrap().crc32, whole.crc32);
    assert!(Source::of(folder.path().join("none")).unwrap_err().to_string().contains("none"));
}
