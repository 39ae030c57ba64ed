//! One page of a listing: keys in order, common prefixes, and the token by which the next page continues.
//!
//! Must stay true: the pages of a listing together have every key once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::{S3Result, s3_error};

use super::super::format::{Header, hex};

/// The position that a listing has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// This key and all before it are done.
    Key(String),
    /// All keys with this common prefix, and all before them, are done.
    Prefix(String),
}

impl Position {
    pub(super) fn to_token(&self) -> String {
        let (kind, text) = match self {
            Self::Key(key) => ('k', key),
            Self::Prefix(prefix) => ('p', prefix),
        };
        URL_SAFE_NO_PAD.encode(format!("{kind}{text}"))
    }

    pub(super) fn parse(token: &str) -> S3Result<Self> {
        let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.unwrap_or_default();
        if let Some(key) = text.strip_prefix('k') {
            Ok(Self::Key(key.to_owned()))
        } else if let Some(prefix) = text.strip_prefix('p') {
            Ok(Self::Prefix(prefix.to_owned()))
        } else {
            Err(s3_error!(InvalidArgument, "the continuation token is not one of ours"))
        }
    }

    fn covers(&self, key: &str) -> bool {
        match self {
            Self::Key(last) => key <= last.as_str(),
            Self::Prefix(last) => key <= last.as_str() || key.starts_with(last.as_str()),
        }
    }
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Header>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page continues, if there is one.
    pub(super) next: Option<Position>,
}

impl Page {
    /// Takes the headers in the order of their keys.
    pub(super) fn of(
        found: impl Iterator<Item = Header>,
        prefix: &str,
        delimiter: Option<&str>,
        from: Option<&Position>,
        max: i32,
    ) -> Self {
        let max = usize::try_from(max).unwrap_or(0);
        let mut page = Self::default();
        if max == 0 {
            return page;
        }
        let mut at: Option<Position> = None;
        for header in found.skip_while(|header| from.is_some_and(|from| from.covers(&header.key))) {
            if at.as_ref().is_some_and(|at| at.covers(&header.key)) {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == max {
                page.next = at;
                break;
            }
            let rest = header.key.get(prefix.len()..).unwrap_or_default();
            let common = delimiter.and_then(|d| {
                let end = rest.find(d)? + d.len();
                header.key.get(..prefix.len() + end).map(str::to_owned)
            });
            if let Some(common) = common {
                at = Some(Position::Prefix(common.clone()));
                page.prefixes.push(common);
            } else {
                at = Some(Position::Key(header.key.clone()));
                page.objects.push(header);
            }
        }
        page
    }
}

/// Encodes keys as S3 does if a listing asks for it, for characters that XML cannot carry.
pub(super) fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex(&[byte]).to_ascii_uppercase());
        }
        out
    })
}
