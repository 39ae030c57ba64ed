//! The messages of an import about refused lines: each problem once, with the first line that has it, and a count of
//! the others. So a file with the same mistake in every line does not print a message for each.

use std::fmt::Write as _;
use vestibule_webhook::FieldError;

/// Most lines that are named, and most problems.
const MOST_NAMED: usize = 10;

/// The problems of the refused lines.
#[derive(Debug, Default)]
pub struct Refused {
    problems: Vec<Problem>,
    /// Lines named so far.
    named: usize,
    /// Lines of problems that are not named.
    others: u64,
}

#[derive(Debug)]
struct Problem {
    text: String,
    first: u64,
    /// Further lines that have it, as far as they are named.
    lines: Vec<u64>,
    /// All further lines that have it.
    more: u64,
}

impl Refused {
    /// Records a refused line and returns the message to show for it now, if any.
    pub fn take(&mut self, line: u64, errors: &[FieldError]) -> Option<String> {
        let said = |error: &FieldError| format!("{} {}", error.field, error.problem).trim_start().to_owned();
        let text = errors.iter().map(said).collect::<Vec<_>>().join("; ");
        let may_name = self.named < MOST_NAMED;
        if let Some(known) = self.problems.iter_mut().find(|known| known.text == text) {
            known.more += 1;
            if may_name {
                known.lines.push(line);
                self.named += 1;
            }
            return None;
        }
        if !may_name {
            self.others += 1;
            return None;
        }
        self.named += 1;
        let shown = format!("line {line}: {text}");
        self.problems.push(Problem { text, first: line, lines: Vec::new(), more: 0 });
        Some(shown)
    }

    /// The messages to show at the end.
    pub fn rest(&self) -> Vec<String> {
        let mut rest = Vec::new();
        for Problem { first, lines, more, .. } in self.problems.iter().filter(|problem| problem.more > 0) {
            let mut said = format!("the same as of line {first} of {more} more");
            if !lines.is_empty() {
                let named: Vec<String> = lines.iter().map(u64::to_string).collect();
                let _infallible = write!(said, ": {}", named.join(", "));
                if *more > lines.len() as u64 {
                    said.push_str(" and so on");
                }
            }
            rest.push(said);
        }
        if self.others > 0 {
            rest.push(format!("and {} more refused for other reasons", self.others));
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(field: &str, problem: &str) -> Vec<FieldError> {
        vec![FieldError { field: field.to_owned(), problem: problem.to_owned() }]
    }

    #[test]
    fn a_problem_is_shown_once_and_ten_lines_are_named() {
        let mut refused = Refused::default();
        assert_eq!(
            refused.take(1, &error("", "the line is not JSON")).as_deref(),
            Some("line 1: the line is not JSON")
        );
        assert_eq!(refused.take(2, &error("time", "is wrong")).as_deref(), Some("line 2: time is wrong"));
        for line in 3..100 {
            assert_eq!(refused.take(line, &error("", "the line is not JSON")), None);
        }
        assert_eq!(refused.take(100, &error("id", "is required")), None);
        let rest = refused.rest();
        let expected = "the same as of line 1 of 97 more: 3, 4, 5, 6, 7, 8, 9, 10 and so on";
        assert_eq!(rest, [expected, "and 1 more refused for other reasons"]);
    }
}
