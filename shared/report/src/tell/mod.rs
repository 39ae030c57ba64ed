//! What a file says in words: its page, and the diagnosis of a person or a device.

pub mod diagnosis;
pub(crate) mod html;
