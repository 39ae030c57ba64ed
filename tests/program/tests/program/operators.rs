//! The policy that docs/DEPLOY.md gives operators, and its table of which commands need what of it: both have what the
//! commands ask of AWS, and no more. That nothing else is asked holds in every test with a stack (`Stack`).

use crate::page::Page;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::Millis;
use vestibule_permissions::Kms;
use vestibule_program_tests::{Folder, Stack, enrollment, event, now, operators};

/// What only a stack that is named needs; `stack_by_name` asks for it.
const BY_NAME: &str = "Stack";
/// Granted actions that no command asks for here, and why they are granted.
const UNUSED: [(&str, &str, &str); 5] = [
    (
        "Remove",
        "dynamodb:Scan",
        "removes a tenant, which takes minutes: the test of it holds it against the same policy",
    ),
    ("Write", "dynamodb:ConditionCheckItem", "leaves older segments to time-to-live, where a device has any"),
    ("Files", "s3:AbortMultipartUpload", "ends an upload that failed on its way"),
    ("Secrets", "kms:Decrypt", "opens what is sealed, which the test below looks at"),
    ("Secrets", "kms:GenerateDataKey", "seals, which the test below looks at"),
];

/// Commands that also ask the world outside, which is not there in a test of a stack, that take minutes, or that find nothing to
/// do here; and what they need. Their own tests hold them against the same policy, as far as they come.
const ELSEWHERE: [(&str, &[&str]); 6] = [
    ("graph check", &["Read"]),
    ("graph run", &["Read", "Write", "Indexes"]),
    ("notices test", &["Read"]),
    ("secret seal", &["Read", "Write", "Secrets"]),
    ("token end-sessions", &["Read", "Write"]),
    ("tenant remove", &["Read", "Write", "Remove", "Files", "LookAtBucket"]),
];

/// The page's table: statements by command.
pub fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = Page::open("docs/DEPLOY.md").text;
    let (_, table) = page.split_once("| commands | need |\n|---|---|\n").expect("the page has the table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let mut all = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        for command in quoted(cells[0]) {
            assert!(
                all.insert(command.clone(), quoted(cells[1]).into_iter().collect()).is_none(),
                "{command} is there twice"
            );
        }
    }
    all
}

/// A tenant with what commands look at.
async fn contoso(folder: &Folder) -> String {
    let serve = folder.serve();
    let tenant = folder.add_tenant("contoso");
    let data = json!({"device": {"serialNumber": "STACK0001"}, "platform": "ios",
        "user": {"principalName": "ada@contoso.example"}});
    let ago = |minutes| now() - Millis::from_minutes(minutes);
    let events = json!([
        event("a1", "enrollment.started", ago(30), &data),
        enrollment("b1", "enrollment.started", ago(90), "STACK0002"),
    ]);
    serve.sender(&tenant).post(&events).await.ok(202);
    let since = ago(60).to_string();
    assert_eq!(serve.terminate().code(), Some(0));
    since
}

