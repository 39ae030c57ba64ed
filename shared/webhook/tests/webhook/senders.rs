//! Every sender of the list: its facts are consistent, and its samples become what its module states.

use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use vestibule_domain::esp::EspDetail;
use vestibule_domain::event::{Body, Kind, MAX_TEXT_CHARS};
use vestibule_domain::{TagKeys, Timestamp};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::{Answer, Becomes, COMPLETES, Repeats, SENDERS, Sample, Sender, SenderTags};
use vestibule_webhook::{BodyError, MAX_BODY_BYTES};

/// Shortly after everything in the samples.
const NOW: &str = "2026-11-26T00:00:00Z";

fn read(sender: &Sender, body: &[u8]) -> Result<Batch, BodyError> {
    (sender.read)(body, &HeaderMap::new(), sender.received(Timestamp::parse(NOW).unwrap(), false))
}

/// Every sample with its sender and its events, without compliance that an adapter assumes.
fn samples() -> impl Iterator<Item = (&'static Sender, &'static Sample, Vec<Parsed>)> {
    let all = SENDERS.iter().flat_map(|sender| sender.samples.iter().map(move |sample| (*sender, sample)));
    all.map(|(sender, sample)| {
        let batch = read(sender, sample.body);
        let mut events = batch.unwrap_or_else(|error| panic!("{}: {error}", sample.file)).events;
        events.retain(|parsed| !is_assumed(parsed));
        (sender, sample, events)
    })
}

fn is_assumed(parsed: &Parsed) -> bool {
    matches!(parsed, Parsed::Event(event) if event.step().is_some_and(|step| step.said.assumed))
}

fn becomes(parsed: &Parsed) -> Becomes {
    match parsed {
        Parsed::Event(event) => match &event.body {
            Body::Enrollment(step) => Becomes::Event(step.kind),
            Body::Esp(_) => Becomes::Esp,
        },
        Parsed::SignIn { read, .. } if read.sign_in.is_some() => Becomes::SignIn,
        Parsed::SignIn { .. } | Parsed::UnknownType { .. } => Becomes::Ignored,
        Parsed::Invalid { .. } => Becomes::Refused,
    }
}

/// The modules of `sources`, each with its name and its text.
fn modules() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sources");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let modules = entries.filter_map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file = if path.is_dir() { path.join("mod.rs") } else { path };
        Some((name, std::fs::read_to_string(file).ok()?))
    });
    modules.collect()
}

#[test]
fn every_module_of_a_sender_is_in_the_list() {
    let stated: BTreeSet<String> = modules()
        .into_iter()
        .filter(|(_, text)| text.contains("SENDER: Sender"))
        .map(|(name, _)| name.replace('_', "-"))
        .collect();
    let listed: BTreeSet<String> = SENDERS.iter().map(|sender| sender.name.to_owned()).collect();
    assert_eq!(stated, listed);
    assert_eq!(listed.len(), SENDERS.len(), "a sender is listed twice");
}

/// The samples are what a vendor documents. What else a body may hold is a sender's own, unless it reads our form.
#[test]
fn every_sender_with_a_form_of_its_own_has_a_file_of_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webhook");
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.file_name().to_string_lossy().starts_with("sources_"));
    let tests: String = files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    let words: BTreeSet<&str> = tests.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    let own = modules();
    let own = own.iter().filter(|(_, text)| text.contains("SENDER: Sender") && !text.contains("native::read"));
    let lacking: Vec<_> = own.map(|(name, _)| name).filter(|name| !words.contains(name.as_str())).collect();
    assert!(lacking.is_empty(), "in no file tests/webhook/sources_….rs: {lacking:?}");
}

#[test]
fn every_sample_belongs_to_a_sender_or_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("tests/webhook")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.map(|path| if path.is_dir() { path.join("mod.rs") } else { path });
    let tests: String = files.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let stated: BTreeSet<&str> = SENDERS.iter().flat_map(|sender| sender.samples).map(|sample| sample.file).collect();
    for entry in std::fs::read_dir(root.join("src/sources/samples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(stated.contains(name.as_str()) || tests.contains(&name), "nobody reads {name}");
    }
}

