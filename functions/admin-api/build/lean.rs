//! Scripts without the comments that have lines of their own: a seventh of ours, and half of SQLite's.
//!
//! Must stay true: what is left does the same. So nothing is taken out of a template, whose text is the program's, and a
//! script whose templates or comments seem not to end stays as it is. Comments that a licence asks to keep are kept.

/// What a line begins in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Code,
    /// A comment, and whether it is kept.
    Comment(bool),
    Template,
}

struct Scan {
    within: Within,
    /// Braces that are open in each open `${…}`.
    open: Vec<usize>,
}

/// The script without such comments.
pub fn lean(script: &str) -> String {
    let mut scan = Scan { within: Within::Code, open: Vec::new() };
    let mut kept = String::with_capacity(script.len());
    for line in script.lines() {
        if let Some(part) = scan.part(line) {
            kept.push_str(part);
            kept.push('\n');
        }
    }
    if scan.within == Within::Code && scan.open.is_empty() { kept } else { script.to_owned() }
}

impl Scan {
    /// What is kept of a line.
    fn part<'t>(&mut self, line: &'t str) -> Option<&'t str> {
        let code = line.trim_start();
        let (kept, mut rest) = match self.within {
            Within::Code if code.starts_with("//") => return None,
            Within::Code if code.starts_with("/*") => (code.contains("@preserve") || code.contains("@license"), code),
            Within::Comment(kept) => (kept, line),
            _ => {
                self.read(line);
                return Some(line);
            }
        };
        let from = if self.within == Within::Code { 2 } else { 0 };
        match rest.get(from..).and_then(|rest| rest.split_once("*/")) {
            Some((_, after)) => {
                self.within = Within::Code;
                rest = after;
            }
            None => {
                self.within = Within::Comment(kept);
                return kept.then_some(line);
            }
        }
        if rest.trim().is_empty() {
            return kept.then_some(line);
        }
        self.read(rest);
        Some(if kept { line } else { rest })
    }

    /// Reads a line that begins in code or in a template. A text in quotation marks ends with its line.
    fn read(&mut self, line: &str) {
        let mut quoted = None;
        let mut rest = line;
        while let Some(next) = rest.chars().next() {
            let after = &rest[next.len_utf8()..];
            rest = after;
            match (self.within, next) {
                // What is escaped is passed over, in all of these.
                (_, '\\') => rest = after.char_indices().nth(1).map_or("", |(at, _)| &after[at..]),
                (Within::Template, '`') => self.within = Within::Code,
                (Within::Template, '$') if after.starts_with('{') => {
                    self.within = Within::Code;
                    self.open.push(0);
                    rest = &after[1..];
                }
                (Within::Template | Within::Comment(_), _) => {}
                (Within::Code, mark) if quoted == Some(mark) => quoted = None,
                (Within::Code, _) if quoted.is_some() => {}
                (Within::Code, '\'' | '"') => quoted = Some(next),
                (Within::Code, '`') => self.within = Within::Template,
                (Within::Code, '/') if after.starts_with('/') => return,
                (Within::Code, '/') if after.starts_with('*') => match after[1..].split_once("*/") {
                    Some((_, after)) => rest = after,
                    None => {
                        self.within = Within::Comment(true);
                        return;
                    }
                },
                (Within::Code, '{') => self.open.iter_mut().next_back().into_iter().for_each(|open| *open += 1),
                (Within::Code, '}') => match self.open.pop() {
                    Some(0) => self.within = Within::Template,
                    Some(open) => self.open.push(open - 1),
                    None => {}
                },
                (Within::Code, _) => {}
            }
        }
    }
}
