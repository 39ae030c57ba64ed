//! Which profile of the Enrollment Status Page applies to a device, and how its filters are written.

use std::collections::BTreeMap;

/// A filter's rule as a person writes it.
#[derive(Debug, Clone)]
pub enum Rule {
    /// A property, an operator without its dash, and the values; no values means `null`.
    Compare(String, String, Option<Vec<String>>),
    /// The negation.
    Not(Box<Rule>),
    /// All of them.
    And(Vec<Rule>),
    /// One of them.
    Or(Vec<Rule>),
}

/// To whom a profile is assigned.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// `allDevices`, `allLicensedUsers`, or a group's id.
    pub target: String,
    /// Whether matching devices are included, and the rule if it is known.
    pub filter: Option<(bool, Option<Rule>)>,
}

/// A profile. Its place in the list is its priority.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// To whom it is assigned.
    pub assignments: Vec<Assignment>,
}

/// What is known of a device when its session starts.
#[derive(Debug, Clone)]
pub struct Device {
    /// `deploymentMode`
    pub mode: Option<String>,
    /// Ids of the groups the device is in.
    pub device_groups: Vec<String>,
    /// Ids of the groups its user is in.
    pub user_groups: Vec<String>,
    /// The properties that filters compare.
    pub properties: BTreeMap<String, String>,
}

/// The profile that applies and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its name; `None` is the default.
    pub profile: Option<String>,
    /// `deviceGroup`, `allDevices`, `userGroup`, `allLicensedUsers`, `default`.
    pub rule: String,
    /// The group's id, as in the assignment.
    pub group: Option<String>,
}

/// Which of the profiles, highest priority first, applies to the device.
#[must_use]
pub fn resolve(profiles: &[Profile], device: &Device) -> Answer {
    for by_user in [false, true] {
        for profile in profiles {
            if let Some((rule, group)) = applies(profile, device, by_user) {
                return Answer { profile: Some(profile.name.clone()), rule: rule.to_owned(), group };
            }
        }
    }
    Answer { profile: None, rule: "default".to_owned(), group: None }
}

/// Whether the profile is assigned to the device (or its user), and by which rule.
#[must_use]
pub fn applies(profile: &Profile, device: &Device, by_user: bool) -> Option<(&'static str, Option<String>)> {
    let nobody_there = ["selfDeploying", "preProvisioningTechnician"].map(|mode| Some(mode.to_owned()));
    if !profile.enabled || (by_user && nobody_there.contains(&device.mode)) {
        return None;
    }
    for assignment in &profile.assignments {
        let is_in = |groups: &[String]| groups.iter().any(|group| group.eq_ignore_ascii_case(&assignment.target));
        let in_device_group = is_in(&device.device_groups);
        let rule = match (assignment.target.as_str(), by_user) {
            ("allDevices", false) => "allDevices",
            ("allLicensedUsers", true) => "allLicensedUsers",
            ("allDevices" | "allLicensedUsers", _) => continue,
            (_, false) if in_device_group => "deviceGroup",
            (_, true) if !in_device_group && is_in(&device.user_groups) => "userGroup",
            _ => continue,
        };
        let lets_through = match &assignment.filter {
            None => true,
            Some((_, None)) => false,
            Some((include, Some(filter))) => filter.matches(&device.properties) == *include,
        };
        if lets_through {
            let group = rule.ends_with("Group").then(|| assignment.target.clone());
            return Some((rule, group));
        }
    }
    None
}

impl Rule {
    /// Whether it is true of a device. A property that is not known has no value.
    #[must_use]
    pub fn matches(&self, device: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Not(inner) => !inner.matches(device),
            Self::And(parts) => parts.iter().all(|part| part.matches(device)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(device)),
            Self::Compare(property, operator, values) => {
                let reported = device.get(property).map(|reported| reported.to_lowercase());
                let values: Option<Vec<String>> =
                    values.as_ref().map(|values| values.iter().map(|value| value.to_lowercase()).collect());
                let (negated, operator) = match operator.as_str() {
                    "ne" => (true, "eq"),
                    "notIn" => (true, "in"),
                    "notContains" => (true, "contains"),
                    other => (false, other),
                };
                let holds = match (reported, values) {
                    (reported, None) => reported.is_none(),
                    (None, Some(_)) => false,
                    (Some(reported), Some(values)) => values.iter().any(|value| match operator {
                        "startsWith" => reported.starts_with(value),
                        "contains" => reported.contains(value),
                        _ => reported == *value,
                    }),
                };
                holds != negated
            }
        }
    }

    /// The rule as text. `choose` picks one of several spellings.
    pub fn write(&self, choose: &mut impl FnMut(usize) -> usize) -> String {
        let text = match self {
            Self::Compare(property, operator, values) => {
                let prefix = ["device.", "", "Device."][choose(3)];
                let dash = ["-", ""][choose(2)];
                let property = cased(property, choose);
                let operator = cased(operator, choose);
                let operand = match values {
                    None => ["null", "$null", "NULL"][choose(3)].to_owned(),
                    Some(values) => {
                        let quoted: Vec<String> = values.iter().map(|value| quoted(value, choose)).collect();
                        let is_list = operator.to_lowercase().ends_with("in");
                        if is_list { format!("[{}]", quoted.join([",", " , "][choose(2)])) } else { quoted.join(",") }
                    }
                };
                format!("{prefix}{property} {dash}{operator}{}{operand}", [" ", "  "][choose(2)])
            }
            // After `not`, everything but a comparison needs parentheses.
            Self::Not(inner) => {
                let keyword = ["not", "-not", "NOT"][choose(3)];
                let written = inner.write(choose);
                match **inner {
                    Self::Compare(..) => format!("{keyword} {written}"),
                    _ => format!("{keyword}({written})"),
                }
            }
            Self::And(parts) => {
                let keyword = [" and ", " -and ", "  AND "][choose(3)];
                let mut written = Vec::new();
                for part in parts {
                    let text = part.write(choose);
                    written.push(if matches!(part, Self::Or(_)) { format!("({text})") } else { text });
                }
                written.join(keyword)
            }
            Self::Or(parts) => {
                let keyword = [" or ", " -or ", " Or "][choose(3)];
                let written: Vec<String> = parts.iter().map(|part| part.write(choose)).collect();
                written.join(keyword)
            }
        };
        // Parentheses never harm, but an `or` without any here may need those of the `and` around it.
        if choose(4) == 0 { format!("( {text})") } else { text }
    }
}

fn cased(word: &str, choose: &mut impl FnMut(usize) -> usize) -> String {
    match choose(3) {
        0 => word.to_uppercase(),
        1 => word.to_lowercase(),
        _ => word.to_owned(),
    }
}

fn quoted(value: &str, choose: &mut impl FnMut(usize) -> usize) -> String {
    let quote = ['"', '\''][choose(2)];
    let escape = ["\\", "`"][choose(2)];
    let mut text = String::from(quote);
    for letter in value.chars() {
        if letter == quote || letter == '\\' || letter == '`' {
            text.push_str(escape);
        }
        text.push(letter);
    }
    text.push(quote);
    text
}
