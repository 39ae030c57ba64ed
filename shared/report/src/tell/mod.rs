//! What a file says in words: its headline, its page, and the diagnosis of a person or a device.

pub mod diagnosis;
pub mod headline;
pub(crate) mod html;
