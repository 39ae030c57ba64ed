//! Reads members of a JSON object, with errors that name the member.

use serde::Serialize;
use serde_json::{Map, Value};
use vestibule_domain::Identifier;
use vestibule_domain::event::About;
use vestibule_domain::identity::{IdentifierKind, Unfit};

/// What is wrong with one member of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The member's path, as in `data.device.serialNumber`.
    pub field: String,
    /// What is wrong. It never repeats what was sent, except an identifier that names no device.
    pub problem: String,
}

/// Why an event names no device: each value that was sent as an identifier but is not one, under its member. Empty if
/// nothing was sent as an identifier.
pub fn unfit_identifiers(about: &About, member: impl Fn(IdentifierKind) -> String) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = Vec::new();
    for unfit in about.unfit_identifiers().filter(|unfit| unfit.reason != Unfit::Blank) {
        let field = member(unfit.kind);
        // One member may hold identifiers of two kinds.
        if errors.iter().all(|error| error.field != field) {
            errors.push(FieldError { field, problem: unfit.to_string() });
        }
    }
    errors
}

/// Whether a value is valid as an identifier of any kind.
pub(crate) fn is_identifier(value: &str) -> bool {
    Identifier::new(IdentifierKind::EnrollmentId, value).is_some()
}

/// An object being read, and the errors found so far.
pub struct Reader<'a, 'e> {
    path: String,
    map: Option<&'a Map<String, Value>>,
    errors: &'e mut Vec<FieldError>,
}

impl<'a, 'e> Reader<'a, 'e> {
    /// Reads `map`, whose own path is `path` (empty for the event itself).
    pub fn new(path: &str, map: &'a Map<String, Value>, errors: &'e mut Vec<FieldError>) -> Self {
        Self { path: path.to_owned(), map: Some(map), errors }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes why an event names no device: each invalid identifier by its member of this object; if there is none,
    /// `otherwise` in the member `name`.
    pub fn refuse_unnamed(
        &mut self,
        about: &About,
        member: impl Fn(IdentifierKind) -> &'static str,
        (name, otherwise): (&str, &str),
    ) {
        let unfit = unfit_identifiers(about, |kind| self.path_of(member(kind)));
        if unfit.is_empty() {
            self.refuse(name, otherwise);
        }
        self.errors.extend(unfit);
    }

    /// Notes an error in the member `name`.
    pub fn refuse(&mut self, name: &str, problem: impl Into<String>) {
        let field = self.path_of(name);
        self.errors.push(FieldError { field, problem: problem.into() });
    }

    /// The member, unless it is absent or null.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.and_then(|map| map.get(name)).filter(|value| !value.is_null())
    }

    /// An optional object; if it is missing, a reader of an empty one.
    pub fn object(&mut self, name: &str) -> Reader<'a, '_> {
        let path = self.path_of(name);
        let map = match self.value(name) {
            None => None,
            Some(Value::Object(map)) => Some(map),
            Some(_) => {
                self.refuse(name, "must be an object");
                None
            }
        };
        Reader { path, map, errors: self.errors }
    }

    /// An entry of a list, which must be an object; `name` is its path relative to this object.
    pub fn entry(&mut self, name: &str, value: &'a Value) -> Reader<'a, '_> {
        if !value.is_object() {
            self.refuse(name, "must be an object");
        }
        Reader { path: self.path_of(name), map: value.as_object(), errors: self.errors }
    }

    /// An optional list of at most `most` entries.
    pub fn list(&mut self, name: &str, most: usize) -> &'a [Value] {
        match self.value(name) {
            None => &[],
            Some(Value::Array(list)) if list.len() <= most => list,
            Some(Value::Array(_)) => {
                self.refuse(name, format!("must have at most {most} entries"));
                &[]
            }
            Some(_) => {
                self.refuse(name, "must be a list");
                &[]
            }
        }
    }

    /// An optional text of at most `most` characters. A blank one counts as missing.
    pub fn text(&mut self, name: &str, most: usize) -> Option<String> {
        match self.value(name)? {
            Value::String(text) if text.chars().count() > most => {
                self.refuse(name, format!("must have at most {most} characters"));
                None
            }
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            _ => {
                self.refuse(name, "must be a string");
                None
            }
        }
    }

    /// An optional error code: a text, or a number, as some senders write it.
    pub fn code(&mut self, name: &str) -> Option<String> {
        match self.value(name) {
            Some(Value::Number(number)) => number.as_i64().map(|number| number.to_string()),
            _ => self.text(name, vestibule_domain::event::MAX_TEXT_CHARS),
        }
    }

    /// A required text that must not be empty.
    pub fn required_text(&mut self, name: &str, most: usize) -> Option<String> {
        let before = self.errors.len();
        let text = self.text(name, most);
        if text.is_none() && self.errors.len() == before {
            self.refuse(name, "is required");
        }
        text
    }

    /// An optional boolean.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(value) => Some(*value),
            _ => {
                self.refuse(name, "must be true or false");
                None
            }
        }
    }

    /// An optional text that `read` must recognise.
    pub fn one_of<T>(&mut self, name: &str, names: &str, read: impl Fn(&str) -> Option<T>) -> Option<(T, String)> {
        let text = self.text(name, vestibule_domain::event::MAX_TEXT_CHARS)?;
        let value = read(text.trim());
        if value.is_none() {
            self.refuse(name, format!("must be one of {names}"));
        }
        value.map(|value| (value, text))
    }
}

/// A list of names for an error message.
pub fn list_names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ")
}
