//! Checks `docs/SOURCES.md`, the README and the deployment against the list of senders: each sender's facts decide what
//! they must say about it.

use http::StatusCode;
use std::path::Path;
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::{Answer, Clock, Repeats, SENDERS, Sender, SenderTags};

fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join(path);
    std::fs::read_to_string(path).unwrap()
}

fn sources() -> String {
    page("docs/SOURCES.md")
}

/// A header's name as people write it.
fn header(name: &str) -> String {
    let capital = |word: &str| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]);
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}

fn proof(proof: &Proof) -> String {
    match proof {
        Proof::StandardWebhooks => "Standard Webhooks signature".to_owned(),
        Proof::Path => "secret in the path".to_owned(),
        Proof::Basic => "HTTP Basic".to_owned(),
        Proof::Header(name) | Proof::HmacBase64(name) | Proof::HmacHex(name) => format!("`{}`", header(name)),
    }
}

fn answer(answer: Answer) -> String {
    match answer {
        Answer::ByEvent => "202, or what became of each event".to_owned(),
        Answer::WithoutBody => "204, or what became of each event".to_owned(),
        Answer::Always { again } => format!("200; {} for what could not be stored", again.as_u16()),
    }
}

fn repeats(repeats: Repeats) -> String {
    match repeats {
        Repeats::Never => "never".to_owned(),
        Repeats::NotDocumented => "not documented".to_owned(),
        Repeats::At(statuses) => {
            let statuses: Vec<&str> = statuses.iter().map(StatusCode::as_str).collect();
            format!("on {} alone", statuses.join(", "))
        }
        Repeats::UntilAccepted => "until it is accepted".to_owned(),
        Repeats::AsSetUp => "as you set it up".to_owned(),
    }
}

fn tags(tags: SenderTags) -> String {
    match tags {
        SenderTags::Any => "any".to_owned(),
        SenderTags::Keys([]) => "no".to_owned(),
        SenderTags::Keys(keys) => keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "),
    }
}

fn table(head: &str, row: impl Fn(&Sender) -> Vec<String>) -> String {
    let rule = format!("|{}", "---|".repeat(head.matches('|').count() - 1));
    let row = |sender: &&Sender| format!("| `{}` | {} |", sender.name, row(sender).join(" | "));
    let rows: Vec<String> = [head.to_owned(), rule].into_iter().chain(SENDERS.iter().map(row)).collect();
    rows.join("\n") + "\n"
}

#[test]
fn the_tables_say_how_each_sender_posts_and_what_it_reports() {
    let posts = table("| source | proves itself by | is answered | sends again |", |sender| {
        let proofs: Vec<String> = sender.proofs.iter().map(proof).collect();
        vec![proofs.join(", or "), answer(sender.answer), repeats(sender.repeats)]
    });
    let reports = table(
        "| source | starts | steps | stops | failures | ends | compliance | removals | clock | tags |",
        |sender| {
            let all = sender.reports;
            let parts = [all.starts, all.steps, all.stops, all.failures, all.ends, all.compliance, all.removals];
            let clock = match all.clock {
                Clock::Device => "device",
                Clock::Server => "server",
            };
            let facts = parts.map(|part| if part { "yes" } else { "no" }).into_iter().chain([clock]);
            facts.map(str::to_owned).chain([tags(sender.tags)]).collect()
        },
    );
    for table in [posts, reports] {
        assert!(sources().contains(&format!("\n\n{table}\n")), "docs/SOURCES.md must have this table:\n\n{table}");
    }
}

/// Which numbers each sender alone yields (docs/DOMAIN.md, R10); the README shows this on its first screen.
#[test]
fn the_readme_says_which_numbers_each_sender_gives() {
    let head = "| sender | give-ups and times | at which screen | stopped by choice | failures | success rate | compliance | removals |";
    let numbers = table(head, |sender| {
        let all = sender.reports;
        // Success and failure can be distinguished if attempts that lead nowhere are seen, or if ends and failures are.
        let judged = all.starts || (all.ends && all.failures);
        [all.starts, all.steps, all.stops, all.failures, judged, all.compliance, all.removals]
            .map(|can| if can { "yes" } else { "not reported" }.to_owned())
            .to_vec()
    });
    assert!(page("README.md").contains(&format!("\n\n{numbers}\n")), "README.md must have this table:\n\n{numbers}");
}

/// The sentence after the table.
#[test]
fn the_readme_names_the_senders_that_report_no_ends() {
    let without = SENDERS.iter().filter(|sender| !sender.reports.ends);
    let names: Vec<String> = without.map(|sender| format!("`{}`", sender.name)).collect();
    let (last, others) = names.split_last().unwrap();
    let names = format!("{} and {last}", others.join(", "));
    let sentence = format!("All of them except {names} report which devices came under management.");
    let readme = page("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&sentence), "README.md must have this sentence:\n\n{sentence}");
}

/// Whoever looks for a product finds it on the page's first screens, by its name or by that of its source.
#[test]
fn the_page_says_for_every_sender_who_begins_with_it() {
    let text = sources();
    let begin = text.split("\n## Where to begin\n").nth(1).unwrap().split("\n| source |").next().unwrap();
    for sender in SENDERS {
        let is_named = begin.contains(sender.title) || begin.contains(&format!("`{}`", sender.name));
        assert!(is_named, "docs/SOURCES.md, before its tables, does not name {}", sender.title);
    }
}

#[test]
fn each_sender_has_a_section_with_the_settings_that_the_program_prints() {
    let text = sources();
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    for sender in SENDERS {
        let heading = format!("{} (`{}`)\n", sender.title, sender.name);
        let section = sections.iter().find(|section| section.starts_with(&heading));
        let section = section.unwrap_or_else(|| panic!("docs/SOURCES.md must have a section:\n\n## {heading}"));
        let proof = sender.own_proof().unwrap_or(Proof::StandardWebhooks);
        let url = format!("https://HOST{}", sender.path("TENANT", proof, "SECRET"));
        let settings = format!("```\n{}\n```\n", sender.settings(&url, "SECRET"));
        assert!(section.contains(&settings), "docs/SOURCES.md, {}, must have:\n\n{settings}", sender.title);
    }
}

#[test]
fn the_deployment_has_a_route_for_each_address_of_a_sender() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("infra/template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let routes = template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: POST "));
    let routes: Vec<Vec<&str>> = routes.map(|route| route.split('/').collect()).collect();
    for sender in SENDERS {
        for proof in sender.proofs {
            let path = sender.path("contoso", *proof, "secret");
            let fits = |route: &&Vec<&str>| {
                let parts: Vec<&str> = path.split('/').collect();
                let same = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
                route.len() == parts.len() && route.iter().zip(&parts).all(same)
            };
            assert!(routes.iter().any(|route| fits(&route)), "infra/template.yaml has no route for {path}");
        }
    }
}
