//! What operators read of an error: it and its causes in one line, and the name of its kind. And where the log leads from
//! a request to what was published.
//!
//! Must stay true: only what errors say to people is shown, never their form for programmers. That of the SDK's errors
//! has whole answers with headers, and that of others may have what a person or a sender typed.

use std::error::Error;
use std::fmt::{self, Write as _};

/// The target of the log's lines that say which version of which item a request wrote, and what was published of that
/// version. There is one for every write, so they are of the level DEBUG.
pub const CORRELATION: &str = "correlation";

/// The most characters of an error's form for programmers that are looked at for its kind.
const LOOKED_AT: usize = 64;

/// An error and its causes, each once, the outermost first.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The kind of an error, by which errors are grouped: the names of its variants from the outside in, as in
/// `Store.Unavailable`; `Error` if it has none. A type shows them first in its form for programmers; what follows is not
/// looked at.
pub fn kind(error: &(dyn Error + 'static)) -> String {
    let mut form = Beginning(String::new());
    // It ends with an error once it is long enough.
    let _full = write!(form, "{error:?}");
    let mut names: Vec<&str> = Vec::new();
    let mut rest = form.0.as_str();
    loop {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
            break;
        }
        names.push(name);
        match after.strip_prefix('(') {
            Some(inner) => rest = inner,
            None => break,
        }
    }
    if names.is_empty() { "Error".to_owned() } else { names.join(".") }
}

/// The beginning of a text.
struct Beginning(String);

impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LOOKED_AT.saturating_sub(self.0.chars().count());
        self.0.extend(text.chars().take(room));
        if text.chars().count() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Inner {
        Down { who: &'static str },
    }

    #[derive(Debug)]
    enum Outer {
        Table(Inner),
        Plain,
    }

    impl fmt::Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no answer\n  in time")
        }
    }

    impl Error for Inner {}

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the table")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match self {
                Self::Table(inner) => Some(inner),
                Self::Plain => None,
            }
        }
    }

    #[test]
    fn causes_are_one_line_without_what_only_programmers_see() {
        let error = Outer::Table(Inner::Down { who: "zoe@contoso.example" });
        assert_eq!(causes(&error), "the table: no answer in time");
        assert_eq!(kind(&error), "Table.Down");
        assert_eq!((causes(&Outer::Plain), kind(&Outer::Plain)), ("the table".to_owned(), "Plain".to_owned()));
        let Outer::Table(Inner::Down { who }) = error else { return };
        // A text has no kind, whatever it says.
        let text: Box<dyn Error> = who.into();
        assert_eq!(kind(text.as_ref()), "Error");
        let long: Box<dyn Error> = "Long(".repeat(100).into();
        assert_eq!(kind(long.as_ref()), "Error");
    }
}
