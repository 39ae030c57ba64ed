//! Reads a list page by page.

use crate::answer::{Failure, Page};
use crate::cloud::Addresses;
use crate::token::{Credentials, Tokens};
use crate::transport::{Answer, Transport};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Request, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::time::Duration;
use vestibule_domain::Timestamp;

/// Characters that must be escaped in a query. OData's own signs (`$`, `,`, `'`, `(`, `)`) stay as they are.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'%').add(b'&').add(b'+');

/// A page to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first page of a list.
    First {
        /// The list, with its version: `v1.0/deviceManagement/managedDevices`.
        path: &'static str,
        /// Names and values of its query, not encoded.
        query: Vec<(&'static str, String)>,
    },
    /// The page that the link of the page before leads to.
    Next(String),
}

/// Graph, as one app registration sees it.
#[derive(Clone, Debug)]
pub struct Graph<T> {
    transport: T,
    addresses: Addresses,
    credentials: Credentials,
    tokens: Tokens,
}

impl<T: Transport> Graph<T> {
    /// Graph at these addresses. Clients with the same `tokens` share them.
    pub const fn new(transport: T, addresses: Addresses, credentials: Credentials, tokens: Tokens) -> Self {
        Self { transport, addresses, credentials, tokens }
    }

    /// Asks for a page at `now`; each answer may take as long as `patience`. If the token is refused, it is renewed
    /// once.
    ///
    /// # Errors
    /// The reason why no page was received.
    pub async fn page(&self, target: &Target, now: Timestamp, patience: Duration) -> Result<Page, Failure> {
        let mut answer = self.ask(target, now, patience).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            self.tokens.forget(&self.addresses, &self.credentials);
            answer = self.ask(target, now, patience).await?;
        }
        if answer.status != StatusCode::OK {
            return Err(Failure::of(&answer, now));
        }
        let page: Page = serde_json::from_slice(&answer.body).map_err(|_| Failure::Unreadable)?;
        if page.next.as_ref().is_some_and(|next| !self.addresses.is_graphs(next)) {
            return Err(Failure::ForeignLink);
        }
        Ok(page)
    }

    async fn ask(&self, target: &Target, now: Timestamp, patience: Duration) -> Result<Answer, Failure> {
        let uri = self.uri(target)?;
        let known = (&self.transport, &self.addresses, &self.credentials);
        let bearer = self.tokens.get(known, now, patience).await?;
        let request = Request::get(uri).header(AUTHORIZATION, bearer).header(ACCEPT, "application/json");
        // Only a link that the server wrote can be an invalid address.
        let request = request.body(Bytes::new()).map_err(|_| Failure::ForeignLink)?;
        self.transport.send(request, patience).await.map_err(Failure::Lost)
    }

    fn uri(&self, target: &Target) -> Result<String, Failure> {
        match target {
            Target::Next(link) if self.addresses.is_graphs(link) => Ok(link.clone()),
            Target::Next(_) => Err(Failure::ForeignLink),
            Target::First { path, query } => {
                let pairs = query.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)));
                let query = pairs.collect::<Vec<_>>().join("&");
                let mark = if query.is_empty() { "" } else { "?" };
                Ok(format!("{}/{path}{mark}{query}", self.addresses.graph()))
            }
        }
    }
}