#[test]
fn the_facts_of_a_sender_are_consistent() {
    let mut sources = BTreeSet::new();
    for sender in SENDERS {
        let name = sender.name;
        assert!(name.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())));
        assert!(!sender.title.is_empty(), "{name}");
        assert!(!sender.proofs.is_empty(), "{name}: no proof is listed");
        for (at, proof) in sender.proofs.iter().enumerate() {
            assert!(!sender.proofs[..at].contains(proof), "{name}: {proof:?} twice");
            if let Proof::Header(header) | Proof::HmacBase64(header) | Proof::HmacHex(header) = proof {
                assert_eq!(*header, header.to_ascii_lowercase(), "{name}: names of headers are in lower case");
            }
        }
        if let Some(source) = sender.source {
            assert!(sources.insert(source), "{name}: {source} is another's source, too");
        }
        // If a product repeats anything, it must repeat an event that we could not store.
        match (sender.repeats, sender.answer) {
            (Repeats::At(statuses), Answer::Always { again }) => assert!(statuses.contains(&again), "{name}"),
            (Repeats::At(statuses), Answer::ByEvent) => {
                assert!(statuses.contains(&StatusCode::SERVICE_UNAVAILABLE), "{name}");
            }
            _ => {}
        }
        let reports = sender.reports;
        assert!(reports.kinds().next().is_some() || !sender.besides.is_empty(), "{name} makes no event");
        for kind in sender.besides {
            let is_step = reports.steps && *kind == Kind::StepCompleted;
            let is_reported = is_step || reports.kinds().any(|reported| reported == *kind);
            assert!(!is_reported, "{name} reports {kind:?} already");
        }
    }
}

#[test]
fn settings_name_the_address_and_any_separate_secret() {
    for sender in SENDERS {
        let settings = sender.settings("https://HOST/x", "SECRET");
        assert!(settings.contains("https://HOST/x"), "{}: {settings}", sender.name);
        let is_apart = !matches!(sender.own_proof(), None | Some(Proof::Path));
        assert_eq!(settings.contains("SECRET"), is_apart, "{}: {settings}", sender.name);
        // A script has braces of its own, but none of our placeholders between them.
        let is_word =
            |rest: &str| rest.split_once('}').is_some_and(|(word, _)| word.bytes().all(|one| one.is_ascii_lowercase()));
        assert!(!settings.split('{').skip(1).any(is_word), "{}: {settings}", sender.name);
    }
}

#[test]
fn samples_become_what_their_sender_states() {
    for (sender, sample, parsed) in samples() {
        let stated: BTreeSet<Becomes> = sample.becomes.iter().copied().collect();
        assert_eq!(stated.len(), sample.becomes.len(), "{}: each once", sample.file);
        assert_eq!(parsed.iter().map(becomes).collect::<BTreeSet<_>>(), stated, "{}", sample.file);
        for event in
            parsed.iter().filter_map(|parsed| if let Parsed::Event(event) = parsed { Some(event) } else { None })
        {
            if let Some(source) = sender.source {
                assert_eq!(event.key.source, source, "{}", sample.file);
            }
            assert!(!event.key.id.is_empty() && event.key.id.chars().count() <= MAX_TEXT_CHARS, "{}", sample.file);
        }
        // A repeated body must not make a second event.
        let again = || read(sender, sample.body).unwrap().events;
        assert_eq!(again(), again(), "{}", sample.file);
    }
}

#[test]
fn the_first_sample_shows_an_event_of_a_device() {
    for sender in SENDERS {
        let batch = read(sender, sender.samples[0].body).unwrap();
        let named =
            |parsed: &Parsed| matches!(parsed, Parsed::Event(event) if event.about.identifiers().next().is_some());
        assert!(batch.events.iter().any(named), "{}", sender.name);
    }
}

#[test]
fn samples_show_exactly_what_the_sender_reports() {
    for sender in SENDERS {
        let shown = sender.samples.iter().flat_map(|sample| sample.becomes);
        let mut shown: BTreeSet<Kind> =
            shown.filter_map(|one| if let Becomes::Event(kind) = one { Some(*kind) } else { None }).collect();
        // A session that fails makes its attempt fail.
        let bodies = sender.samples.iter().map(|sample| read(sender, sample.body).unwrap().events);
        let fails = |parsed: Parsed| match parsed {
            Parsed::Event(event) => matches!(event.body, Body::Esp(esp) if matches!(esp.detail, EspDetail::Failed(..))),
            _ => false,
        };
        if sender.reports.failures && bodies.flatten().any(fails) {
            shown.insert(Kind::Failed);
        }
        let stated: BTreeSet<Kind> = sender.reports.kinds().chain(sender.besides.iter().copied()).collect();
        let missing: Vec<_> = stated.difference(&shown).collect();
        assert!(missing.is_empty(), "{}: no sample shows {missing:?}", sender.name);
        // These are not steps of an attempt, so `reports` leaves them out.
        let apart = [Kind::Registered, Kind::PortalClosed];
        let is_step = |kind: &Kind| *kind == Kind::StepCompleted && sender.reports.steps;
        let more: Vec<_> = shown.difference(&stated).filter(|kind| !apart.contains(kind) && !is_step(kind)).collect();
        assert!(more.is_empty(), "{}: reports and besides exclude {more:?}", sender.name);
    }
}

