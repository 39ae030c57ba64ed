//! Rules are written in one place and cited by name (`docs/DOMAIN.md, A4`): each name is given once, and each citation
//! in the repository leads to a rule. The page's lists of types, settings and rows are those of the code. The recipes of
//! `CONTRIBUTING.md` name tests and files that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use vestibule_domain::catalogue::{KnownAction, ROWS, RowEnd};
use vestibule_domain::publication::Transition;
use vestibule_domain::{Cause, Kind, Outcome, Platform, TenantSettings, Wait};

/// The page's name. It is in two parts, since this file is searched too and every mention of the page must cite a rule.
const PAGE: &str = concat!("DOMAIN", ".md");
/// The document behind the rules is not part of the repository, so nothing may cite it. Its name is in two parts for
/// the same reason.
const ELSEWHERE: &str = concat!("SP", "EC");

#[test]
fn each_rule_has_a_name_of_its_own() {
    let page = page();
    let anchors = anchors(&page);
    let names: BTreeSet<&str> = anchors.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), anchors.len(), "a name is given twice");
    assert!(names.len() > 100, "only {} names are found", names.len());
    for (name, after) in &anchors {
        let shown = if is_letter(name) { format!("\n## {name}. ") } else { format!("**{name}.") };
        assert!(after.starts_with(&shown), "the reader does not see the name {name}");
    }
    for pair in anchors.windows(2) {
        let [(before, _), (after, _)] = pair else { continue };
        let number = |name: &str| name[1..].parse::<u32>().unwrap_or(0);
        let follows = is_letter(after) || (before[..1] == after[..1] && number(before) < number(after));
        assert!(follows, "{after} stands after {before}");
    }
}

