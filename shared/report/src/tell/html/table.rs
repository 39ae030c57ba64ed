//! Tables: each has a caption, scopes, and a frame of its own that scrolls on a narrow screen.

use super::write::Html;

/// A heading of a column, and whether its cells are numbers.
#[derive(Clone)]
pub(super) enum Head {
    Words(&'static str),
    Numbers(&'static str),
    /// Numbers of this many days.
    Days(&'static str, i32),
}

/// The contents of a cell.
pub(super) enum Cell {
    Words(String),
    /// Words and, smaller, the name by which queries find it.
    Named(String, String),
    /// A number, already in words.
    Number(String),
    /// A number, and its share of the largest of its column.
    Bar(String, f64),
}

/// A row.
pub(super) enum Row {
    /// A heading for the rows after it.
    Group(String),
    Cells(Vec<Cell>),
    /// The sum of the rows before it.
    Sum(Vec<Cell>),
}

/// Writes a table. The first cell of a row is its heading.
pub(super) fn table(h: &mut Html, caption: &'static str, heads: &[Head], rows: Vec<Row>) {
    let frame: [(&'static str, &dyn std::fmt::Display); 4] =
        [("class", &"frame"), ("tabindex", &"0"), ("role", &"region"), ("aria-label", &caption)];
    h.with("div", &frame, |h| {
        h.element("table", |h| {
            h.line("caption", caption);
            h.raw("<thead><tr>");
            for head in heads {
                let class = if matches!(head, Head::Words(_)) { "words" } else { "number" };
                h.with("th", &[("scope", &"col"), ("class", &class)], |h| match head {
                    Head::Words(title) | Head::Numbers(title) => h.text(title),
                    Head::Days(title, days) => h.text(format_args!("{title} {days} days")),
                });
            }
            h.raw("</tr></thead><tbody>");
            for row in rows {
                match row {
                    Row::Group(title) => {
                        h.raw("</tbody><tbody><tr>");
                        let span = [("scope", &"rowgroup" as &dyn std::fmt::Display), ("colspan", &heads.len())];
                        h.with("th", &span, |h| h.text(title));
                        h.raw("</tr>");
                    }
                    Row::Cells(cells) => h.element("tr", |h| write(h, cells)),
                    Row::Sum(cells) => h.with("tr", &[("class", &"sum")], |h| write(h, cells)),
                }
            }
            h.raw("</tbody>");
        });
    });
}

fn write(h: &mut Html, cells: Vec<Cell>) {
    for (at, cell) in cells.into_iter().enumerate() {
        let tag = if at == 0 { "th" } else { "td" };
        let number = matches!(cell, Cell::Number(_) | Cell::Bar(..));
        match (at, number) {
            (0, _) => h.empty(tag, &[("scope", &"row")]),
            (_, true) => h.empty(tag, &[("class", &"number")]),
            (_, false) => h.empty(tag, &[]),
        }
        match cell {
            Cell::Words(text) | Cell::Number(text) => h.text(text),
            Cell::Named(text, name) => {
                h.text(text);
                h.raw(" <code>");
                h.text(name);
                h.raw("</code>");
            }
            Cell::Bar(text, share) => {
                h.text(text);
                let width = format!("width:{:.1}%", share.clamp(0.0, 1.0) * 100.0);
                h.with("span", &[("class", &"bar"), ("aria-hidden", &"true")], |h| {
                    h.with("i", &[("style", &width)], |_| {});
                });
            }
        }
        h.raw(if at == 0 { "</th>" } else { "</td>" });
    }
}
