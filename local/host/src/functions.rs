//! Functions as the host sees them: names, and something to call.

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What went wrong in a function.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type OnHttp = dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> + Send + Sync;
type OnEvent = dyn Fn(Value) -> BoxFuture<'static, Result<Value, BoxError>> + Send + Sync;

/// The functions of a deployment, by the names that the template gives them.
#[derive(Clone, Default)]
pub struct Functions {
    http: BTreeMap<String, Arc<OnHttp>>,
    events: BTreeMap<String, Arc<OnEvent>>,
}

impl Functions {
    /// Adds one that serves HTTP.
    #[must_use]
    pub fn with_http<F>(mut self, name: &str, call: impl Fn(http::Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = http::Response<Bytes>> + Send + 'static,
    {
        self.http.insert(name.to_owned(), Arc::new(move |request| Box::pin(call(request))));
        self
    }

    /// Adds one that handles events.
    #[must_use]
    pub fn with_events<F>(mut self, name: &str, call: impl Fn(Value) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Value, BoxError>> + Send + 'static,
    {
        self.events.insert(name.to_owned(), Arc::new(move |event| Box::pin(call(event))));
        self
    }

    /// The HTTP function by that name.
    pub(crate) fn http(&self, name: &str) -> Option<Arc<OnHttp>> {
        self.http.get(name).cloned()
    }

    /// Calls the event function by that name, in a task of its own: should it panic, only this call fails.
    ///
    /// # Errors
    /// What the function returns, that it panicked, or that there is none.
    pub async fn call(&self, name: &str, event: Value) -> Result<Value, BoxError> {
        match self.events.get(name).cloned() {
            Some(function) => tokio::spawn(async move { function(event).await }).await?,
            None => Err(format!("there is no function {name}").into()),
        }
    }
}
