//! Work that nobody wants any more ends, wherever it is.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

use anaphora::inspect::{Request, Source};
use anaphora::model::Compute;
use anaphora::{Device, Error, Precision, Recipe};
use anaphora_data::wanted::while_wanted;

/// Does work that is wanted until that has been asked so often; also how often it was asked in all.
fn until<T>(asked: usize, work: impl FnOnce() -> T) -> (T, usize) {
    let count = Rc::new(Cell::new(0));
    let own = Rc::clone(&count);
    let done = while_wanted(move || own.replace(own.get() + 1) < asked, work);
    (done, count.get())
}

/// Looks at a file as a training would.
fn look(path: &Path, task: &str) -> Result<usize, Error> {
    let mut recipe = Recipe::for_settings(|field| (field == "task").then(|| task.to_owned()));
    recipe.data.train = Some(path.to_owned());
    let place = tempfile::tempdir().unwrap();
    let found = anaphora::look(&recipe, place.path(), &mut |_| ControlFlow::Continue(()));
    found.map(|prospect| prospect.data.train.examples)
}

#[test]
fn a_look_ends_in_the_middle_of_its_data() {
    let place = tempfile::tempdir().unwrap();
    let lines = |line: &dyn Fn(usize) -> String| (0..3_000).map(line).collect::<String>();
    for (task, name, text) in [
        ("classify", "films.csv", lines(&|n| format!("{},a film {n}\n", ["good", "bad"][n % 2]))),
        ("forecast", "series.csv", lines(&|n| format!("{n}.5,{}\n", n % 7))),
        ("tag", "words.conll", lines(&|n| format!("word{n} {}\n\n", ["N", "V"][n % 2]))),
    ] {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (whole, asked) = until(usize::MAX, || look(&path, task));
        assert!(whole.unwrap() > 100 && asked > 1_000, "{task}: {asked}");
        // Early, and late: the rows are read, and are made to numbers.
        for after in [500, asked - 10] {
            let (left, asked) = until(after, || look(&path, task));
            assert!(left.is_err(), "{task}, {after}: {left:?}");
            assert!(asked < after + 50, "{task}: it went on for {asked}");
        }
    }
}

#[test]
fn an_inspection_ends() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    let mut recipe = Recipe::for_settings(|field| (field == "data.builtin").then(|| "tunes".to_owned()));
    recipe.set("data.builtin", "tunes").unwrap();
    (recipe.model.hidden_size, recipe.training.steps) = (16, Some(1));
    anaphora::train(&recipe, &run, &mut |_| ControlFlow::Continue(())).unwrap();
    let request = Request { source: Source::Text("X:1\nT:A\nK:D\nD2FA|".into()), ..Request::default() };
    let mut compute = Compute::new(Device::new(1, Precision::F32));
    let (whole, asked) = until(usize::MAX, || anaphora::tasks::inspect(&run, &mut compute, &request));
    assert!(whole.is_ok() && asked > 2, "{asked}");
    for after in [0, asked - 1] {
        let (left, _) = until(after, || anaphora::tasks::inspect(&run, &mut compute, &request));
        assert!(left.is_err(), "{after} of {asked}");
    }
}
