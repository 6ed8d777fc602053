//! The real binary, called as a person calls it.
#![allow(dead_code, reason = "each test file uses some of this")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// What a call left behind.
#[derive(Debug)]
pub struct Called {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Called {
    /// The standard output of a call that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// The lines of JSON on standard output of a call that must have succeeded.
    #[track_caller]
    pub fn json(self) -> Vec<Value> {
        self.ok().lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The sentence of a call that must have failed with this code, without a word on standard output.
    #[track_caller]
    pub fn refused(self, code: i32) -> String {
        assert_eq!((self.code, &*self.stdout), (Some(code), ""), "{self:#?}");
        let last = self.stderr.trim_end().lines().last().unwrap_or_default();
        let sentence = last.strip_prefix("anaphora: ");
        sentence.unwrap_or_else(|| panic!("no sentence ends {:?}", self.stderr)).to_owned()
    }
}

impl From<Output> for Called {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A folder to work in; every call runs in it.
pub struct Workplace(tempfile::TempDir);

impl Workplace {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Built-in tunes as a file.
    pub fn write_tunes(&self, name: &str, count: usize) {
        self.write(name, anaphora_data::composer::collection(7, count));
    }

    pub fn command(&self, call: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anaphora"));
        command.args(call).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    pub fn call(&self, call: &[&str]) -> Called {
        Called::from(self.command(call).output().unwrap())
    }

    /// A call with something on standard input.
    pub fn call_with(&self, call: &[&str], input: &[u8]) -> Called {
        let mut command = self.command(call);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Called::from(child.wait_with_output().unwrap())
    }

    /// Starts a call that is not waited for.
    pub fn start(&self, call: &[&str]) -> Child {
        self.command(call).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Calls `train` with a model that is trained in a moment, and what else is given.
    pub fn train(&self, call: &[&str]) -> Called {
        self.call(&tiny(call))
    }
}

/// `train` with a tiny model.
pub fn tiny<'a>(call: &[&'a str]) -> Vec<&'a str> {
    let mut tiny = vec![
        "train",
        "--hidden=32",
        "--batch=4",
        "--threads=1",
        "--precision=f32",
        "--validate-every=20",
        "--checkpoint-every=10",
    ];
    // Of these a language model reads two fields more.
    let others =
        ["classify", "regress", "tag", "chorales", "names", "waves", "prices", "phrases", "adding", "copy"];
    let value = |argument: &&str| argument.rsplit('=').next().is_some_and(|value| others.contains(&value));
    if !call.iter().any(value) {
        tiny.extend(["--embedding=16", "--length=32"]);
    }
    tiny.into_iter().chain(call.iter().copied()).collect()
}

/// The files of a folder, sorted by name.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
