//! Whether the sender of a request has proven who it is, for whoever counts and logs answers.
//!
//! Must stay true: a request counts as a stranger's until a function found a valid credential, signature or code in it.

use http::Request;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A mark in the extensions of a request. Whoever receives requests puts it there and keeps a clone of it; functions set
/// it. Without it, as on AWS, nobody asks.
#[derive(Clone, Debug, Default)]
pub struct Proven(Arc<AtomicBool>);

impl Proven {
    /// Notes that the sender of this request is known.
    pub fn note<B>(request: &Request<B>) {
        if let Some(proven) = request.extensions().get::<Self>() {
            proven.set();
        }
    }

    /// Sets it.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_sets_what_the_receiver_keeps() {
        let kept = Proven::default();
        let mut request = Request::new(());
        Proven::note(&request);
        request.extensions_mut().insert(kept.clone());
        assert!(!kept.is_set());
        Proven::note(&request);
        assert!(kept.is_set());
    }
}