#[tokio::test]
async fn each_command_needs_what_the_guide_says_and_nothing_is_granted_in_vain() {
    let folder = Folder::new();
    let since = contoso(&folder).await;
    let token = folder.json(&["token", "add", "contoso", "--role", "reader"])["id"].as_str().unwrap().to_owned();
    let noted = folder.json(&["annotation", "add", "contoso", "2026-11-15", "Terms of use changed"]);
    let noted = noted["annotation"]["id"].as_str().unwrap().to_owned();
    let file = folder.beside("events.ndjson");
    std::fs::write(&file, format!("{}\n", enrollment("d1", "enrollment.started", now(), "STACK0004"))).unwrap();
    let tags = folder.beside("tags.csv");
    std::fs::write(&tags, "serialNumber,department\nSTACK0001,Sales\n").unwrap();
    let url = ["--url", "https://vestibule.example"];
    let format = vestibule_domain::StoredFormat::NEWEST.number().to_string();
    let serve = folder.serve();
    let documented = documented();
    let (mut needs, mut used) = (BTreeMap::new(), BTreeSet::new());
    let of_graph = ["graph", "add", "contoso", "--directory", "contoso.example", "--client", "client"];
    for arguments in [
        &["tenant", "add", "fabrikam"][..],
        &["tenant", "list"],
        &["tenant", "set", "contoso", "deviceLimit=7"],
        &["token", "add", "contoso"],
        &["token", "list", "contoso"],
        &["token", "link", "contoso", url[0], url[1]],
        &["token", "sessions", "contoso"],
        &["token", "revoke", "contoso", &token],
        &["annotation", "add", "contoso", "2026-11-16", "A letter to all staff"],
        &["annotation", "list", "contoso"],
        &["annotation", "remove", "contoso", &noted],
        &["secret", "rotate", "contoso"],
        &["source", "add", "contoso", "nanomdm", url[0], url[1]],
        &["source", "list", "contoso"],
        &["source", "test", "contoso", "nanomdm"],
        &["source", "remove", "contoso", "nanomdm"],
        &of_graph,
        &["graph", "list", "contoso"],
        &["graph", "set", "contoso", "--with", "mobile-apps"],
        &["graph", "rotate", "contoso"],
        &["graph", "remove", "contoso"],
        &["notices", "add-channel", "contoso", "chat", "--kind", "slack"],
        &["notices", "add-rule", "contoso", "files", "--watch", "file", "--to", "chat"],
        &["notices", "set", "contoso", "--limit", "9"],
        &["notices", "list", "contoso"],
        &["notices", "history", "contoso"],
        &["notices", "mute", "contoso", "files"],
        &["notices", "remove-rule", "contoso", "files"],
        &["notices", "remove-channel", "contoso", "chat"],
        &["format", "show"],
        &["format", "set", &format],
        &["import", "contoso", file.to_str().unwrap()],
        &["tags", "import", "contoso", tags.to_str().unwrap()],
        &["sweep"],
        &["export", "contoso"],
        &["rebuild", "contoso"],
        &["diagnose", "contoso", "--user", "ada@contoso.example"],
        &["export-person", "contoso", "--user", "ada@contoso.example"],
        &["republish", "contoso", "--since", &since],
        &["erase", "contoso", "--user", "ada@contoso.example"],
        &["verify"],
        &["doctor"],
    ] {
        let stack = Stack::of_served(&folder.data());
        match arguments {
            ["graph", "add" | "rotate", ..] => drop(stack.json_with(arguments, "secret\n")),
            ["notices", "add-channel", ..] => drop(stack.json_with(arguments, "https://example.com/x\n")),
            // It may well find something.
            ["doctor"] => drop(stack.run(arguments)),
            _ => drop(stack.json(arguments)),
        }
        // A command of a group has two words.
        let group = arguments.get(..2).map(|words| words.join(" ")).filter(|words| documented.contains_key(words));
        let command = group.unwrap_or_else(|| arguments[0].to_owned());
        let grants = stack.permissions().used;
        let statements: BTreeSet<String> = grants.iter().map(|(statement, _)| statement.clone()).collect();
        needs.insert(command, statements);
        used.extend(grants);
    }
    drop(serve);
    // It flags nothing if the sweep of `serve` was quicker.
    needs.entry("sweep".to_owned()).or_insert_with(BTreeSet::new).insert("Write".to_owned());
    for (command, statements) in ELSEWHERE {
        needs.insert(command.to_owned(), statements.iter().map(|statement| (*statement).to_owned()).collect());
    }
    assert_eq!(documented, needs);
    let named: BTreeSet<(String, String)> =
        UNUSED.iter().map(|(statement, action, _)| ((*statement).to_owned(), (*action).to_owned())).collect();
    let unused: BTreeSet<_> =
        operators().grants().difference(&used).filter(|(statement, _)| statement != BY_NAME).cloned().collect();
    assert_eq!(unused, named, "granted, and asked for by no command");
}

/// Secrets are in clear until they are sealed, and then for those alone who have the key.
#[tokio::test]
async fn secrets_are_sealed_by_a_command_and_opened_by_whoever_has_the_key() {
    let folder = Folder::new();
    contoso(&folder).await;
    let serve = folder.serve();
    let kms = Kms::start();
    let [without, with] = [Stack::of_served(&folder.data()), Stack::of_served(&folder.data()).with_key(&kms)];
    let named = ["notices", "add-channel", "contoso", "chat", "--kind", "slack"];
    without.json_with(&named, "https://example.com/in-clear\n");
    let refused = without.fails(&["secret", "seal"]);
    assert!(refused.contains("--kms-key"), "{refused}");
    assert!(folder.fails(&["secret", "seal"]).contains("a data folder has no key"));

    let sealed = with.json(&["secret", "seal"]);
    assert_eq!(sealed["sealed"], json!([{"tenant": "contoso", "items": 2}]));
    // The services of this machine have no KMS, and `serve` has no key.
    let refused = without.fails(&["secret", "rotate", "contoso"]);
    assert!(refused.contains("KMS, for senders of contoso"), "{refused}");
    let refused = folder.fails(&["secret", "rotate", "contoso"]);
    assert!(refused.contains("the secrets of contoso are sealed"), "{refused}");
    assert_eq!(with.json(&["secret", "rotate", "contoso"])["validSecrets"], 2);
    // With KMS, but not the key's name, it opens and does not seal.
    let opens = Stack::of_served(&folder.data()).with_kms(&kms);
    assert!(opens.json(&["token", "list", "contoso"])["tokens"].is_array());
    assert!(opens.fails(&["secret", "rotate", "contoso"]).contains("--kms-key"));
    // A tenant that is added is sealed from the beginning.
    with.json(&["tenant", "add", "fabrikam"]);
    assert!(folder.fails(&["token", "list", "fabrikam"]).contains("the secrets of fabrikam are sealed"));
    assert!(with.fails(&["secret", "seal", "nobody"]).contains("there is no tenant nobody"));
    let used = with.permissions().used;
    for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
        assert!(used.contains(&("Secrets".to_owned(), action.to_owned())), "{used:?}");
    }
    drop(serve);
}
