//! Functions as the host sees them: names with something to call.

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A function's error.
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
    /// Adds a function that serves HTTP.
    #[must_use]
    pub fn with_http<F>(mut self, name: &str, call: impl Fn(http::Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = http::Response<Bytes>> + Send + 'static,
    {
        self.http.insert(name.to_owned(), Arc::new(move |request| Box::pin(call(request))));
        self
    }

    /// Adds a function that handles events.
    #[must_use]
    pub fn with_events<F>(mut self, name: &str, call: impl Fn(Value) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Value, BoxError>> + Send + 'static,
    {
        self.events.insert(name.to_owned(), Arc::new(move |event| Box::pin(call(event))));
        self
    }

    /// The HTTP function with this name.
    pub(crate) fn http(&self, name: &str) -> Option<Arc<OnHttp>> {
        self.http.get(name).cloned()
    }

    /// Calls the event function with this name in a task of its own: if it panics, only this call fails.
    ///
    /// # Errors
    /// The function's own error; also if it panicked or does not exist.
    pub async fn call(&self, name: &str, event: Value) -> Result<Value, BoxError> {
        match self.events.get(name).cloned() {
            Some(function) => tokio::spawn(async move { function(event).await }).await?,
            None => Err(format!("there is no function {name}").into()),
        }
    }
}