#[test]
fn each_citation_leads_to_a_rule() {
    let page = page();
    let names: BTreeSet<&str> = anchors(&page).iter().map(|(name, _)| *name).collect();
    let mut wrong = Vec::new();
    let mut cited = 0;
    for (path, text) in sources() {
        let is_prose = path.extension().is_some_and(|extension| extension == "md");
        for (number, line) in (1..).zip(text.lines()) {
            let mut complain = |problem: String| wrong.push(format!("{}:{number}: {problem}", path.display()));
            for after in line.split(PAGE).skip(1) {
                let name = after.strip_prefix(", ").or_else(|| after.strip_prefix('#')).and_then(name_at);
                match name {
                    Some(name) if names.contains(name) => cited += 1,
                    Some(name) => complain(format!("there is no rule {name}")),
                    // A text for people may also name the whole page.
                    None if is_prose && !after.starts_with('#') => {}
                    None => complain(format!("a rule is cited as `docs/{PAGE}, A4`")),
                }
            }
            if words(line).any(|word| word == ELSEWHERE) {
                complain(format!("a rule is cited by {ELSEWHERE}, which is not here"));
            }
        }
    }
    for link in page.split("](#").skip(1) {
        let name = link.split(')').next().unwrap_or_default();
        if !names.contains(name) {
            wrong.push(format!("docs/{PAGE} links to {name}, which is not there"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cited > 20, "only {cited} citations are found");
}

/// Stored events name their kind by its position, so the order counts too.
#[test]
fn the_types_of_events_are_those_of_the_code_in_its_order() {
    let page = page();
    let written: Vec<&str> =
        names_under(&page, "E5").into_iter().filter(|name| name.starts_with("enrollment.")).collect();
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(written, known);
}

#[test]
fn the_settings_are_those_of_the_code() {
    let page = page();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let settings = serde_json::to_value(TenantSettings::default()).unwrap();
    let known: BTreeSet<&str> = settings.as_object().unwrap().keys().map(String::as_str).collect();
    let written: BTreeSet<&str> = names_under(&page, "T1").into_iter().collect();
    assert_eq!(written, known);
    for name in known {
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name the setting {name}");
    }
}

#[test]
fn the_published_events_are_those_of_the_code() {
    let page = page();
    let named = rule(&page, "U1").split('`').skip(1).step_by(2);
    // Names of events begin with a capital, names of outcomes do not.
    let written: BTreeSet<&str> =
        named.filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase())).collect();
    assert_eq!(written, Transition::ALL.iter().map(|kind| kind.name()).collect());
}

#[test]
fn the_outcomes_causes_and_waits_are_those_of_the_code() {
    let page = page();
    let written: Vec<&str> = rule(&page, "A").split('`').skip(1).step_by(2).collect();
    let [outcomes, causes, waits] =
        [names_of(Outcome::ALL, Outcome::name), names_of(Cause::ALL, Cause::name), names_of(Wait::ALL, Wait::name)];
    assert_eq!(written, [outcomes, causes, waits].concat());
}

fn names_of<T: Copy>(list: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    list.iter().map(|one| name(*one)).collect()
}

/// A funnel is in this order.
#[test]
fn the_order_of_steps_is_that_of_the_code() {
    let page = page();
    let steps = rule(&page, "C5").split_once("order of steps:").unwrap().1;
    let written: Vec<&str> = steps.split([',', '.']).map(str::trim).filter(|name| !name.is_empty()).collect();
    let mut known = KnownAction::ALL.to_vec();
    known.sort_by_key(|action| action.step());
    assert_eq!(written, known.iter().map(|action| action.name()).collect::<Vec<_>>());
    assert!((1..).zip(&known).all(|(step, action)| action.step() == step), "steps are counted from 1");
}

#[test]
fn the_rows_are_those_of_the_catalogue() {
    let page = page();
    let written: Vec<&str> =
        rule(&page, "C2").lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row")).collect();
    let rows = ROWS.iter().map(|row| {
        let platform = match [Platform::Ios, Platform::Android].map(|platform| row.on(platform)) {
            [true, true] => "both",
            [true, false] => "ios",
            [false, _] => "android",
        };
        let how = match row.end {
            RowEnd::Chose(action) => action.name(),
            RowEnd::Waited => "> 30 min",
        };
        let (section, action, screen) = (row.action.section(), row.action, row.screen);
        format!("| {} | {section} | {action} | {screen} | {platform} | {how} |", row.number)
    });
    assert_eq!(written, rows.collect::<Vec<_>>());
}

/// A recipe that names what is gone leads nowhere, and so does the name of one of several files, or of a target that
/// tests are not in.
#[test]
fn the_recipes_name_tests_and_files_that_exist() {
    const KINDS: [&str; 9] = [".rs", ".sql", ".js", ".py", ".md", ".yaml", ".json", ".tsv", ".toml"];
    let recipes = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let is_lower = |name: &str| name.starts_with(|first: char| first.is_ascii_lowercase());
    let path_of = |path: &Path| format!("/{}", path.strip_prefix(root()).unwrap().display());
    let sources: Vec<_> = sources().into_iter().map(|(path, text)| (path_of(&path), text)).collect();
    let is_there = |wanted: &str| sources.iter().any(|(path, _)| path == wanted);
    let (mut named, mut wrong, mut folder) = (0, Vec::new(), "");
    for span in recipes.split('`').skip(1).step_by(2).filter(|span| !span.starts_with("sh\n")) {
        let word = span.split_whitespace().last().unwrap_or_default();
        let has_kind = !word.contains("::") && KINDS.iter().any(|kind| word.ends_with(kind));
        if has_kind && let Some((of, _)) = word.rsplit_once('/') {
            folder = of;
        }
        // These stand for a name that the reader chooses.
        if ["NAME", "VIEW", "…"].iter().any(|any| word.contains(any)) {
            continue;
        }
        let (target, is_test) = match span.split_once(": ") {
            Some((target, _)) => (target.split('-').next().unwrap_or(target), word.contains('_')),
            None => ("lib", false),
        };
        let test = word.rsplit_once("::").or_else(|| is_test.then_some(("", word)));
        let is_right = match test {
            Some((module, function)) if is_lower(function) => {
                // A type's name says nothing about its file.
                let first = module.split("::").next().unwrap_or(module);
                let file = if is_lower(first) { first } else { "" };
                let is_of = |text: &str| ["(", "<"].iter().any(|after| text.contains(&format!("fn {function}{after}")));
                sources.iter().any(|(path, text)| path.contains(file) && is_of(text))
            }
            None if has_kind => {
                let ends = sources.iter().filter(|(path, _)| path.ends_with(&format!("/{word}"))).count();
                ends == 1 || is_there(&format!("/{word}")) || is_there(&format!("/{folder}/{word}"))
            }
            _ => continue,
        };
        let files = [format!("/tests/{target}.rs"), format!("/tests/{target}/main.rs")];
        let is_target = ["lib", "vestibule"].contains(&target)
            || sources.iter().any(|(path, _)| files.iter().any(|file| path.ends_with(file)));
        named += 1;
        if !is_right || !is_target {
            wrong.push(span);
        }
    }
    assert!(wrong.is_empty(), "CONTRIBUTING.md names what is not there, or not alone of its name: {wrong:#?}");
    assert!(named > 80, "only {named} names are found");
}

/// The text of a rule.
fn rule<'p>(page: &'p str, wanted: &str) -> &'p str {
    anchors(page).into_iter().find_map(|(name, text)| (name == wanted).then_some(text)).unwrap()
}

/// The names in the first column of a rule's table, in order, without those that are not implemented.
fn names_under<'p>(page: &'p str, wanted: &str) -> Vec<&'p str> {
    let rows = rule(page, wanted).lines().filter(|line| !line.contains("not implemented yet"));
    rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs").join(PAGE)).unwrap()
}

/// The anchors of the page in order, each with the text after it.
fn anchors(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("<a id=\"").skip(1);
    parts.map(|part| part.split_once("\"></a>").unwrap_or_else(|| panic!("no anchor: {part}"))).collect()
}

/// Whether a name is that of a group of rules.
fn is_letter(name: &str) -> bool {
    name.len() == 1
}

/// The name of a rule, or of a group of rules, at the beginning of `text`: a capital, and digits.
fn name_at(text: &str) -> Option<&str> {
    let word = words(text).next()?;
    let number = word.strip_prefix(|first: char| first.is_ascii_uppercase())?;
    (text.starts_with(word) && number.bytes().all(|digit| digit.is_ascii_digit())).then_some(word)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// The repository's texts: all files except what builds and tools produce.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                let is_left = name.starts_with('.') || ["target", "node_modules"].contains(&name.as_str());
                if !is_left {
                    folders.push(entry.path());
                }
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                found.push((entry.path(), text));
            }
        }
    }
    found
}
