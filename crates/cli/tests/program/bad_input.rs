//! What a person may get wrong, and what may go wrong: one sentence, the right exit code, nothing lost.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Workplace, names, tiny};

#[test]
fn data_that_cannot_be_learnt_are_refused() {
    let place = Workplace::new();
    let tune = anaphora_data::composer::compose(1, 1).remove(0);
    for (name, content, said) in [
        ("empty.abc", &b""[..], "empty.abc: the file is empty, text or ABC tunes are needed"),
        ("empty.txt", b" \n\n", "empty.txt: the file is empty, text or ABC tunes are needed"),
        (
            "one.abc",
            tune.as_bytes(),
            "one tune cannot be split into training and validation data, two tunes or more are needed",
        ),
        (
            "photo.txt",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "photo.txt: a binary file (NUL byte at offset 8), text is needed",
        ),
        (
            "latin.txt",
            b"\xc3\xb6ne\ntw\xc3\xb6 \xf6\n",
            "latin.txt: byte 0xF6 at offset 10 (line 2) is not valid utf-8; mend the file, or name its encoding with data.encoding",
        ),
        (
            "word.txt",
            b"w",
            "one document of 1 character cannot be split into training and validation data, two characters that are no white space, or more, are needed",
        ),
    ] {
        place.write(name, content);
        assert_eq!(place.train(&[name]).refused(1), said);
    }
    fs::create_dir(place.path("folder")).unwrap();
    assert_eq!(
        place.train(&["folder"]).refused(1),
        "folder: the folder holds no text file (.txt, .text or .md)"
    );
    assert!(!place.path("runs").exists(), "nothing is begun");

    place.write_tunes("tunes.abc", 4);
    place.write("one.abc", "");
    assert!(
        place.train(&["tunes.abc", "--valid=one.abc"]).refused(1).starts_with("one.abc: the file is empty")
    );
}

#[test]
fn a_training_that_validates_on_nothing_is_refused() {
    let place = Workplace::new();
    for builtin in
        ["names", "waves", "reverse", "scenes", "ball", "phrases", "seasonal", "played", "prices", "tunes"]
    {
        let call = ["train", "--builtin", builtin, "--set", "data.validation_fraction=0", "--steps", "1"];
        let sentence = place.call(&call).refused(2);
        let said =
            "data.validation_fraction is 0, which leaves nothing to validate on; it takes a share above 0";
        assert!(sentence.starts_with(said), "{builtin}: {sentence}");
    }
    place.write_tunes("tunes.abc", 4);
    let called = place.train(&["tunes.abc", "--set", "data.validation_fraction=0"]);
    assert!(called.refused(2).contains("validat"));
    assert!(!place.path("runs").exists(), "nothing is begun");
}

#[test]
fn two_numbers_are_marked_among_two_at_least() {
    let place = Workplace::new();
    let sentence = place.call(&["train", "--builtin", "adding", "--length", "1"]).refused(2);
    let said = "training.length is 1, and data.builtin = \"adding\" marks two numbers; it takes 2 or more";
    assert_eq!(sentence, said);
    place.call(&["train", "--builtin", "adding", "--length", "2", "--steps", "1"]).ok();
    place.call(&["train", "--builtin", "copy", "--length", "1", "--steps", "1"]).ok();
}

#[test]
fn a_recipe_that_is_none_is_refused() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 4);
    for (recipe, said) in [
        ("[model]\nhiden_size = 32\n", "there is no field model.hiden_size; did you mean model.hidden_size?"),
        (
            "[model]\nhidden_size = -32\n",
            "field model.hidden_size is -32; it takes a whole number from 1 to 65536",
        ),
        (
            "[training]\nsteps = 'many'\n",
            "field training.steps is \"many\"; it takes a whole number from 1 on",
        ),
        ("[modle]\nlayers = 1\n", "there is no field modle"),
        ("model = 3\n", "there is no field model"),
        ("[model\n", "line 1: this is not TOML"),
    ] {
        place.write("mine.toml", recipe);
        let sentence = place.call(&["train", "tunes.abc", "--recipe=mine.toml"]).refused(2);
        assert!(sentence.starts_with("mine.toml: ") && sentence.contains(said), "{sentence}");
    }
    assert!(!place.path("runs").exists(), "nothing is begun");
}

