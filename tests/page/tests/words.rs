//! No surface has words of its own for a name that the lexicon has.
//!
//! What must stay true: this reads sources. A text that a list has for a name may stand in none of them, and no table may
//! pair a name with other words. What Windows itself shows the user of a device is Windows' own to word (`seen.rs`).
#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use vestibule_test_tools::workspace;
use vestibule_words::{LEXICON, List};

/// Where people read: the page, the mailed page and diagnostics, the terminal, the device's page.
const SURFACES: [&str; 8] = [
    "functions/admin-api/web/assets/words",
    "functions/admin-api/web/assets/shell",
    "functions/admin-api/web/assets/kit",
    "functions/admin-api/web/assets/file",
    "functions/admin-api/web/assets/views",
    "shared/report/src",
    "local/vestibule/src",
    "functions/admin-api/src",
];
const NOT_OURS: &str = "seen.rs";
/// Lists whose words are said in other meanings too: on buttons, in headings.
const COMMON: [List; 4] = [List::Term, List::EspAction, List::PulledList, List::SectionShort];
/// The name of what a section, a view and a chapter are about.
const PROPER: [&str; 1] = ["Enrollment Status Page"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|one| one == "js" || one == "rs") && !path.ends_with(NOT_OURS) {
            found.push(path);
        }
    }
}

/// The texts in quotes of a line of code, and what stands between each and the one before.
fn texts(line: &str) -> Vec<(&str, &str)> {
    let (mut found, mut rest) = (Vec::new(), line);
    while let Some(start) = rest.find(['"', '\'', '`']) {
        let quote = rest.get(start..=start).unwrap();
        let (before, inside) = (rest.get(..start).unwrap(), rest.get(start + 1..).unwrap());
        let Some(end) = inside.find(quote) else { break };
        found.push((before, inside.get(..end).unwrap()));
        rest = inside.get(end + 1..).unwrap();
    }
    found
}

#[test]
fn no_surface_has_words_of_its_own() {
    let lists: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(LEXICON).unwrap();
    let common: Vec<&str> = COMMON.iter().map(|list| list.key()).collect();
    let own = || lists.iter().filter(|(list, _)| !common.contains(&list.as_str())).flat_map(|(_, names)| names);
    // A single word is no name of anything yet.
    let words: BTreeSet<&str> = own().map(|(_, words)| words.as_str()).filter(|words| words.contains(' ')).collect();
    let names: BTreeMap<&str, &str> = own().map(|(name, words)| (name.as_str(), words.as_str())).collect();

    let mut files = Vec::new();
    for folder in SURFACES {
        sources(&workspace().join(folder), &mut files);
    }
    assert!(files.len() > 100, "{}", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // Tests of a module say what comes out.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in (1..).zip(code.lines()) {
            if line.trim_start().starts_with(['/', '*']) {
                continue;
            }
            let texts = texts(line);
            let place = format!("{}:{number}", file.strip_prefix(workspace()).unwrap().display());
            for (at, (before, text)) in texts.iter().enumerate() {
                if words.contains(text) && !PROPER.contains(text) {
                    found.push(format!("{place}: {text:?} is the lexicon's"));
                }
                // `name: 'Words'` and `"name" => "Words"`.
                let named = match before.trim().strip_suffix("=>") {
                    Some("") => at.checked_sub(1).and_then(|at| texts.get(at)).map(|(_, name)| *name),
                    Some(_) => None,
                    None => before.trim_end().strip_suffix(':').and_then(|key| {
                        key.rsplit(|c: char| !c.is_alphanumeric()).next().filter(|key| !key.is_empty())
                    }),
                };
                if let Some(words) = named.and_then(|name| names.get(name))
                    && words == text
                {
                    found.push(format!("{place}: {text:?} is the lexicon's"));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
