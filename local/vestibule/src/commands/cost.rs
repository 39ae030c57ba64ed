//! `cost`: what a deployment costs a month. The arithmetic and all figures are those of `shared/cost`.

use crate::cli::CostOptions;
use crate::output::{Lines, answer};
use serde_json::{Value, json};
use vestibule_cost::{Addresses, Amount, Costs, Estimate, Line, Question};
use vestibule_platform::BoxError;

/// Prints a month's cost.
pub fn run(options: &CostOptions) -> Result<(), BoxError> {
    let costs = Costs::embedded()?;
    let sample = costs.question(f64::from(options.enrollments), f64::from(options.tenants));
    let question = Question {
        events_per_enrollment: options.events.map_or(sample.events_per_enrollment, f64::from),
        events_per_request: f64::from(options.events_a_request),
        addresses: if options.function_urls { Addresses::FunctionUrls } else { Addresses::Api },
        ..sample
    };
    let month = costs.estimate(&question);
    answer(options.json, &in_json(&costs, &question, &month), || in_words(&costs, &question, &month, options.units));
    Ok(())
}

/// Amounts with the units that they are of.
fn amounts<'a>(costs: &'a Costs, month: &'a Estimate) -> impl Iterator<Item = (&'a vestibule_cost::Unit, &'a Amount)> {
    costs.units.iter().zip(&month.amounts)
}

fn in_json(costs: &Costs, question: &Question, month: &Estimate) -> Value {
    let lines = Line::ALL.map(|line| {
        let usd = month.line(line);
        json!({"line": line, "usdAMonth": cents(usd), "usdAMillionEvents": cents(month.a_million(usd))})
    });
    let units: Vec<Value> = amounts(costs, month)
        .map(|(unit, amount)| {
            json!({
                "unit": unit.id,
                "line": unit.line,
                "what": unit.what,
                "quantityAMonth": amount.quantity,
                "price": unit.price,
                "usdAMonth": cents(amount.usd),
                "basis": unit.basis.word(),
                "how": unit.how,
            })
        })
        .collect();
    let prices: serde_json::Map<String, Value> = costs
        .prices
        .iter()
        .map(|(name, price)| {
            let value = json!({
                "what": price.what, "usd": price.usd, "per": price.per, "unit": price.unit, "asOf": price.as_of,
                "source": price.source, "how": price.how,
            });
            (name.clone(), value)
        })
        .collect();
    json!({
        "region": costs.region,
        "architecture": costs.architecture,
        "enrollmentsAMonth": question.enrollments,
        "tenants": question.tenants,
        "eventsAnEnrollment": question.events_per_enrollment,
        "eventsARequest": question.events_per_request,
        "webhookAddresses": question.addresses,
        "eventsAMonth": month.events,
        "usdAMonth": cents(month.total()),
        "usdAMillionEventsInAndOut": cents(month.a_million(month.of_events())),
        "lines": lines,
        "units": units,
        "prices": prices,
    })
}

/// To a hundredth of a cent, so that no digit seems known that isn't.
fn cents(usd: f64) -> f64 {
    (usd * 10_000.0).round() / 10_000.0
}

fn in_words(costs: &Costs, question: &Question, month: &Estimate, units: bool) -> Lines {
    let mut lines = Lines::default();
    let Question { enrollments, tenants, events_per_enrollment, events_per_request, addresses, .. } = question;
    let of = |n: f64, noun: &str| format!("{n} {noun}{}", if (n - 1.0).abs() < f64::EPSILON { "" } else { "s" });
    let (enrollments, tenants) = (of(*enrollments, "enrollment"), of(*tenants, "tenant"));
    writeln!(lines, "{enrollments} a month of {tenants}, {:.0} events", month.events);
    lines.blank();
    writeln!(lines, "{:<20} {:>12} {:>20}", "", "USD a month", "USD a million events");
    let mut row = |title: &str, usd: f64| {
        writeln!(lines, "{title:<20} {usd:>12.2} {:>20.2}", month.a_million(usd));
    };
    for line in Line::ALL.into_iter().filter(|line| line.is_of_events()) {
        row(line.title(), month.line(line));
    }
    row("events in and out", month.of_events());
    for line in Line::ALL.into_iter().filter(|line| !line.is_of_events()) {
        row(line.title(), month.line(line));
    }
    row("all", month.total());
    lines.blank();
    if units {
        writeln!(lines, "{:<22} {:>16} {:>12}  stands on", "unit", "a month", "USD a month");
        for (unit, amount) in amounts(costs, month) {
            let basis = unit.basis.word();
            writeln!(lines, "{:<22} {:>16.2} {:>12.4}  {basis}: {}", unit.id, amount.quantity, amount.usd, unit.how);
        }
        lines.blank();
        for price in costs.prices.values() {
            let (per, unit) = (price.per, &price.unit);
            let (what, as_of, source, how) = (&price.what, &price.as_of, &price.source, &price.how);
            writeln!(lines, "{} USD for {per} {unit}: {what}, {as_of}, {source} ({how})", price.usd);
        }
        lines.blank();
    }
    writeln!(
        lines,
        "Prices of {} ({}), without free tiers, discounts, tax and traffic to the internet.",
        costs.region, costs.architecture
    );
    writeln!(
        lines,
        "Assumed: {events_per_enrollment:.1} events an enrollment, {events_per_request} a request{}, evenly over tenants and \
         time; what is kept is what a year of such months leaves.",
        match addresses {
            Addresses::Api => " to the HTTP API",
            Addresses::FunctionUrls => " to the functions' own addresses",
        }
    );
    lines.line("docs/COST.md says how each unit was measured; --units lists them.");
    lines
}