/// Changes a byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_the_bits_stay_the_same() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    place.train(&["tunes.abc", "--steps=60", "--out=whole"]).ok();
    let checkpoints = place.path("run/checkpoints");
    for damage in [flip, truncate] {
        let _ = fs::remove_dir_all(place.path("run"));
        stop_after(&place, "run", 60, 30);
        let found: Vec<String> =
            names(&checkpoints).into_iter().filter(|name| name.starts_with("step-")).collect();
        assert!(found.len() >= 2, "an earlier one is kept: {found:?}");
        let newest = checkpoints.join(found.last().unwrap());
        damage(&newest);
        let resumed = place.call(&["resume", "run"]);
        let said = format!("Note: checkpoint run/checkpoints/{} is damaged: ", found.last().unwrap());
        assert!(resumed.stderr.contains(&said), "{}", resumed.stderr);
        resumed.ok();
        assert_eq!(place.read("run/model.safetensors"), place.read("whole/model.safetensors"));
    }
}

/// Trains until so many steps are saved, and kills it then.
fn stop_after(place: &Workplace, run: &str, steps: u64, saved: u64) {
    let (steps, out) = (format!("--steps={steps}"), format!("--out={run}"));
    let mut child = place.start(&tiny(&["tunes.abc", &steps, &out]));
    let begun = Instant::now();
    let is_saved = || {
        let info = fs::read(place.path(&format!("{run}/run.json"))).ok()?;
        let info: serde_json::Value = serde_json::from_slice(&info).ok()?;
        (info["steps"].as_u64()? >= saved).then_some(())
    };
    while is_saved().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{saved} steps take more than a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_damaged_model_is_not_used() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 4);
    place.train(&["tunes.abc", "--steps=20", "--out=run"]).ok();
    let model = place.path("run/model.safetensors");
    let whole = fs::read(&model).unwrap();
    for damage in [flip, truncate] {
        fs::write(&model, &whole).unwrap();
        damage(&model);
        for command in ["generate", "evaluate"] {
            let sentence = place.call(&[command, "run"]).refused(1);
            assert!(sentence.starts_with("run/model.safetensors: "), "{sentence}");
        }
    }
    fs::remove_file(&model).unwrap();
    assert!(place.call(&["generate", "run"]).refused(1).starts_with("run has no model yet"));
    fs::write(&model, &whole).unwrap();

    place.write("run/tokenizer.json", "{}");
    let sentence = place.call(&["generate", "run"]).refused(1);
    assert_eq!(
        sentence,
        "run/tokenizer.json: the tokenizer file is damaged: missing field `version` at line 1 column 2"
    );
}

#[test]
fn a_tokenizer_that_does_not_fit_is_refused() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    place.train(&["tunes.abc", "--tokenizer=bpe:300", "--steps=20", "--out=run"]).ok();
    place.train(&["tunes.abc", "--tokenizer=bpe:320", "--steps=20", "--out=other"]).ok();

    let whole = place.read("run/tokenizer.json");
    place.write("run/tokenizer.json", place.read("other/tokenizer.json"));
    for command in ["generate", "evaluate"] {
        assert_eq!(
            place.call(&[command, "run"]).refused(1),
            "run/tokenizer.json has 320 tokens where the run's weights have 300; restore the file that the run began with"
        );
    }
    let sentence = place.call(&["resume", "run"]).refused(1);
    assert!(sentence.starts_with("run: its recipe.toml and tokenizers make a model of "), "{sentence}");

    place.write("run/tokenizer.json", &whole[..whole.len() / 2]);
    for command in ["generate", "evaluate", "resume"] {
        let sentence = place.call(&[command, "run"]).refused(1);
        assert!(sentence.starts_with("run/tokenizer.json: the tokenizer file is damaged: "), "{sentence}");
    }

    let text = String::from_utf8(whole).unwrap();
    place.write("endless.json", text.replace("<end>", "<pad>"));
    assert_eq!(
        place.train(&["tunes.abc", "--tokenizer=endless.json", "--out=new"]).refused(1),
        "endless.json: the tokenizer file has no special token that closes a piece, such as <|endoftext|> or </s>"
    );
    assert!(
        place.train(&["tunes.abc", "--tokenizer=none.json", "--out=new"]).refused(1).contains("none.json")
    );
    assert_eq!(
        place.train(&["tunes.abc", "--tokenizer=bpe:100", "--out=new"]).refused(1),
        "a vocabulary of at most 100 tokens was asked for, one of this kind has to hold at least 257"
    );
    let sentence = place.train(&["tunes.abc", "--tokenizer=bep:4096", "--out=new"]).refused(2);
    assert!(
        sentence.starts_with("--tokenizer: field data.tokenizer is \"bep:4096\"; it takes character, "),
        "{sentence}"
    );
    assert!(!place.path("new").exists(), "nothing is begun");
}

