//! The numbers of the report and of the overview of one model, version, type, sender or tag alone: the API's answers and the
//! plain model's over these attempts.

use crate::figures::{Asked, Figures};
use crate::model::{devices_at, instant};
use crate::overview::agrees;
use crate::statistics::agree_with_scipy;
use vestibule_model::{Delivered, Settings, only, slices};
use vestibule_program_tests::Client;

/// A text in an address.
fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace(' ', "%20").replace(',', "%2C").replace('&', "%26").replace('=', "%3D")
}

/// For each range: of each slice the commonest value, one of the rare ones, and what was not reported.
pub async fn values_agree(api: &Client, asked: &[&Asked], kept_from: &str, sample: &[Delivered]) {
    let (mut rates, mut compared, mut values) = (Vec::new(), Vec::new(), 0);
    for asked in asked {
        for by in ["model", "osVersion", "enrollmentType", "source", "department", "building"] {
            let is_tag = by == "department" || by == "building";
            for value in some_values(api, asked, by, sample).await {
                let of = match &value {
                    None => format!("without={by}"),
                    Some(value) if is_tag => format!("tag={by}%3D{}", encoded(value)),
                    Some(value) => format!("{by}={}", encoded(value)),
                };
                let path = format!("{}&{of}", asked.path());
                let answer = api.json(&path).await;
                assert_eq!(answer["slice"]["by"], by, "{path}");
                assert_eq!(answer["slice"]["value"].as_str(), value.as_deref(), "{path}");
                let devices = devices_at(sample, instant(answer["asOf"].as_str().unwrap()));
                let alone = only(&devices, by, value.as_deref());
                assert_eq!(Figures::of_answer(&answer), Figures::of_model(&alone, asked), "{path}");
                assert!(answer["funnel"].as_array().unwrap().iter().all(|step| step["medianSeconds"].is_null()));
                let overview = api.json(&path.replace("incomplete-enrollments", "overview")).await;
                agrees(&overview, asked, kept_from, &alone, &mut rates, &mut compared);
                values += 1;
            }
        }
    }
    assert!(values > 30, "{values} values");
    agree_with_scipy(&rates, &compared);
}

async fn some_values(api: &Client, asked: &Asked, by: &str, sample: &[Delivered]) -> Vec<Option<String>> {
    let Asked { from, to, os, .. } = asked;
    let os_asked = os.map(|os| format!("&os={os}")).unwrap_or_default();
    let answer = api.json(&format!("/api/reports/slices?from={from}&to={to}{os_asked}&by={by}&limit=50")).await;
    let listed: Vec<Option<String>> =
        answer["values"].as_array().unwrap().iter().map(|one| one["value"].as_str().map(str::to_owned)).collect();
    if by != "source" {
        let devices = devices_at(sample, instant(answer["asOf"].as_str().unwrap()));
        let model = slices(&devices, from, to, *os, by, &Settings::default());
        assert_eq!(listed, model.into_iter().map(|line| line.value).collect::<Vec<_>>());
    }
    let mut some: Vec<Option<String>> =
        listed.iter().flatten().take(1).chain(listed.iter().flatten().last()).cloned().map(Some).collect();
    some.dedup();
    some.extend(listed.contains(&None).then_some(None));
    some
}
