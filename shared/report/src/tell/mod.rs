//! What is said in words: the page of a file, and diagnostics of a person or a device.

pub mod diagnosis;
pub(crate) mod html;