#[test]
fn a_run_of_another_version_is_left_alone() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 4);
    place.train(&["tunes.abc", "--steps=20", "--out=all/run"]).ok();
    let info = String::from_utf8(place.read("all/run/run.json")).unwrap();
    let (this, other) = ("\"format\": 2,", "\"format\": 99,");
    assert!(info.contains(this), "{info}");
    let of_another = info.replace(this, other).replace(env!("CARGO_PKG_VERSION"), "9.9.9");
    place.write("all/run/run.json", &of_another);
    let said = "all/run was written by anaphora 9.9.9 in run format 99, and this version reads format 2; \
                use that version, or train again";
    for command in ["resume", "generate", "evaluate"] {
        assert_eq!(place.call(&[command, "all/run"]).refused(1), said);
    }
    let listed = place.call(&["runs", "all"]);
    assert!(listed.stderr.contains(said), "{listed:?}");
    assert_eq!(listed.code, Some(0));
    let sentence = place.train(&["tunes.abc", "--out=all/run"]).refused(1);
    assert!(sentence.starts_with("all/run already holds a run"), "{sentence}");
    assert_eq!(place.read("all/run/run.json"), of_another.as_bytes());
    place.write("all/run/run.json", "{");
    assert!(place.call(&["resume", "all/run"]).refused(1).starts_with("all/run/run.json: not JSON"));
}

#[test]
fn a_folder_has_one_training_at_a_time() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    let mut child =
        place.start(&tiny(&["tunes.abc", "--steps=1000000", "--set=training.patience=0", "--out=run"]));
    let begun = Instant::now();
    while !place.path("run/run.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no run in a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    let sentence = place.call(&["resume", "run"]).refused(1);
    assert!(sentence.starts_with("another training is writing to run; wait until it ends"), "{sentence}");
    let sentence = place.train(&["tunes.abc", "--steps=20", "--out=run"]).refused(1);
    assert!(
        sentence.starts_with("run already holds a run; continue it with `anaphora resume`"),
        "{sentence}"
    );
    assert!(child.try_wait().unwrap().is_none(), "the first goes on");
    child.kill().unwrap();
    child.wait().unwrap();

    place.write("mine", "a file");
    let sentence = place.train(&["tunes.abc", "--steps=20", "--out=mine"]).refused(1);
    assert!(sentence.starts_with("cannot create mine: "), "{sentence}");
    fs::create_dir(place.path("full")).unwrap();
    place.write("full/notes.txt", "mine");
    let sentence = place.train(&["tunes.abc", "--steps=20", "--out=full"]).refused(1);
    assert_eq!(sentence, "full is not empty (it holds notes.txt) and is no run; choose a new folder");
}

#[test]
fn changed_data_are_noticed() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    stop_after(&place, "run", 1000, 10);
    place.write_tunes("tunes.abc", 11);
    let sentence = place.call(&["resume", "run"]).refused(1);
    assert!(sentence.contains("tunes.abc is not what this run began with; restore the file"), "{sentence}");
    fs::remove_file(place.path("tunes.abc")).unwrap();
    let sentence = place.call(&["resume", "run"]).refused(1);
    assert!(sentence.contains("tunes.abc: there is no such file or folder"), "{sentence}");
}

/// A disk of a few kilobytes at `folder`; it goes when this is dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let disk = Self(folder);
        disk.call("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).then_some(disk)
    }

    fn grow(&self, size: &str) -> bool {
        self.call("mount", &["-o", &format!("remount,size={size}")])
    }

    fn call(&self, program: &str, call: &[&str]) -> bool {
        let status = Command::new(program).args(call).arg(self.0).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily, for a failed test may hold files open.
        self.call("umount", &["-l"]);
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    let folder = place.path("disk");
    let Some(disk) = SmallDisk::mount(&folder, "320k") else {
        println!("skipped: mounting a small disk needs Linux and root");
        return;
    };
    place.train(&["tunes.abc", "--steps=60", "--out=whole"]).ok();
    let sentence = place.train(&["tunes.abc", "--steps=60", "--out=disk/run"]).refused(1);
    assert!(sentence.starts_with("cannot write disk/run/"), "{sentence}");
    assert!(sentence.contains("the disk is full"), "{sentence}");
    let left = names(&place.path("disk/run/checkpoints"));
    assert!(left.iter().any(|name| name.starts_with("step-")), "an earlier checkpoint stays: {left:?}");
    let sentence = place.call(&["resume", "disk/run"]).refused(1);
    assert!(sentence.contains("the disk is full"), "{sentence}");
    assert!(disk.grow("8m"));
    place.call(&["resume", "disk/run"]).ok();
    assert_eq!(place.read("disk/run/model.safetensors"), place.read("whole/model.safetensors"));
}
