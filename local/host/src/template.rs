//! The parts of the deployment's template that one machine needs: routes, schedules, rules, the stream and the table.
//!
//! It is the file that is deployed. Anything in it that is not understood here is refused, not skipped: a rule that
//! works in the deployment but not here would be worse than no rule. One machine follows the defaults of parameters.

mod defaults;
mod pattern;

use defaults::Defaults;
pub(crate) use pattern::fits;
use serde_json::Value as Json;
use serde_yaml_ng::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the template declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// HTTP routes.
    pub routes: Vec<Route>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
    /// Rules of the event bus.
    pub rules: Vec<Rule>,
    /// The function that gets the table's stream.
    pub stream: Stream,
    /// The table.
    pub table: Table,
}

/// A method and path, and the function that serves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method.
    pub method: String,
    /// The path; segments in braces match anything.
    pub path: String,
    /// The function's name.
    pub function: String,
}

/// A function called at regular intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its name in the template.
    pub name: String,
    /// The interval.
    pub every: Duration,
    /// The function's name.
    pub function: String,
}

/// Events of the bus that go to a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name in the template.
    pub name: String,
    /// Which events: EventBridge's pattern with references resolved.
    pub pattern: Json,
    /// The function's name.
    pub function: String,
}

/// How the table's stream is delivered to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The function's name.
    pub function: String,
    /// Largest number of records in a batch.
    pub batch_size: i32,
    /// Which records: those that one of these patterns matches; all if there is none.
    pub filters: Vec<Json>,
}

impl Stream {
    /// Whether the function gets a record, as Lambda passes it on.
    pub fn takes(&self, record: &Json) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|pattern| fits(pattern, record))
    }
}

/// The table's keys and indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Attribute names with their types, `S` or `N`.
    pub attributes: BTreeMap<String, String>,
    /// Partition and sort key.
    pub keys: (String, String),
    /// Indexes by name, with partition and sort key; keys only.
    pub indexes: BTreeMap<String, (String, String)>,
    /// The attribute of its time-to-live, in seconds.
    pub ttl_attribute: String,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not YAML.
    #[error("the template is not YAML: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// A part of it is not understood.
    #[error("template, {place}: {problem}")]
    Content {
        /// Where.
        place: String,
        /// What.
        problem: String,
    },
}

/// Resources that one machine does not need: permissions, logs, alarms and what shows them, destinations of failures,
/// names and addresses under which the API and the webhooks are reached, the key of secrets, which here lie in a folder of
/// their own account, and what always exists here.
const NOT_NEEDED: [&str; 26] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::EventBus",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Route53::RecordSet",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
];

/// What may be said of the table's stream: how failures are handled has no meaning here, where nothing is given up.
const OF_THE_STREAM: [&str; 11] = [
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "StartingPosition",
];

type Result<T> = std::result::Result<T, TemplateError>;

fn refuse<T>(place: &str, problem: impl Into<String>) -> Result<T> {
    Err(TemplateError::Content { place: place.to_owned(), problem: problem.into() })
}

/// The project's own template.
const EMBEDDED: &str = include_str!("../../../infra/template.yaml");

/// The resources of the project's own template, as they are when every parameter has its default.
///
/// # Errors
/// When a condition cannot be decided.
pub fn embedded_resources() -> Result<BTreeMap<String, Value>> {
    let root: Value = serde_yaml_ng::from_str(EMBEDDED)?;
    Defaults::of(&root)?.resources(&root)
}

