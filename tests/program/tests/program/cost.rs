//! `vestibule cost`, and the documentation of costs.

use crate::page::Page;
use serde_json::Value;
use std::fmt::Write as _;
use vestibule_cost::{Addresses, Costs, Line, Per, Question};
use vestibule_program_tests::run_alone;

/// Months that the documentation shows: enrollments and tenants.
const MONTHS: [(f64, f64); 5] =
    [(1_000.0, 1.0), (10_000.0, 1.0), (100_000.0, 1.0), (100_000.0, 100.0), (1_000_000.0, 1_000.0)];

fn often(per: &Per) -> String {
    match per {
        Per::Event => "event".to_owned(),
        Per::Request => "request".to_owned(),
        Per::Enrollment => "enrollment".to_owned(),
        Per::Tenant => "tenant, a month".to_owned(),
        Per::Month => "month".to_owned(),
        Per::Resource(kind) => format!("`{kind}`"),
        Per::TenantPause(seconds) => format!("event of a tenant, once in {seconds} s"),
        Per::StackPause(seconds) => format!("event, once in {seconds} s"),
        Per::Batch => "run of the publisher".to_owned(),
    }
}

/// The question about senders that post to the functions' own addresses.
fn at_function_urls(costs: &Costs, enrollments: f64, tenants: f64) -> Question {
    Question { addresses: Addresses::FunctionUrls, ..costs.question(enrollments, tenants) }
}

/// A number with four digits that mean something, as a person writes it.
fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value.abs() < 0.001 => format!("{value:.3e}"),
        value if value.abs() < 100.0 => format!("{value:.4}"),
        value => format!("{value:.0}"),
    }
}

#[test]
fn the_documentation_is_of_this_file_of_costs() {
    let costs = Costs::embedded().unwrap();
    let page = Page::open("docs/COST.md");
    let months = MONTHS.map(|(enrollments, tenants)| costs.estimate(&costs.question(enrollments, tenants)));
    let direct = MONTHS.map(|(enrollments, tenants)| costs.estimate(&at_function_urls(&costs, enrollments, tenants)));
    let mut out = String::from("| USD for a million events |");
    for (enrollments, tenants) in MONTHS {
        let tenants =
            if (tenants - 1.0).abs() < f64::EPSILON { "1 tenant".to_owned() } else { format!("{tenants} tenants") };
        write!(out, " {enrollments} enrollments, {tenants} |").unwrap();
    }
    out.push_str("\n|---|---|---|---|---|---|\n");
    let mut row = |title: &str, of: &dyn Fn(usize) -> f64| {
        write!(out, "| {title} |").unwrap();
        for (index, month) in months.iter().enumerate() {
            write!(out, " {:.2} |", month.a_million(of(index))).unwrap();
        }
        out.push('\n');
    };
    for line in Line::ALL.into_iter().filter(|line| line.is_of_events()) {
        row(line.title(), &|index| months[index].line(line));
    }
    row("**events in and out**", &|index| months[index].of_events());
    row("**the same, by function URLs**", &|index| direct[index].of_events());
    for line in Line::ALL.into_iter().filter(|line| !line.is_of_events()) {
        row(line.title(), &|index| months[index].line(line));
    }
    row("**all**", &|index| months[index].total());
    for (title, months) in [("all, USD a month", &months), ("the same, by function URLs", &direct)] {
        write!(out, "| **{title}** |").unwrap();
        for month in months {
            write!(out, " {:.2} |", month.total()).unwrap();
        }
        out.push('\n');
    }
    page.holds("<!-- months: begin -->", "<!-- months: end -->", &out);

    // Written first, or the second part would be put into the page as it was.
    let page = Page::open("docs/COST.md");
    let mut out = String::from("| unit | line | of what | each | is | stands on |\n|---|---|---|---|---|---|\n");
    for unit in &costs.units {
        let (line, often, quantity) = (unit.line.title(), often(&unit.per), number(unit.quantity));
        let what = &costs.prices[&unit.price].unit;
        let basis = unit.basis.word();
        writeln!(
            out,
            "| `{}`: {} | {line} | {what} | {often} | {quantity} | {basis}: {} |",
            unit.id, unit.what, unit.how
        )
        .unwrap();
    }
    page.holds("<!-- units: begin -->", "<!-- units: end -->", &out);

    let page = Page::open("docs/COST.md");
    let mut out = String::from("| price | USD | for | as of | source |\n|---|---|---|---|---|\n");
    for price in costs.prices.values() {
        let (usd, per, unit) = (price.usd, price.per, &price.unit);
        writeln!(
            out,
            "| {} | {usd} | {per} {unit} | {} | <{}>, {} |",
            price.what, price.as_of, price.source, price.how
        )
        .unwrap();
    }
    page.holds("<!-- prices: begin -->", "<!-- prices: end -->", &out);
}

