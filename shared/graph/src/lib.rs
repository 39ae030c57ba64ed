//! A client of Microsoft Graph's lists: tokens, pages, and what an answer means for the next request.
//!
//! It asks with an app registration of the organisation's own (OAuth 2.0 client credentials,
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>) and reads, nothing else. It
//! has no clock: the caller says when it is, and how long an answer may take.
//!
//! Must stay true: a secret or a token goes to the addresses of its cloud alone, and is in no error, log or `Debug` output;
//! what a server writes is never repeated in an error; an answer takes bounded memory.

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