impl Template {
    /// The project's own template.
    ///
    /// # Errors
    /// When it has a part that one machine does not understand.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED)
    }

    /// Reads a template.
    ///
    /// # Errors
    /// When it is not a template, or has a part that one machine does not understand.
    pub fn parse(text: &str) -> Result<Self> {
        let root: Value = serde_yaml_ng::from_str(text)?;
        let defaults = Defaults::of(&root)?;
        let resources = defaults.resources(&root)?;
        let reader = Reader { defaults: &defaults, resources: &resources };
        reader.check_resources()?;
        let mut template = Self {
            routes: Vec::new(),
            schedules: Vec::new(),
            rules: Vec::new(),
            stream: reader.stream()?,
            table: reader.table()?,
        };
        for (name, properties) in reader.of_type("AWS::ApiGatewayV2::Route") {
            template.routes.push(reader.route(name, properties)?);
        }
        for (name, properties) in reader.of_type("AWS::Events::Rule") {
            let function = reader.rule_function(name, properties)?;
            if let Some(schedule) = properties.get("ScheduleExpression") {
                let every = rate(name, schedule.as_str().unwrap_or_default())?;
                template.schedules.push(Schedule { name: name.to_owned(), every, function });
            } else {
                let Some(pattern) = properties.get("EventPattern") else { return refuse(name, "no pattern") };
                let pattern = reader.json(name, pattern)?;
                pattern::check(name, &pattern)?;
                template.rules.push(Rule { name: name.to_owned(), pattern, function });
            }
        }
        Ok(template)
    }
}

struct Reader<'t> {
    defaults: &'t Defaults<'t>,
    resources: &'t BTreeMap<String, Value>,
}

impl<'t> Reader<'t> {
    /// Refuses resources that would have an effect when deployed but none here.
    fn check_resources(&self) -> Result<()> {
        for (name, resource) in self.resources {
            let property = |name: &str| resource.get("Properties").and_then(|properties| properties.get(name));
            match resource.get("Type").and_then(Value::as_str).unwrap_or_default() {
                "AWS::Serverless::Function" if property("Events").is_some() => {
                    return refuse(name, "Events imply routes and rules; write them out");
                }
                "AWS::Events::Rule" if property("State").is_some() => {
                    return refuse(name, "State is not understood here");
                }
                "AWS::ApiGatewayV2::Route"
                | "AWS::DynamoDB::Table"
                | "AWS::Events::Rule"
                | "AWS::Lambda::EventSourceMapping"
                | "AWS::Serverless::Function" => {}
                known if NOT_NEEDED.contains(&known) => {}
                other => return refuse(name, format!("the resource type {other} is not understood here")),
            }
        }
        Ok(())
    }

    fn of_type(&self, kind: &'static str) -> impl Iterator<Item = (&str, &'t Value)> {
        self.resources.iter().filter_map(move |(name, resource)| {
            let is = resource.get("Type").and_then(Value::as_str) == Some(kind);
            Some((name.as_str(), resource.get("Properties")?)).filter(|_| is)
        })
    }

    fn one(&self, kind: &'static str) -> Result<(&str, &'t Value)> {
        match self.of_type(kind).collect::<Vec<_>>()[..] {
            [one] => Ok(one),
            _ => refuse(kind, "there must be exactly one"),
        }
    }

