//! Whatever a function's policy allows, the function does: a permission that nothing uses is one too many. The other
//! direction, that a policy allows whatever its function does, holds in every test (`Stack`).
//!
//! A call may be allowed by several statements; all of them count as used. What can't be provoked is in `job::UNUSED`, with
//! the reason.

use crate::job::{self, Place};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use vestibule_e2e::{Stack, request};
use vestibule_store::Store;

/// This machine.
struct Here {
    stack: Stack,
    /// The name under which the function runs that pulls.
    puller: &'static str,
}

impl Place for Here {
    fn store(&self) -> &Store {
        &self.stack.store
    }

    fn request(&self, function: &str, method: Method, path: &str) -> RequestBuilder {
        request(method, &self.stack.url(function, path))
    }

    async fn invoke(&self, function: &str, event: &Value) -> Value {
        self.stack.invoke(if function == "graph-pull" { self.puller } else { function }, event).await
    }

    async fn settles<T>(&self, what: &str, found: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..4 {
            self.stack.host.settle(&self.stack.functions(&[("graph-pull", self.puller)])).await.unwrap();
            if let Some(one) = found().await {
                return one;
            }
        }
        panic!("{what}: it does not happen");
    }

    fn reads_graph_at(&mut self, url: &str) {
        self.puller = "another";
        self.stack.add(self.puller, "graph-pull", &[("GRAPH_URL", url), ("GRAPH_LOGIN_URL", url)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_of_every_policy_is_used() {
    let mut here = Here { stack: Stack::start().await, puller: "graph-pull" };
    let tenancy = job::tenant(&here.stack.store).await;
    job::run(&mut here, &tenancy).await;
    job::check(&here.stack.permissions());
}
