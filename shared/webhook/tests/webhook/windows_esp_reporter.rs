//! The reporter script of `windows-esp`. PowerShell is not available here, so this checks what can be checked without
//! it: the promises made to administrators, and that the script writes only what the adapter knows.

use std::collections::BTreeSet;
use vestibule_webhook::proof::SECRET_HEADER;
use vestibule_webhook::sources::windows_esp::{PREFIXES, REPORTER, TRACKED, known_records};

/// The script without its comments and quoted texts (each is `""`), and those texts.
fn code_and_texts() -> (String, Vec<String>) {
    let (mut code, mut texts) = (String::new(), Vec::new());
    let mut rest = REPORTER.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '<' if rest.peek() == Some(&'#') => {
                let mut last = ' ';
                for next in rest.by_ref() {
                    if last == '#' && next == '>' {
                        break;
                    }
                    last = next;
                }
            }
            '#' => while rest.next_if(|next| *next != '\n').is_some() {},
            '`' => drop(rest.next()),
            '\'' | '"' => {
                let mut text = String::new();
                while let Some(next) = rest.next() {
                    if next == char && rest.peek() != Some(&char) {
                        break;
                    }
                    // A doubled quotation mark, or one after a grave accent, is part of the text.
                    if next == char || (next == '`' && char == '"') {
                        rest.next();
                    }
                    text.push(next);
                }
                texts.push(text);
                code.push_str("\"\"");
            }
            other => code.push(other),
        }
    }
    (code, texts)
}

#[test]
fn an_administrator_can_read_it() {
    assert!(REPORTER.is_ascii());
    let lines: Vec<&str> = REPORTER.lines().collect();
    assert!(lines.len() <= 250, "{} lines", lines.len());
    for (number, line) in lines.iter().enumerate() {
        assert!(line.len() <= 145 && !line.contains('\t') && line.trim_end() == *line, "line {}: {line}", number + 1);
    }
}

#[test]
fn it_runs_nothing_that_it_receives_and_shows_no_secret() {
    let (code, texts) = code_and_texts();
    let lower = code.to_lowercase();
    for forbidden in [
        "invoke-expression",
        "iex ",
        "invoke-command",
        "start-process",
        "add-type",
        "downloadstring",
        "downloadfile",
        "write-host",
        "write-output",
        "start-transcript",
        "import-module",
        "install-module",
        "encodedcommand",
        "convertto-securestring",
        "set-executionpolicy",
        "servercertificatevalidationcallback",
        "skipcertificatecheck",
        "[scriptblock]",
        "iwr ",
    ] {
        assert!(!lower.contains(forbidden), "{forbidden}");
    }
    // Every & is a bit operator, so nothing is called by a name made up at run time.
    assert!(!code.contains("& $") && !code.contains("&$") && !code.contains(". $"), "a call by a variable");
    // The secret goes only into the header and into its file.
    let uses: Vec<&str> = REPORTER.lines().filter(|line| line.contains("$Secret")).map(str::trim).collect();
    assert_eq!(uses.len(), 6, "{uses:#?}");
    assert!(uses.iter().all(|line| !line.contains("Write-Log") && !line.contains("Get-Json")), "{uses:#?}");
    assert!(texts.iter().any(|text| text.eq_ignore_ascii_case(SECRET_HEADER)), "the header that the adapter proves");
    // The task's command line has no secret.
    let command = texts.iter().find(|text| text.contains("-NoProfile")).unwrap();
    assert!(command.contains("-Run") && !command.contains("$Secret") && !command.contains("$Url"), "{command}");
}

#[test]
fn its_braces_balance() {
    let (code, _) = code_and_texts();
    let mut open = Vec::new();
    for char in code.chars() {
        match char {
            '{' | '(' | '[' => open.push(char),
            '}' | ')' | ']' => {
                let expected = match char {
                    '}' => '{',
                    ')' => '(',
                    _ => '[',
                };
                assert_eq!(open.pop(), Some(expected), "in {code}");
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn every_record_that_it_looks_for_is_one_that_the_adapter_knows() {
    let (_, texts) = code_and_texts();
    let known: Vec<&str> = known_records().collect();
    let word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut seen = 0;
    for text in &texts {
        for name in text.split(|char| !word(char)) {
            if PREFIXES.contains(&name)
                || !["ESPProgress_", "DevicePrepPage_", "CommercialOOBE_"].iter().any(|one| name.starts_with(one))
            {
                continue;
            }
            // A whole name, or the beginning of names.
            let fits = |known: &&str| if name.ends_with('_') { known.starts_with(name) } else { *known == name };
            assert!(known.iter().any(fits), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
    for prefix in PREFIXES {
        assert!(REPORTER.contains(prefix), "{prefix}");
    }
}

#[test]
fn every_fact_that_it_writes_is_one_that_the_adapter_knows() {
    let (_, texts) = code_and_texts();
    let lists: BTreeSet<&str> =
        texts.iter().map(String::as_str).filter(|text| *text == "Sidecar" || text.starts_with("Expected")).collect();
    assert_eq!(lists, TRACKED.into_iter().collect());
    let line = REPORTER.lines().find(|line| line.contains("foreach ($list in")).unwrap();
    assert!(TRACKED.iter().all(|list| line.contains(list)), "{line}");
    let facts: Vec<&str> = REPORTER.split("$facts[").skip(1).filter_map(|rest| rest.split(']').next()).collect();
    let written: BTreeSet<&str> = facts.into_iter().filter(|fact| *fact != "$name").collect();
    let expected =
        ["\"tracked/device/$list\"", "\"tracked/user/$list\"", "'workloads'", "\"app/$user/$($key.Substring(0, 36))\""];
    assert_eq!(written, expected.into_iter().collect());
}

/// The members of a body by name, and that the lists are joined as the adapter reads them.
#[test]
fn it_writes_the_members_that_the_adapter_reads() {
    for member in [
        "schema",
        "session",
        "sentAt",
        "reporter",
        "device",
        "serialNumber",
        "name",
        "manufacturer",
        "model",
        "osVersion",
        "sku",
        "mdmDeviceId",
        "entraDeviceId",
        "user",
        "principalName",
        "windows",
        "enrolledAt",
        "autopilotProfile",
        "oobeConfig",
        "domainJoinMethod",
        "devicePreparation",
        "firstSync",
        "skipDevice",
        "skipUser",
        "block",
        "timeoutMinutes",
        "parts",
        "startedAt",
        "whiteGlove",
        "id",
        "part",
        "at",
        "event",
        "data",
        "fact",
        "was",
        "is",
        "errorCode",
        "exitCode",
    ] {
        assert!(REPORTER.contains(&format!("{member} = ")), "{member}");
    }
    assert!(REPORTER.contains("event = 62407") && REPORTER.contains("EventID=62407"));
    for kind in ["records", "facts"] {
        assert!(REPORTER.contains(&format!("Get-Bodies $state '{kind}'")), "{kind}");
    }
}
