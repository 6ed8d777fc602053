//! Pages in HTML that show what a model does: one file each, which needs no network and no other file.
//!
//! [`Page`] is the frame (head, style, script, sections) and [`chart`] what can be drawn on it.

pub mod chart;
mod frame;
pub mod html;
mod lecture;
mod script;

pub use frame::Page;
pub use lecture::lecture;
