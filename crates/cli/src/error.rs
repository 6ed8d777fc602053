//! How a command ends when it does not succeed.

use std::fmt;
use std::io;
use std::path::Path;

/// The exit code after Ctrl-C: 128 and the signal's number.
pub const INTERRUPTED: u8 = 130;

/// The result of a command's functions.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command did not do what was asked. The sentence begins in lower case: `anaphora: ` goes before it.
#[derive(Debug)]
pub enum Failure {
    /// The call is wrong: a flag, a value, a field of the recipe.
    Call(String),
    /// The call is right, and something it needs is not.
    Failed(String),
    /// Nobody reads standard output any more, as with `| head`. There is nothing to say.
    ClosedPipe,
    /// Ctrl-C cut the work short. What there was is written, and all is said.
    Interrupted,
}

impl Failure {
    /// A wrong call.
    pub fn call(sentence: impl fmt::Display) -> Self {
        Self::Call(sentence.to_string())
    }

    /// A failure.
    pub fn failed(sentence: impl fmt::Display) -> Self {
        Self::Failed(sentence.to_string())
    }

    /// For `map_err`: the system refused to do something with a path.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            let refusal = anaphora_data::error::refusal(&error);
            Self::Failed(format!("cannot {action} {}: {refusal}", path.display()))
        }
    }

    /// What the shell sees.
    pub fn code(&self) -> u8 {
        match self {
            Self::Call(_) => 2,
            Self::Failed(_) => 1,
            Self::ClosedPipe => 0,
            Self::Interrupted => INTERRUPTED,
        }
    }

    /// What a person sees.
    pub fn sentence(&self) -> Option<&str> {
        match self {
            Self::Call(sentence) | Self::Failed(sentence) => Some(sentence),
            Self::ClosedPipe | Self::Interrupted => None,
        }
    }
}

impl From<anaphora::Error> for Failure {
    fn from(error: anaphora::Error) -> Self {
        use anaphora::Error::{Recipe, RecipeFile, RunTwice, Sampling, Setting};
        match error {
            Recipe(_) | RecipeFile { .. } | Setting { .. } | RunTwice(_) | Sampling(_) => Self::call(error),
            _ => Self::failed(error),
        }
    }
}