#[test]
fn samples_show_exactly_the_tags_that_the_sender_states() {
    for sender in SENDERS {
        let SenderTags::Keys(stated) = sender.tags else { continue };
        let bodies = sender.samples.iter().flat_map(|sample| read(sender, sample.body).unwrap().events);
        let tags = bodies.filter_map(|parsed| match parsed {
            Parsed::Event(event) => event.tags().cloned(),
            _ => None,
        });
        let shown: BTreeSet<String> = tags.flat_map(|tags| tags.into_keys()).collect();
        assert_eq!(shown, stated.iter().map(|key| (*key).to_owned()).collect(), "{}", sender.name);
        // A tenant can name it.
        let keys = TagKeys::new(shown.into_iter().collect());
        assert_eq!(keys.problem(), None, "{}", sender.name);
    }
}

#[test]
fn assumed_compliance_comes_only_from_senders_that_cannot_report_it() {
    for (sender, sample, parsed) in samples() {
        let all = read(sender, sample.body).unwrap().events;
        let assumed = all.iter().filter(|parsed| is_assumed(parsed)).count();
        assert!(assumed == 0 || !sender.reports.compliance, "{}", sample.file);
        // Compliance that is not assumed was reported.
        let reported = parsed.iter().any(|parsed| becomes(parsed) == Becomes::Event(Kind::Compliant));
        assert!(!reported || sender.reports.compliance, "{}", sample.file);
    }
}

#[test]
fn files_have_the_address_and_the_secret_if_they_are_templates() {
    for sender in SENDERS {
        for (file, (path, text)) in sender.files.iter().zip(sender.files("https://HOST/x", "SECRET")) {
            let name = format!("{}: {path}", sender.name);
            assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{name}");
            assert_eq!(text.contains("https://HOST/x"), file.is_filled, "{name}");
            assert!(!file.is_filled || !text.contains("{url}"), "{name}");
            assert!(file.is_filled || !text.contains("SECRET"), "{name}");
        }
    }
}

#[test]
fn every_sender_has_a_sample_that_names_its_device_by_placeholders() {
    for sender in SENDERS {
        let refused = sender.samples.iter().filter(|sample| sample.becomes == [Becomes::Refused]);
        let errors = refused.flat_map(|sample| read(sender, sample.body).unwrap().events);
        let mut errors = errors.flat_map(|parsed| match parsed {
            Parsed::Invalid { errors, .. } => errors,
            _ => Vec::new(),
        });
        assert!(errors.any(|error| error.problem.contains("is a placeholder, not")), "{}", sender.name);
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    for sender in SENDERS {
        let body = vec![b' '; MAX_BODY_BYTES + 1];
        assert_eq!(read(sender, &body), Err(BodyError::TooLarge), "{}", sender.name);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_any_sender_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        for sender in SENDERS {
            let _any = read(sender, &body);
        }
    }

    #[test]
    fn no_broken_sample_makes_any_sender_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<usize>(), any::<u8>()), 0..8),
        cut in any::<usize>(),
    ) {
        let all: Vec<(&Sender, &Sample)> =
            SENDERS.iter().flat_map(|sender| sender.samples.iter().map(move |sample| (*sender, sample))).collect();
        let (sender, sample) = all[which.index(all.len())];
        let mut body = sample.body.to_vec();
        for (at, byte) in edits {
            let at = at % body.len();
            body[at] = byte;
        }
        body.truncate(body.len().saturating_sub(cut % 40));
        let _any = read(sender, &body);
    }
}

#[test]
fn the_completing_sender_knows_better_than_one_that_cannot_report_compliance() {
    for pair in COMPLETES {
        let [knows, early] = [pair.sender, pair.instead_of].map(|name| Sender::named(name).unwrap());
        assert!(knows.reports.ends && early.reports.ends && !early.reports.compliance);
        let own = read(knows, knows.samples[0].body).unwrap().events;
        let sources =
            own.iter().filter_map(|parsed| if let Parsed::Event(event) = parsed { Some(event) } else { None });
        assert!(sources.map(|event| event.key.source.as_str()).all(|source| source == pair.source), "{}", pair.sender);
    }
}
