//! The program as a person calls it.

mod bad_input;
mod calls;
mod classify;
mod common;
mod compare;
mod convert;
mod forecast;
mod format2;
mod go_on;
mod huggingface;
mod inspect;
mod interrupt;
mod kill;
mod lecture;
mod lines;
mod memory;
mod pairs;
mod polyphony;
mod recipe;
mod regress;
mod search;
mod serve;
mod serve_train;
mod subwords;
mod tag;
mod training;
