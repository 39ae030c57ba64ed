//! Which operation an answer belongs to, for whoever counts and logs answers.
//!
//! Must stay true: a name is one of ours, never a part of a request, so that the number of names is bounded.

use http::Response;

/// The name of an operation, by `operationId` of the API's description where it has one. Whoever answers puts it into the
/// answer's extensions, which no client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation(pub &'static str);

impl Operation {
    /// Nothing is served for the request.
    pub const NONE: Self = Self("none");
    /// A file of the page, or the page.
    pub const PAGE: Self = Self("page");
    /// A browser or a delivery service asks whether it may send a request.
    pub const PREFLIGHT: Self = Self("preflight");
    /// A report file by a signed link.
    pub const FILE: Self = Self("file");
    /// Whether the process answers.
    pub const HEALTHZ: Self = Self("healthz");
    /// Whether everything that the process needs works.
    pub const READYZ: Self = Self("readyz");

    /// The operation of an answer.
    pub fn of<B>(answer: &Response<B>) -> Self {
        answer.extensions().get().copied().unwrap_or(Self::NONE)
    }

    /// The same answer, as that of this operation.
    #[must_use]
    pub fn answered<B>(self, mut answer: Response<B>) -> Response<B> {
        answer.extensions_mut().insert(self);
        answer
    }
}
