//! A client of Microsoft Graph's lists: tokens, pages, and what an answer means for the next request.
//!
//! It uses the organisation's own app registration (OAuth 2.0 client credentials,
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>) and only reads. It
//! has no clock: the caller gives the time and how long an answer may take.
//!
//! Must stay true: a secret or a token is sent only to the addresses of its cloud, and is in no error, log or `Debug`
//! output; errors never repeat what a server wrote; an answer takes bounded memory.

mod answer;
mod client;
mod cloud;
mod token;
mod transport;

pub use answer::{Failure, Page};
pub use client::{Graph, Target};
pub use cloud::{Addresses, Cloud, NoAddress};
pub use token::{Credentials, Tokens};
pub use transport::{Answer, Https, Lost, MAX_ANSWER_BYTES, Transport};
