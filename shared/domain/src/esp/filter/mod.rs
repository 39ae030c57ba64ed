//! Which devices an Enrollment Status Page profile is for: assignment filter rules as Intune writes them, with the few
//! properties that are known before a device is enrolled.
//!
//! Must stay true: any text gives a filter, or an error that says where and why, never a panic. Length and depth are
//! checked before anything recurses. A filter that is printed and parsed again is the same filter.

use crate::names::names;
use operator::Operator;
use std::fmt;

/// The most characters of a rule, as given and as printed. This also limits the number of its comparisons.
pub const MAX_RULE_LENGTH: usize = 3072;
/// The most levels of parentheses and `not` in a rule.
pub const MAX_RULE_DEPTH: usize = 32;

names! {
    /// The properties that a filter may compare.
    Property {
        /// The device's model.
        Model = "model",
        /// Who made it.
        Manufacturer = "manufacturer",
        /// The operating system's version.
        OsVersion = "osVersion",
        /// The operating system's edition.
        OperatingSystemSku = "operatingSystemSKU",
        /// Whose device it is.
        DeviceOwnership = "deviceOwnership",
        /// The profile it enrolls by.
        EnrollmentProfileName = "enrollmentProfileName",
    }
}

mod parse;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

mod operator {
    use super::names;

    names! {
        /// How a property is compared; the names are without the leading dash.
        Operator {
            /// Is the value, or is not known.
            Eq = "eq",
            /// Not `Eq`.
            Ne = "ne",
            /// Is one of the values.
            In = "in",
            /// Not `In`.
            NotIn = "notIn",
            /// Begins with the value.
            StartsWith = "startsWith",
            /// Has the value in it.
            Contains = "contains",
            /// Not `Contains`.
            NotContains = "notContains",
        }
    }
}

/// A parsed rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Expr);

/// Why a text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {problem}")]
pub struct FilterError {
    /// Where, in characters from 0.
    pub at: usize,
    /// What is wrong, in plain words.
    pub problem: String,
}

/// `All` and `Any` have two parts or more, and no part is of the same kind: `a and (b and c)` and `(a and b) and c` are
/// the same tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expr {
    Compare(Property, Operator, Operand),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operand {
    Null,
    Text(String),
    List(Vec<String>),
}

impl Filter {
    /// Reads a rule.
    pub fn parse(rule: &str) -> Result<Self, FilterError> {
        if rule.chars().nth(MAX_RULE_LENGTH).is_some() {
            return parse::fail(MAX_RULE_LENGTH, format!("a rule has at most {MAX_RULE_LENGTH} characters"));
        }
        let filter = Self(parse::expression(rule)?);
        // A rule that omits dashes and prefixes is longer when printed, and the printed rule must parse again.
        if filter.to_string().chars().count() > MAX_RULE_LENGTH {
            return parse::fail(0, format!("written out in full, the rule has more than {MAX_RULE_LENGTH} characters"));
        }
        Ok(filter)
    }

    /// Whether the rule matches the device whose properties `value` returns.
    pub fn matches<'a>(&self, value: impl Fn(Property) -> Option<&'a str>) -> bool {
        self.0.holds(&value)
    }
}

impl Expr {
    fn all(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| if let Self::All(inner) = part { inner } else { vec![part] });
        Self::joined(flat.collect(), Self::All)
    }

    fn any(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| if let Self::Any(inner) = part { inner } else { vec![part] });
        Self::joined(flat.collect(), Self::Any)
    }

    fn joined(mut parts: Vec<Self>, join: fn(Vec<Self>) -> Self) -> Self {
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => {
                parts.extend(last);
                join(parts)
            }
        }
    }

    fn holds<'a>(&self, value: &impl Fn(Property) -> Option<&'a str>) -> bool {
        match self {
            Self::Compare(property, operator, operand) => {
                let reported = value(*property).map(folded);
                let is = match (operand, reported) {
                    (Operand::Null, reported) => reported.is_none(),
                    (_, None) => false,
                    (Operand::List(list), Some(reported)) => list.iter().any(|one| folded(one) == reported),
                    (Operand::Text(text), Some(reported)) => match operator {
                        Operator::StartsWith => reported.starts_with(&folded(text)),
                        Operator::Contains | Operator::NotContains => reported.contains(&folded(text)),
                        _ => reported == folded(text),
                    },
                };
                is != matches!(operator, Operator::Ne | Operator::NotIn | Operator::NotContains)
            }
            Self::Not(inner) => !inner.holds(value),
            Self::All(parts) => parts.iter().all(|part| part.holds(value)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(value)),
        }
    }
}

/// Character by character, because `str::to_lowercase` writes a sigma by what follows it, so that a beginning would not
/// always match.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Parentheses only where they are needed, so that nothing is nested deeper than in the rule as given.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, join) = match self {
            Self::Compare(property, operator, operand) => return write!(f, "device.{property} -{operator} {operand}"),
            Self::Not(inner) if matches!(**inner, Self::All(_) | Self::Any(_)) => return write!(f, "not ({inner})"),
            Self::Not(inner) => return write!(f, "not {inner}"),
            Self::All(parts) => (parts, " and "),
            Self::Any(parts) => (parts, " or "),
        };
        for (index, part) in parts.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { join })?;
            match part {
                Self::Any(_) => write!(f, "({part})")?,
                _ => part.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &String| {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('`', "\\`");
            format!("\"{escaped}\"")
        };
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(list) => write!(f, "[{}]", list.iter().map(quoted).collect::<Vec<_>>().join(",")),
        }
    }
}
