//! Parses a rule's text into its tree.

use super::{Expr, FilterError, MAX_RULE_DEPTH, Operand, Operator, Property};
use std::iter::Peekable;

/// Reads a whole rule.
pub(super) fn expression(rule: &str) -> Result<Expr, FilterError> {
    let tokens = tokens(rule)?;
    if tokens.is_empty() {
        return fail(0, "the rule is empty");
    }
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), end: rule.chars().count() };
    let expression = parser.any(0)?;
    if parser.tokens.peek().is_some() {
        return parser.otherwise("`and`, `or` or the end of the rule");
    }
    Ok(expression)
}

pub(super) fn fail<T>(at: usize, problem: impl Into<String>) -> Result<T, FilterError> {
    Err(FilterError { at, problem: problem.into() })
}

#[derive(Clone, PartialEq)]
enum Token {
    /// A parenthesis, bracket or comma.
    Mark(char),
    /// A property, an operator or `null`.
    Word(String),
    /// The text between quotes.
    Text(String),
}

/// A backslash or backtick before a quote, a backslash or a backtick is omitted; elsewhere it is an ordinary character.
fn tokens(rule: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    let mut tokens = Vec::new();
    let mut chars = rule.chars().enumerate().peekable();
    while let Some((at, first)) = chars.next() {
        let token = match first {
            _ if first.is_whitespace() => continue,
            '(' | ')' | '[' | ']' | ',' => Token::Mark(first),
            '"' | '\'' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        None => return fail(at, "the quote that begins here does not end"),
                        Some((_, one)) if one == first => break Token::Text(text),
                        Some((_, one @ ('\\' | '`'))) => {
                            let escaped = chars.next_if(|(_, next)| matches!(next, '"' | '\'' | '\\' | '`'));
                            text.push(escaped.map_or(one, |(_, escaped)| escaped));
                        }
                        Some((_, one)) => text.push(one),
                    }
                }
            }
            _ => {
                let ends = |next: char| next.is_whitespace() || "()[],\"'".contains(next);
                let mut word = String::from(first);
                while let Some((_, next)) = chars.next_if(|(_, next)| !ends(*next)) {
                    word.push(next);
                }
                Token::Word(word)
            }
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

/// One method per level of precedence, loosest first.
struct Parser {
    tokens: Peekable<std::vec::IntoIter<(usize, Token)>>,
    end: usize,
}

impl Parser {
    fn any(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(Expr::any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut parts = vec![self.one(depth)?];
        while self.keyword("and") {
            parts.push(self.one(depth)?);
        }
        Ok(Expr::all(parts))
    }

    fn one(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let at = self.at();
        let negated = self.keyword("not");
        if !negated && !self.mark('(') {
            return self.comparison();
        }
        if depth == MAX_RULE_DEPTH {
            return fail(at, format!("parentheses and `not` go at most {MAX_RULE_DEPTH} levels deep"));
        }
        if negated {
            return Ok(Expr::Not(Box::new(self.one(depth + 1)?)));
        }
        let inner = self.any(depth + 1)?;
        if self.mark(')') { Ok(inner) } else { self.otherwise("`and`, `or` or `)`") }
    }

    fn comparison(&mut self) -> Result<Expr, FilterError> {
        let Some((at, word)) = self.word() else { return self.otherwise("a property such as `device.model`") };
        let name = match word.split_at_checked("device.".len()) {
            Some((prefix, name)) if prefix.eq_ignore_ascii_case("device.") => name,
            _ => &word,
        };
        let Some(property) = Property::read(name) else {
            let known: Vec<_> = Property::ALL.iter().map(|one| one.name()).collect();
            return fail(at, format!("`{word}` can't be used here; the properties are {}", known.join(", ")));
        };
        let Some((at, word)) = self.word() else { return self.otherwise("an operator such as `-eq`") };
        let Some(operator) = Operator::read(undashed(&word)) else {
            let known: Vec<_> = Operator::ALL.iter().map(|one| format!("-{one}")).collect();
            return fail(at, format!("`{word}` is not an operator; the operators are {}", known.join(", ")));
        };
        let at = self.at();
        let operand = self.operand()?;
        let (fits, wanted) = match operator {
            Operator::Eq | Operator::Ne => (!matches!(operand, Operand::List(_)), "one value in quotes, or null"),
            Operator::In | Operator::NotIn => (matches!(operand, Operand::List(_)), "a list such as [\"a\",\"b\"]"),
            _ => (matches!(operand, Operand::Text(_)), "one value in quotes"),
        };
        if !fits {
            return fail(at, format!("-{operator} takes {wanted}"));
        }
        Ok(Expr::Compare(property, operator, operand))
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        let is_null = |word: &str| word.eq_ignore_ascii_case("null") || word.eq_ignore_ascii_case("$null");
        if self.tokens.next_if(|(_, token)| matches!(token, Token::Word(word) if is_null(word))).is_some() {
            return Ok(Operand::Null);
        }
        if !self.mark('[') {
            return self.text().map(Operand::Text);
        }
        let mut list = vec![self.text()?];
        while self.mark(',') {
            list.push(self.text()?);
        }
        if self.mark(']') { Ok(Operand::List(list)) } else { self.otherwise("`,` or `]`") }
    }

    fn text(&mut self) -> Result<String, FilterError> {
        match self.tokens.next_if(|(_, token)| matches!(token, Token::Text(_))) {
            Some((_, Token::Text(text))) => Ok(text),
            _ => self.otherwise("a value in quotes"),
        }
    }

    fn word(&mut self) -> Option<(usize, String)> {
        match self.tokens.next_if(|(_, token)| matches!(token, Token::Word(_))) {
            Some((at, Token::Word(word))) => Some((at, word)),
            _ => None,
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let is = |token: &Token| matches!(token, Token::Word(word) if undashed(word).eq_ignore_ascii_case(keyword));
        self.tokens.next_if(|(_, token)| is(token)).is_some()
    }

    fn mark(&mut self, mark: char) -> bool {
        self.tokens.next_if(|(_, token)| *token == Token::Mark(mark)).is_some()
    }

    fn at(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |(at, _)| *at)
    }

    fn otherwise<T>(&mut self, wanted: &str) -> Result<T, FilterError> {
        let found = match self.tokens.peek() {
            None => "the end of the rule".to_owned(),
            Some((_, Token::Mark(mark))) => format!("`{mark}`"),
            Some((_, Token::Word(word))) => format!("`{word}`"),
            Some((_, Token::Text(text))) => format!("the value \"{text}\""),
        };
        fail(self.at(), format!("expected {wanted}, found {found}"))
    }
}

fn undashed(word: &str) -> &str {
    word.strip_prefix('-').unwrap_or(word)
}
