//! Tests with rules as people write them, and with random ones.

use super::*;
use proptest::prelude::*;

const SURFACE: [Option<&str>; 6] =
    [Some("Surface Pro 9"), Some("Microsoft"), Some("10.0.22631.1"), Some("Enterprise"), Some("Corporate"), None];

fn surface(rule: &str) -> bool {
    Filter::parse(rule).unwrap().matches(|property| SURFACE[property as usize])
}

fn problem(rule: &str) -> (usize, String) {
    let error = Filter::parse(rule).unwrap_err();
    assert_eq!(error.to_string(), format!("at character {}: {}", error.at, error.problem));
    (error.at, error.problem)
}

#[test]
fn rules_as_intune_writes_them() {
    for (rule, expected) in [
        (r#"(device.model -startsWith "surface pro") and (device.osVersion -contains "10.0.22")"#, true),
        (r#"(device.model -eq "X") and (device.model -eq "Y") or not (device.deviceOwnership -eq "Personal")"#, true),
        (r#"(device.model -eq "X") and ((device.model -eq "Y") or not (device.deviceOwnership -eq "Z"))"#, false),
        (r#"DEVICE.OPERATINGSYSTEMSKU IN ["Education", "ENTERPRISE"]"#, true),
        (r#"operatingSystemSKU -notin ['Enterprise']"#, false),
        (r#"not model -eq "X" and not manufacturer -eq "Microsoft""#, false),
        (r#"-NOT(model eq"X")-AND(-not not manufacturer -eq "MICROSOFT")"#, true),
        (r#"device.enrollmentProfileName -eq "Kiosk""#, false),
        (r#"device.enrollmentProfileName -ne "Kiosk""#, true),
        (r#"device.enrollmentProfileName -in ["Kiosk"]"#, false),
        (r#"device.enrollmentProfileName -notIn ["Kiosk"]"#, true),
        (r#"device.enrollmentProfileName -startsWith """#, false),
        (r#"device.enrollmentProfileName -contains """#, false),
        (r#"device.enrollmentProfileName -notContains "Kiosk""#, true),
        ("device.enrollmentProfileName -eq null and model -ne $Null", true),
        ("device.enrollmentProfileName -ne null or model -eq NULL", false),
    ] {
        assert_eq!(surface(rule), expected, "{rule}");
    }
    let rule = r#"(device.model -eq "a") and ((device.model -eq "b") and not ((model in ["c", 'd'])))"#;
    let canonical = r#"device.model -eq "a" and device.model -eq "b" and not device.model -in ["c","d"]"#;
    assert_eq!(Filter::parse(rule).unwrap().to_string(), canonical);
}

#[test]
fn quotes_and_letters() {
    for (rule, model) in [
        (r#"model -eq "a \"b\" c""#, "A \"B\" C"),
        (r#"model -eq "a `"b`" c""#, "a \"b\" c"),
        (r#"model -eq "a\b`c\\""#, "a\\b`c\\"),
        (r#"model -eq "Scott's""#, "scott's"),
        (r#"model -eq 'Scott\'s "own"'"#, "Scott's \"own\""),
        ("model -startsWith \"ΟΔΟΣ\"", "οδοσα ÄÖ"),
        ("model -contains \"äö\"", "ΟΔΟΣΑ ÄÖ"),
    ] {
        assert!(Filter::parse(rule).unwrap().matches(|_| Some(model)), "{rule}");
    }
}

#[test]
fn problems_say_where_and_what() {
    let properties = "model, manufacturer, osVersion, operatingSystemSKU, deviceOwnership, enrollmentProfileName";
    let unknown = format!("`device.category` can't be used here; the properties are {properties}");
    let operators = "-eq, -ne, -in, -notIn, -startsWith, -contains, -notContains";
    for (rule, at, expected) in [
        (" ", 0, "the rule is empty"),
        (r#"(device.category -eq "x")"#, 1, unknown.as_str()),
        (r#"model -like "x""#, 6, &format!("`-like` is not an operator; the operators are {operators}")),
        (r#"model -eq "äöü" model"#, 16, "expected `and`, `or` or the end of the rule, found `model`"),
        (r#"(model -eq "x" "y""#, 15, "expected `and`, `or` or `)`, found the value \"y\""),
        (r#"model -eq "x")"#, 13, "expected `and`, `or` or the end of the rule, found `)`"),
        (r#"model -eq "x" or"#, 16, "expected a property such as `device.model`, found the end of the rule"),
        ("model (", 6, "expected an operator such as `-eq`, found `(`"),
        ("model -eq x", 10, "expected a value in quotes, found `x`"),
        ("model -eq \"x", 10, "the quote that begins here does not end"),
        ("model -in []", 11, "expected a value in quotes, found `]`"),
        (r#"model -in ["x""#, 14, "expected `,` or `]`, found the end of the rule"),
        (r#"model -in "x""#, 10, "-in takes a list such as [\"a\",\"b\"]"),
        (r#"model -eq ["x"]"#, 10, "-eq takes one value in quotes, or null"),
        ("model -startsWith null", 18, "-startsWith takes one value in quotes"),
    ] {
        assert_eq!(problem(rule), (at, expected.to_owned()), "{rule}");
    }
}

#[test]
fn bounds() {
    let nested = |open: &str, times: usize, close: &str| {
        Filter::parse(&format!("{}model -eq null{}", open.repeat(times), close.repeat(times)))
    };
    for (open, close) in [("(", ")"), ("not ", ""), ("not(", ")")] {
        let levels = MAX_RULE_DEPTH / if open == "not(" { 2 } else { 1 };
        let deepest = nested(open, levels, close).unwrap();
        assert_eq!(Filter::parse(&deepest.to_string()), Ok(deepest));
        assert_eq!(nested(open, levels + 1, close).unwrap_err().at, open.len() * levels);
        assert_eq!(nested(open, 100_000, close).unwrap_err().at, MAX_RULE_LENGTH);
    }
    assert_eq!(problem(&"(".repeat(MAX_RULE_LENGTH)).0, MAX_RULE_DEPTH);

    let long =
        |letter: &str, letters: usize| Filter::parse(&format!("device.model -eq \"{}\"", letter.repeat(letters)));
    let most = MAX_RULE_LENGTH - 19;
    assert!(long("ä", most).is_ok_and(|filter| !filter.matches(|_| None)));
    assert_eq!(long("ä", most + 1).unwrap_err().at, MAX_RULE_LENGTH);
    assert_eq!(long("`a", most / 2).unwrap_err().at, 0, "each backtick is printed with a backslash");
}

/// Any tree that a rule can give, with any values.
fn expr() -> impl Strategy<Value = Expr> {
    let property = || prop::sample::select(Property::ALL);
    let one = |operators: &'static [Operator]| (property(), prop::sample::select(operators));
    let list = prop::collection::vec(any::<String>(), 1..4).prop_map(Operand::List);
    let leaf = prop_oneof![
        (one(&[Operator::Eq, Operator::Ne]), Just(Operand::Null)),
        (one(&[Operator::In, Operator::NotIn]), list),
        (
            one(&[Operator::Eq, Operator::Ne, Operator::StartsWith, Operator::Contains, Operator::NotContains]),
            prop_oneof![any::<String>(), "[a\\\\`\"']{0,6}"].prop_map(Operand::Text),
        ),
    ]
    .prop_map(|((property, operator), operand)| Expr::Compare(property, operator, operand));
    leaf.prop_recursive(5, 12, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.clone().prop_map(|inner| Expr::Not(Box::new(inner))),
            parts().prop_map(Expr::all),
            parts().prop_map(Expr::any),
        ]
    })
}

/// A rule as a person writes it. It uses few letters, so that comparisons often match.
#[derive(Clone, Debug)]
enum Rule {
    Leaf(usize, &'static str, Option<Vec<String>>),
    Not(Box<Rule>),
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
}

impl Rule {
    /// `least` is how tightly the place binds; `full` puts parentheses around everything.
    fn write(&self, least: u8, full: bool) -> String {
        let (binds, text) = match self {
            Self::Or(a, b) => (0, format!("{} or {}", a.write(0, full), b.write(0, full))),
            Self::And(a, b) => (1, format!("{} -And {}", a.write(1, full), b.write(1, full))),
            Self::Not(a) => (2, format!("not {}", a.write(2, full))),
            Self::Leaf(property, operator, values) => {
                let values = values.as_ref().map(|values| format!("{values:?}"));
                let values = match (values, operator.ends_with(['n', 'N'])) {
                    (None, _) => "null".to_owned(),
                    (Some(values), true) => values,
                    (Some(values), false) => values[1..values.len() - 1].to_owned(),
                };
                (3, format!("device.{} {operator} {values}", Property::ALL[*property]))
            }
        };
        if full || binds < least { format!("({text})") } else { text }
    }

    fn evaluate(&self, device: &[Option<String>]) -> bool {
        match self {
            Self::Or(a, b) => a.evaluate(device) | b.evaluate(device),
            Self::And(a, b) => a.evaluate(device) & b.evaluate(device),
            Self::Not(a) => !a.evaluate(device),
            Self::Leaf(property, operator, values) => {
                let upper = |texts: &Vec<String>| texts.iter().map(|one| one.to_uppercase()).collect::<Vec<_>>();
                let reported = device[*property].as_ref().map(|reported| reported.to_uppercase());
                match (reported, values.as_ref().map(upper), *operator) {
                    (reported, None, "-eq") => reported.is_none(),
                    (reported, None, _) => reported.is_some(),
                    (None, Some(_), operator) => ["-ne", "-notIn", "-notContains"].contains(&operator),
                    (Some(reported), Some(values), "-eq" | "-in") => values.contains(&reported),
                    (Some(reported), Some(values), "-ne" | "-notIn") => !values.contains(&reported),
                    (Some(reported), Some(values), "-startsWith") => reported.find(&values[0]) == Some(0),
                    (Some(reported), Some(values), "-contains") => reported.find(&values[0]).is_some(),
                    (Some(reported), Some(values), _) => reported.find(&values[0]).is_none(),
                }
            }
        }
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    let one = || prop::collection::vec("[abAB]{0,2}", 1..=1).prop_map(Some);
    let many = prop::collection::vec("[abAB]{0,2}", 1..4).prop_map(Some);
    let texts = ["-eq", "-ne", "-startsWith", "-contains", "-notContains"];
    let leaf = prop_oneof![
        (0..6_usize, prop::sample::select(vec!["-eq", "-ne"]), Just(None)),
        (0..6_usize, prop::sample::select(vec!["-in", "-notIn"]), many),
        (0..6_usize, prop::sample::select(texts.to_vec()), one()),
    ]
    .prop_map(|(property, operator, values)| Rule::Leaf(property, operator, values));
    leaf.prop_recursive(5, 16, 2, |inner| {
        let pair = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            inner.clone().prop_map(|a| Rule::Not(Box::new(a))),
            pair().prop_map(|(a, b)| Rule::And(a, b)),
            pair().prop_map(|(a, b)| Rule::Or(a, b)),
        ]
    })
}

proptest! {
    #[test]
    fn printing_keeps_the_tree(expr in expr()) {
        let filter = Filter(expr);
        let printed = filter.to_string();
        prop_assume!(printed.chars().count() <= MAX_RULE_LENGTH);
        prop_assert_eq!(Filter::parse(&printed), Ok(filter));
    }

    #[test]
    fn matches_as_the_model(
        rule in rule(),
        full: bool,
        device in prop::collection::vec(prop::option::of("[abAB]{0,3}"), 6),
    ) {
        let filter = Filter::parse(&rule.write(0, full)).unwrap();
        prop_assert_eq!(filter.matches(|property| device[property as usize].as_deref()), rule.evaluate(&device));
    }

    #[test]
    fn no_text_panics(
        text in ".{0,200}",
        near in "(\\(|\\)|\\[|\\]|,|\"|'|\\\\|`| |not|and |or |device.|model|-eq |in |null|\"a\"|é){0,60}",
    ) {
        for text in [text, near] {
            match Filter::parse(&text) {
                Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter)),
                Err(error) => prop_assert!(error.at <= text.chars().count()),
            }
        }
    }
}