    /// The name of the function behind a logical id, `!Ref` or `!GetAtt X.Arn`: the name of the zip of its code.
    fn function(&self, place: &str, reference: Option<&Value>) -> Result<String> {
        let text = match reference {
            Some(Value::Tagged(tagged)) => tagged.value.as_str(),
            Some(Value::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let id = text.map(|text| text.trim_end_matches(".Arn")).unwrap_or_default();
        let code = self
            .resources
            .get(id)
            .and_then(|resource| resource.get("Properties")?.get("CodeUri")?.as_str())
            .and_then(|code| code.strip_suffix(".zip")?.rsplit('/').next());
        match code {
            Some(name) => Ok(name.to_owned()),
            None => refuse(place, format!("{id} is not a function")),
        }
    }

    fn route(&self, name: &str, properties: &Value) -> Result<Route> {
        let key = properties.get("RouteKey").and_then(Value::as_str).unwrap_or_default();
        let Some((method, path)) = key.split_once(' ') else { return refuse(name, "RouteKey is not METHOD /path") };
        let target = match properties.get("Target") {
            Some(Value::Tagged(tagged)) => tagged.value.as_str().unwrap_or_default(),
            _ => "",
        };
        let integration = target.strip_prefix("integrations/${").and_then(|target| target.strip_suffix('}'));
        let integration = integration.and_then(|id| self.resources.get(id)?.get("Properties"));
        let Some(integration) = integration else { return refuse(name, "Target is not an integration") };
        let function = self.function(name, integration.get("IntegrationUri"))?;
        Ok(Route { method: method.to_owned(), path: path.to_owned(), function })
    }

    fn rule_function(&self, name: &str, properties: &Value) -> Result<String> {
        match properties.get("Targets").and_then(Value::as_sequence).map(Vec::as_slice) {
            Some([target]) if target.get("Input").is_none() && target.get("InputTransformer").is_none() => {
                self.function(name, target.get("Arn"))
            }
            _ => refuse(name, "there must be one target, without input of its own"),
        }
    }

    fn stream(&self) -> Result<Stream> {
        let (name, properties) = self.one("AWS::Lambda::EventSourceMapping")?;
        let names = properties.as_mapping().into_iter().flatten().filter_map(|(name, _)| name.as_str());
        if let Some(other) = names.into_iter().find(|property| !OF_THE_STREAM.contains(property)) {
            return refuse(name, format!("{other} is not understood here"));
        }
        let batch_size = properties.get("BatchSize").and_then(Value::as_i64).and_then(|size| size.try_into().ok());
        let Some(batch_size) = batch_size else { return refuse(name, "no BatchSize") };
        let filters = self.filters(name, properties)?;
        Ok(Stream { function: self.function(name, properties.get("FunctionName"))?, batch_size, filters })
    }

    /// The patterns of a filter, which are texts of JSON.
    fn filters(&self, name: &str, properties: &Value) -> Result<Vec<Json>> {
        let Some(criteria) = properties.get("FilterCriteria") else { return Ok(Vec::new()) };
        let criteria = self.json(name, criteria)?;
        let filters = criteria.get("Filters").and_then(Json::as_array).filter(|filters| !filters.is_empty());
        let Some(filters) = filters else { return refuse(name, "FilterCriteria has no Filters") };
        let read = |filter: &Json| {
            let text = filter.get("Pattern").and_then(Json::as_str).unwrap_or_default();
            let Ok(pattern) = serde_json::from_str(text) else { return refuse(name, "a Pattern is not JSON") };
            pattern::check(name, &pattern)?;
            Ok(pattern)
        };
        filters.iter().map(read).collect()
    }

    fn table(&self) -> Result<Table> {
        let (name, table) = self.one("AWS::DynamoDB::Table")?;
        let list = |value: &'t Value, key: &str| value.get(key).and_then(Value::as_sequence).into_iter().flatten();
        let text = |value: &'t Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let keys = |value: &'t Value| {
            let of = |kind: &str| {
                list(value, "KeySchema").find(|key| text(key, "KeyType") == kind).map(|key| text(key, "AttributeName"))
            };
            of("HASH").zip(of("RANGE"))
        };
        let attributes = list(table, "AttributeDefinitions");
        let attributes = attributes.map(|one| (text(one, "AttributeName"), text(one, "AttributeType"))).collect();
        let mut indexes = BTreeMap::new();
        for index in list(table, "GlobalSecondaryIndexes") {
            let keys_only = index.get("Projection").map(|projection| text(projection, "ProjectionType"));
            let Some(keys) = keys(index).filter(|_| keys_only.as_deref() == Some("KEYS_ONLY")) else {
                return refuse(name, "an index must have two keys and project nothing else");
            };
            indexes.insert(text(index, "IndexName"), keys);
        }
        let Some(keys) = keys(table) else { return refuse(name, "there must be two keys") };
        let ttl_attribute = table.get("TimeToLiveSpecification").map(|ttl| text(ttl, "AttributeName"));
        let Some(ttl_attribute) = ttl_attribute else { return refuse(name, "no time-to-live") };
        Ok(Table { attributes, keys, indexes, ttl_attribute })
    }

    /// YAML as JSON, with references to parameters resolved by their defaults.
    fn json(&self, place: &str, value: &Value) -> Result<Json> {
        Ok(match value {
            Value::Tagged(tagged) if tagged.tag == "Ref" => {
                self.defaults.parameter(place, tagged.value.as_str().unwrap_or_default())?
            }
            Value::Tagged(tagged) => return refuse(place, format!("{} is not understood here", tagged.tag)),
            Value::Sequence(list) => Json::Array(list.iter().map(|one| self.json(place, one)).collect::<Result<_>>()?),
            Value::Mapping(map) => {
                let mut object = serde_json::Map::new();
                for (key, value) in map {
                    object.insert(key.as_str().unwrap_or_default().to_owned(), self.json(place, value)?);
                }
                Json::Object(object)
            }
            other => serde_json::to_value(other).or_else(|_| refuse(place, "no JSON"))?,
        })
    }
}

fn rate(place: &str, expression: &str) -> Result<Duration> {
    let inner = expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
    let (count, unit) = inner.split_once(' ').unwrap_or_default();
    let unit = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return refuse(place, format!("the schedule {expression} is not understood here")),
    };
    match count.parse::<u64>() {
        Ok(count) if count > 0 => Ok(Duration::from_secs(count * unit)),
        _ => refuse(place, format!("the schedule {expression} is not understood here")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn our_own_template_is_understood() {
        let template = Template::embedded().unwrap();
        let route = |method: &str, path: &str| {
            template.routes.iter().find(|one| one.method == method && one.path == path).map(|one| one.function.clone())
        };
        assert_eq!(route("POST", "/hooks/{tenant}/enrollment-events").as_deref(), Some("enrollment-events"));
        assert_eq!(route("HEAD", "/api/reports/files/{id}").as_deref(), Some("admin-api"));
        let schedules: Vec<_> =
            template.schedules.iter().map(|one| (one.function.as_str(), one.every.as_secs())).collect();
        assert_eq!(schedules, [("report-tick", 900), ("graph-pull", 300), ("notify", 300), ("abandonment-sweep", 60)]);
        assert_eq!(template.rules[0].pattern["source"], json!(["vestibule"]));
        assert_eq!((template.stream.function.as_str(), template.stream.batch_size), ("event-publisher", 100));
        assert_eq!(template.table.indexes.len(), 2);
    }

    /// Heads and barriers are all that the publisher needs. Nobody's secret, session or erasure leaves the table by the
    /// stream.
    #[test]
    fn the_publisher_gets_heads_and_barriers_alone() {
        let stream = Template::embedded().unwrap().stream;
        let takes =
            |pk: &str, sk: &str| stream.takes(&json!({"dynamodb": {"Keys": {"pk": {"S": pk}, "sk": {"S": sk}}}}));
        assert!(takes("e#contoso#0x", "h") && takes("b#random", "b"));
        for (pk, sk) in [
            ("e#contoso#0x", "s1"),
            ("t#contoso", "t"),
            ("t#contoso", "gone#1"),
            ("g#contoso", "app"),
            ("s#contoso#hash", "s"),
            ("w#contoso", "w"),
            ("c#contoso#1", "1"),
            ("in#contoso", "d"),
            ("jobs", "contoso"),
            ("erasing", "contoso"),
            ("dead#stream", "1"),
        ] {
            assert!(!takes(pk, sk), "{pk} {sk}");
        }
    }

    /// What watches a deployment or gives it a name changes nothing on one machine.
    #[test]
    fn what_has_no_meaning_here_changes_nothing() {
        let text = include_str!("../../../infra/template.yaml");
        let more: String = super::NOT_NEEDED
            .iter()
            .enumerate()
            .map(|(number, kind)| format!("  More{number}: {{ Type: \"{kind}\", Condition: HasOwnAdvice }}\n"))
            .chain([
                "  Kept: { Type: AWS::CloudWatch::Dashboard, Properties: { DashboardBody: !Sub \"${Api}\" } }\n".into()
            ])
            .collect();
        let text = text.replace("\nOutputs:", &format!("\n{more}\nOutputs:"));
        assert_eq!(Template::parse(&text).unwrap(), Template::embedded().unwrap());
    }

    /// One machine has one address, wherever senders of a stack post to: the API's routes to the webhooks are always there.
    #[test]
    fn where_senders_of_a_stack_post_to_changes_nothing() {
        let (text, by_default) = (include_str!("../../../infra/template.yaml"), "Default: Api\n");
        assert_eq!(text.matches(by_default).count(), 1);
        let direct = text.replace(by_default, "Default: FunctionUrls\n");
        assert_eq!(Template::parse(&direct).unwrap(), Template::embedded().unwrap());
        let resources = |text: &str| {
            let root: Value = serde_yaml_ng::from_str(text).unwrap();
            Defaults::of(&root).unwrap().resources(&root).unwrap()
        };
        let of_type = |resources: &BTreeMap<String, Value>, kind: &str| -> Vec<Value> {
            let all = resources.values().filter(|resource| resource["Type"] == kind);
            all.map(|resource| resource["Properties"].clone()).collect()
        };
        let (few, all) = (resources(text), resources(&direct));
        assert!(of_type(&few, "AWS::Lambda::Url").is_empty());
        // Anybody may call by the address, and the function in no other way.
        let anybody = |resources| -> Vec<Value> {
            let permissions = of_type(resources, "AWS::Lambda::Permission").into_iter();
            permissions.filter(|permission| permission["Principal"] == "*").collect()
        };
        assert!(anybody(&few).is_empty());
        for function in ["EnrollmentEvents", "EspStatus"] {
            let is_of = |one: &Value| -> bool {
                matches!(&one["FunctionName"], Value::Tagged(tagged) if tagged.value.as_str() == Some(function))
            };
            let actions: Vec<(Value, Value, Value)> = anybody(&all)
                .iter()
                .filter(|one| is_of(one))
                .map(|one| {
                    let of = |name: &str| one.get(name).cloned().unwrap_or_default();
                    (of("Action"), of("FunctionUrlAuthType"), of("InvokedViaFunctionUrl"))
                })
                .collect();
            let by_address = ("lambda:InvokeFunction".into(), Value::Null, true.into());
            let at_address = ("lambda:InvokeFunctionUrl".into(), "NONE".into(), Value::Null);
            assert_eq!(actions, [by_address, at_address], "{function}");
        }
        assert_eq!((of_type(&all, "AWS::Lambda::Url").len(), anybody(&all).len()), (2, 4));
    }

    /// Every function that stores events reads tombstones, by a query.
    #[test]
    fn whoever_stores_events_may_read_tombstones() {
        let text = include_str!("../../../infra/template.yaml");
        for role in ["EnrollmentEventsRole", "EspStatusRole", "GraphPullRole", "AbandonmentSweepRole", "AdminApiRole"] {
            let (_, role_on) = text.split_once(&format!("\n  {role}:\n")).unwrap();
            // Up to the next resource.
            let end =
                role_on.match_indices("\n  ").find(|(at, _)| !role_on[at + 3..].starts_with([' ', '#'])).unwrap().0;
            let statements = role_on[..end].split("- Sid: ").skip(1);
            let may = statements.filter(|statement| statement.contains("Effect: Allow")).any(|statement| {
                let is_of_tenants = !statement.contains("LeadingKeys: [") || statement.contains("\"t#*\"");
                statement.contains("- dynamodb:Query") && statement.contains("!GetAtt Table.Arn]") && is_of_tenants
            });
            assert!(may, "{role}");
        }
    }

    #[test]
    fn parts_not_understood_are_refused() {
        let text = include_str!("../../../infra/template.yaml");
        for (good, bad) in [
            ("rate(1 minute)", "cron(0 2 * * ? *)"),
            ("detail-type: [ReportExportRequested]", "detail-type: [{ suffix: x }]"),
            ("CodeUri: ../target/lambda/abandonment-sweep.zip", "InlineCode: x"),
            ("      MemorySize: 256", "      Events: {}"),
            ("Type: AWS::SQS::QueuePolicy", "Type: AWS::Scheduler::Schedule"),
            ("ScheduleExpression: rate(1 minute)", "State: DISABLED"),
            ("      BatchSize: 100", "      BatchSize: 100\n      ParallelizationFactor: 2"),
            ("[{\"prefix\":\"e#\"}]", "[{\"suffix\":\"e#\"}]"),
            ("- Pattern: '{\"dynamodb\"", "- Pattern: '{dynamodb"),
            // A part that is left out is missing where another needs it.
            (
                "Type: AWS::ApiGatewayV2::Integration",
                "Type: AWS::ApiGatewayV2::Integration\n    Condition: HasOwnAdvice",
            ),
        ] {
            assert!(text.contains(good));
            assert!(Template::parse(&text.replace(good, bad)).is_err(), "{bad}");
        }
    }
}
