//! A signal to stop, which loops check where stopping costs nothing: between two calls of a function, not during one.

use std::time::Duration;
use tokio::sync::watch;

/// Shows when to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Option<watch::Receiver<bool>>);

impl Stop {
    /// A signal, and the sender that sets it; dropping the sender also sets it.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(Some(receiver)))
    }

    /// A signal that is never set.
    pub(crate) fn never() -> Self {
        Self(None)
    }

    /// Whether it is set.
    pub(crate) fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|receiver| *receiver.borrow() || receiver.has_changed().is_err())
    }

    /// Waits until it is set.
    pub(crate) async fn wait(&self) {
        match self.0.clone() {
            Some(mut receiver) => {
                let _gone = receiver.wait_for(|stop| *stop).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Waits this long, or until it is set.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let _set = tokio::time::timeout(duration, self.wait()).await;
    }
}
