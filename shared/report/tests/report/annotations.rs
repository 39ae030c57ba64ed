//! Annotations in the file: those of the days asked for, in the summary and on the mailed page too.

use crate::common;

use common::{annotations, at, build, changes, context, tenant, world};
use vestibule_domain::{Day, TenantSettings};
use vestibule_report::{Reader, report_html, summarise};

const AS_OF: &str = "2026-03-20T02:00:00Z";

#[test]
fn an_annotation_is_shown_with_the_days_that_it_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let (tenant, settings, as_of) = (tenant(), TenantSettings::default(), at(AS_OF));
    let all = changes(&world(5, 30, at("2026-03-01T00:00:00Z"), as_of), as_of);
    let mut working = build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of);
    assert!(!report_html(&working.reader().unwrap()).unwrap().contains("What we did"));
    // One is older than the retention, and one is of a day to come.
    let notes = [
        ("2026-03-10", "Terms <b>changed</b>"),
        ("2025-01-02", "Long ago"),
        ("2026-03-15", "A letter"),
        ("2026-03-25", "Training"),
    ];
    working.set_annotations(&annotations(&notes));
    working.refresh(as_of).unwrap().finish().unwrap();
    let (report, summary) = (folder.path().join("report"), folder.path().join("summary"));
    working.publish(&report, None).unwrap();
    summarise(&report, &summary).unwrap();
    let (file, short) = (Reader::open(&report).unwrap(), Reader::open_summary(&summary).unwrap());
    let day = |text: &str| Day::parse(text).unwrap();
    let texts = |from: &str, to: &str| -> Vec<String> {
        let found = file.annotations(day(from), day(to)).unwrap();
        assert_eq!(short.annotations(day(from), day(to)).unwrap(), found);
        found.into_iter().map(|one| one.text).collect()
    };
    assert_eq!(texts("2025-01-01", "2026-04-01"), ["Long ago", "Terms <b>changed</b>", "A letter", "Training"]);
    assert_eq!(texts("2026-03-10", "2026-03-15"), ["Terms <b>changed</b>"]);
    assert_eq!(texts("2026-03-11", "2026-03-15"), Vec::<String>::new());
    let one = &file.annotations(day("2026-03-15"), day("2026-03-16")).unwrap()[0];
    assert_eq!((one.from.as_str(), one.to.as_str()), ("2026-03-15", "2026-03-16"));
    assert_eq!((one.written_by.as_str(), one.written_at.as_str()), ("operator", "2026-03-11T08:00:00.000Z"));

    // The page has those of its window, which ends today.
    let page = report_html(&file).unwrap();
    assert!(page.contains("<h3>What we did</h3><ul><li>10 Mar 2026: Terms &lt;b&gt;changed&lt;/b&gt;</li>"), "{page}");
    assert!(page.contains("A letter") && !page.contains("Long ago") && !page.contains("Training"));
}
