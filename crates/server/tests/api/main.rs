//! What programs ask of any run, of a real server on real runs.

mod common;
mod data;
mod described;
mod generate;
mod inspect;
mod look;
mod music;
mod pages;
mod predict;
mod studio;
mod train;