#[test]
fn a_month_is_added_up_without_a_folder_and_without_a_network() {
    let run = run_alone(&["cost", "--enrollments", "100000", "--tenants", "10", "--json"]);
    assert!(run.success, "{}", run.stderr);
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let costs = Costs::embedded().unwrap();
    let month = costs.estimate(&costs.question(100_000.0, 10.0));
    assert_eq!(answer["region"], costs.region);
    assert_eq!(answer["eventsAMonth"].as_f64().unwrap(), month.events);
    let cents = |usd: f64| (usd * 100.0).round();
    assert_eq!(cents(answer["usdAMonth"].as_f64().unwrap()), cents(month.total()));
    let lines = answer["lines"].as_array().unwrap();
    assert_eq!(lines.len(), Line::ALL.len());
    let sum: f64 = lines.iter().map(|line| line["usdAMonth"].as_f64().unwrap()).sum();
    assert!((sum - month.total()).abs() < 0.01, "{sum}");
    for unit in answer["units"].as_array().unwrap() {
        assert!(answer["prices"][unit["price"].as_str().unwrap()]["asOf"].is_string(), "{unit}");
        assert!(!unit["how"].as_str().unwrap().is_empty(), "{unit}");
    }

    // In words: the same sums, the assumptions, and only if asked for the units.
    let words = run_alone(&["cost", "--enrollments", "100000", "--tenants", "10"]).stdout;
    assert!(words.contains(&format!("{:.2}", month.total())), "{words}");
    assert!(words.contains("without free tiers") && !words.contains("eventWrites"), "{words}");
    let units = run_alone(&["cost", "--units"]).stdout;
    assert!(costs.units.iter().all(|unit| units.contains(&unit.id)), "{units}");
    assert!(costs.prices.values().all(|price| units.contains(&price.source)), "{units}");

    // Ten events a request: a tenth of the requests.
    let batched = run_alone(&["cost", "--enrollments", "100000", "--events-a-request", "10", "--json"]).stdout;
    let batched: Value = serde_json::from_str(&batched).unwrap();
    let question = Question { events_per_request: 10.0, ..costs.question(100_000.0, 1.0) };
    let expected = costs.estimate(&question);
    let api = batched["lines"].as_array().unwrap().iter().find(|line| line["line"] == "httpApi").unwrap();
    assert_eq!(cents(api["usdAMonth"].as_f64().unwrap()), cents(expected.line(Line::HttpApi)));

    // What the documentation promises: by the functions' own addresses, 2.30 a million or less.
    let direct = run_alone(&["cost", "--enrollments", "100000", "--function-urls", "--json"]).stdout;
    let direct: Value = serde_json::from_str(&direct).unwrap();
    let expected = costs.estimate(&at_function_urls(&costs, 100_000.0, 1.0));
    let a_million = direct["usdAMillionEventsInAndOut"].as_f64().unwrap();
    assert_eq!(cents(a_million), cents(expected.a_million(expected.of_events())));
    assert!(a_million <= 2.30 && direct["webhookAddresses"] == "functionUrls", "{direct}");
    for wrong in [["cost", "--enrollments", "0"], ["cost", "--tenants", "-1"], ["cost", "--events", "many"]] {
        assert!(!run_alone(&wrong).success, "{wrong:?}");
    }
}
