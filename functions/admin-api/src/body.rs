//! Reads the members of a body, with errors that name them. A member that is not known is refused, since ignoring a
//! misspelt one would do something else than was asked for.

use crate::Call;
use crate::query::invalid;
use serde_json::{Map, Value};
use vestibule_platform::Problem;

/// An object with known members only.
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// The body of a call.
    ///
    /// # Errors
    /// If it is not an object, or has a member besides `known`.
    pub(crate) fn read(call: &Call, known: &[&str]) -> Result<Self, Problem> {
        let body: Value = serde_json::from_slice(call.request.body())
            .map_err(|_| Problem::bad_request().detail("The body is not JSON."))?;
        let Value::Object(members) = body else { return Err(invalid("body", "must be an object")) };
        if members.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(invalid("body", &format!("has a member that is none of {}", known.join(", "))));
        }
        Ok(Self(members))
    }

    /// A member, if it is there.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text, if it is there.
    ///
    /// # Errors
    /// If it is something else.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name, "must be a text")),
        }
    }

    /// A text of one line, without blanks around it, if it is there.
    ///
    /// # Errors
    /// If it is something else, empty, or longer than `most` characters.
    pub(crate) fn line(&self, name: &str, most: usize) -> Result<Option<String>, Problem> {
        let Some(text) = self.text(name)?.map(str::trim) else { return Ok(None) };
        if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
            return Err(invalid(name, &format!("must be one line of 1 to {most} characters")));
        }
        Ok(Some(text.to_owned()))
    }
}
