//! `environments` and `variables`: which workspace a project goes to, and what its templates see.

use serde_json::{Map, Value};
use url::Url;

use super::dashboards::workspace_folder;
use super::walk::{Fields, Walk, is_identifier};
use super::yaml::{self, Key, Node};
use super::{
    Environment, Home, MOST_STATEMENTS, Protection, Remote, Schedules, Workspace, interpolate, labels, notify, secrets,
};
use crate::diag::{Diagnostic, Spanned, did_you_mean};

/// Keys of an environment.
pub(super) const KEYS: [&str; 19] = [
    "workspace",
    "host",
    "profile",
    "auth_type",
    "client_id",
    "warehouse",
    "concurrency",
    "catalog",
    "schema",
    "fivetran",
    "dashboard_folder",
    "job_folder",
    "schedules",
    "grants",
    "databricks_tags",
    "protected",
    "notify",
    "default",
    "variables",
];

/// Names that templates already use for something else.
const RESERVED: [&str; 16] = [
    "environment",
    "project",
    "model",
    "this",
    "incremental",
    "loop",
    "body",
    "true",
    "false",
    "none",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
];

/// The environment that the project is read for.
pub(super) struct Chosen<'n> {
    pub(super) names: Vec<String>,
    key: &'n Key,
    node: &'n Node,
    others: Vec<(&'n Key, &'n Node)>,
}

/// Finds the environment by its name, or the default one, and reports what is wrong with the choice.
pub(super) fn choose<'n>(walk: &mut Walk<'_>, project: &Fields<'n>, name: Option<&str>) -> Option<Chosen<'n>> {
    let node = walk.require(project, "environments")?;
    let entries = walk.entries(node, "`environments`")?;
    for (key, _) in &entries {
        walk.check_name(&key.text, &key.range, "an environment");
    }
    // The place to blame for a choice that cannot be made.
    let place = project.entry("environments").map_or(node.range.clone(), |(key, _)| key.range.clone());
    let names: Vec<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
    let defaults: Vec<_> = entries.iter().filter(|(_, node)| is_default(walk, node)).copied().collect();
    if let [(first, _), rest @ ..] = defaults.as_slice() {
        for (key, _) in rest {
            let first_span = walk.span(&first.range);
            let diagnostic = Diagnostic::error("default-environment", "a second environment has `default: true`")
                .related(first_span, "first here")
                .help("Leave `default: true` at one of them.");
            walk.report(diagnostic, &key.range);
        }
    }
    let (key, node) = match (name, defaults.as_slice(), entries.as_slice()) {
        (_, _, []) => {
            walk.error("no-environment", &place, "`environments` has no environment");
            return None;
        }
        (Some(name), _, entries) => match entries.iter().find(|(key, _)| key.text == name) {
            Some(found) => *found,
            None => {
                walk.unknown_name(&place, "environment", name, names.iter().map(String::as_str));
                return None;
            }
        },
        (None, [first, ..], _) => *first,
        (None, [], [only]) => *only,
        (None, [], _) => {
            let diagnostic = Diagnostic::error("default-environment", "no environment is the default").help(format!(
                "Choose one with --env, or mark one with `default: true`. There is: {}.",
                names.join(", ")
            ));
            walk.report(diagnostic, &place);
            return None;
        }
    };
    let others = entries.iter().filter(|(other, _)| other.range != key.range).copied().collect();
    Some(Chosen { names, key, node, others })
}

fn is_default(walk: &mut Walk<'_>, node: &Node) -> bool {
    node.get("default").and_then(|default| walk.boolean(default, "`default`")).unwrap_or(false)
}

impl Chosen<'_> {
    /// Tells whether it is the embedded workspace.
    pub(super) fn is_embedded(&self) -> bool {
        self.node.get("workspace").is_some()
    }

    /// Reads the environment; the others are looked at too, but the variables they name may be unset.
    pub(super) fn read(&self, walk: &mut Walk<'_>) -> Option<Environment> {
        let environment = read_one(walk, &self.key.text, self.node);
        walk.resolving = false;
        for (key, node) in &self.others {
            read_one(walk, &key.text, node);
        }
        walk.resolving = true;
        let mut environment = environment?;
        environment.span = walk.span(&self.key.range);
        Some(environment)
    }

    /// Tells where each environment has its models, but for those that variables name which are not set here.
    pub(super) fn homes(&self, walk: &Walk<'_>) -> Vec<Home> {
        let text = |node: &Node, key: &str| match &node.get(key)?.value {
            yaml::Value::Scalar(scalar) => Some(scalar.text.clone()),
            _ => None,
        };
        let home = |(key, node): (&Key, &Node)| {
            let (catalog, schema) = (text(node, "catalog")?, text(node, "schema")?);
            Some(Home {
                environment: key.text.clone(),
                catalog_varies: catalog.contains("${"),
                schema_varies: schema.contains("${"),
                catalog: interpolate::resolve(&catalog, walk.env).ok()?,
                schema: interpolate::resolve(&schema, walk.env).ok()?,
            })
        };
        std::iter::once((self.key, self.node)).chain(self.others.iter().copied()).filter_map(home).collect()
    }
}

fn read_one(walk: &mut Walk<'_>, name: &str, node: &Node) -> Option<Environment> {
    let fields = walk.fields(node, &format!("environment `{name}`"), &KEYS)?;
    let workspace = workspace(walk, name, node, &fields);
    let warehouse = fields.get("warehouse").and_then(|node| {
        let value = walk.text(node, "`warehouse`")?;
        Some(Spanned { value, span: walk.span(&node.range) })
    });
    let concurrency = fields.get("concurrency").and_then(|node| concurrency(walk, node));
    let catalog = walk.require(&fields, "catalog").and_then(|node| container(walk, node, "catalog"));
    let schema = walk.require(&fields, "schema").and_then(|node| container(walk, node, "schema"));
    let fivetran = fields.get("fivetran").and_then(|node| address(walk, node, "`fivetran`"));
    let mut folder = |key: &str| {
        let node = fields.get(key)?;
        let text = walk.text(node, &format!("`{key}`"))?;
        // What another environment takes from unset variables is not known here.
        if walk.resolving { workspace_folder(walk, &text, &node.range) } else { Some(text) }
    };
    let dashboard_folder = folder("dashboard_folder");
    let job_folder = folder("job_folder").unwrap_or_else(|| JOB_FOLDER.to_owned());
    let schedules = fields.get("schedules").and_then(|node| schedules(walk, node)).unwrap_or(Schedules::Run);
    let grants =
        fields.get("grants").map(|node| labels::grants(walk, node, "schemas", &PRIVILEGES)).unwrap_or_default();
    let databricks_tags = fields.get("databricks_tags").map(|node| labels::tags(walk, node)).unwrap_or_default();
    let protected = fields.get("protected").and_then(|node| protection(walk, node));
    let notify = fields.get("notify").map(|node| notify::read(walk, node)).unwrap_or_default();
    if let Some(node) = fields.get("variables") {
        // Read again for the chosen environment; here only those of the others are looked at.
        if !walk.resolving {
            read_variables(walk, node);
        }
    }
    let span = walk.span(&node.range);
    Some(Environment {
        name: name.to_owned(),
        workspace: workspace?,
        warehouse,
        concurrency,
        catalog: catalog?,
        schema: schema?,
        fivetran,
        dashboard_folder,
        schedules,
        job_folder,
        grants,
        databricks_tags,
        protected,
        notify,
        span,
    })
}

/// Reads how many statements may run at once.
fn concurrency(walk: &mut Walk<'_>, node: &Node) -> Option<u16> {
    let range = format!("from 1 to {MOST_STATEMENTS}");
    let number: u16 = walk.integer(node, "`concurrency`", &range)?;
    if (1..=MOST_STATEMENTS).contains(&number) {
        return Some(number);
    }
    walk.error("bad-value", &node.range, format!("`concurrency` is {number}, and can be {range}"));
    None
}

/// Where the SQL files of scheduled jobs lie, if nothing else is said.
const JOB_FOLDER: &str = "/Shared/kiln";

/// Reads `schedules`: what becomes of the schedules of jobs here.
fn schedules(walk: &mut Walk<'_>, node: &Node) -> Option<Schedules> {
    let text = walk.text(node, "`schedules`")?;
    match text.as_str() {
        "run" => Some(Schedules::Run),
        "paused" => Some(Schedules::Paused),
        "none" => Some(Schedules::None),
        _ => {
            let diagnostic = Diagnostic::error("bad-value", format!("`schedules` cannot be `{text}`")).help(
                "`run` lets the workspace run scheduled jobs, `paused` puts them there without running them, `none` \
                 leaves them out.",
            );
            walk.report(diagnostic, &node.range);
            None
        }
    }
}

/// What can be granted on a schema, for the schema itself and all that is in it.
pub(super) const PRIVILEGES: [&str; 17] = [
    "ALL PRIVILEGES",
    "APPLY TAG",
    "BROWSE",
    "CREATE FUNCTION",
    "CREATE MATERIALIZED VIEW",
    "CREATE MODEL",
    "CREATE TABLE",
    "CREATE VIEW",
    "CREATE VOLUME",
    "EXECUTE",
    "MANAGE",
    "MODIFY",
    "READ VOLUME",
    "REFRESH",
    "SELECT",
    "USE SCHEMA",
    "WRITE VOLUME",
];

/// Keys of `protected`.
pub(super) const PROTECTED_KEYS: [&str; 1] = ["branch"];

/// Reads `protected`: `true`, or a branch that alone may be deployed.
fn protection(walk: &mut Walk<'_>, node: &Node) -> Option<Protection> {
    if node.get("branch").is_none() {
        return walk.boolean(node, "`protected`")?.then(Protection::default);
    }
    let fields = walk.fields(node, "`protected`", &PROTECTED_KEYS)?;
    let branch = fields.get("branch").and_then(|node| walk.text(node, "`branch`"))?;
    Some(Protection { branch: Some(branch) })
}

/// What to write where it is not clear which workspace is meant.
const WORKSPACE_HELP: &str = "Write `workspace: local` for the embedded workspace; `host: ADDRESS`, or `profile: NAME` of \
     ~/.databrickscfg, for a Databricks workspace.";

/// Reads which workspace an environment is, and what it says about the login there.
fn workspace(walk: &mut Walk<'_>, name: &str, node: &Node, fields: &Fields<'_>) -> Option<Workspace> {
    let mut text = |key: &str| -> Option<String> { walk.text(fields.get(key)?, &format!("`{key}`")) };
    let (profile, auth_type, client_id) = (text("profile"), text("auth_type"), text("client_id"));
    let host = fields.get("host").and_then(|node| address(walk, node, "`host`"));
    let Some((key, embedded)) = fields.entry("workspace") else {
        if fields.get("host").is_none() && fields.get("profile").is_none() {
            let range = walk.first_line(&node.range);
            let message = format!("environment `{name}` has no `workspace`, `host` or `profile`");
            walk.report(Diagnostic::error("missing-key", message).help(WORKSPACE_HELP), &range);
            return None;
        }
        // What is there and wrong has been reported.
        if fields.get("host").is_some() && host.is_none() || fields.get("profile").is_some() && profile.is_none() {
            return None;
        }
        return Some(Workspace::Remote(Remote { host, profile, auth_type, client_id }));
    };
    if let Some((other, _)) = ["host", "profile", "auth_type", "client_id"].iter().find_map(|key| fields.entry(key)) {
        let related = walk.span(&other.range);
        let message = format!("environment `{name}` has `workspace` and `{}`", other.text);
        let diagnostic = Diagnostic::error("two-workspaces", message).related(related, "the other one");
        walk.report(diagnostic.help(WORKSPACE_HELP), &key.range);
        return None;
    }
    let text = walk.text(embedded, "`workspace`")?;
    if text == "local" {
        return Some(Workspace::Embedded);
    }
    let diagnostic = Diagnostic::error("bad-workspace", format!("there is no workspace `{text}`")).help(WORKSPACE_HELP);
    walk.report(diagnostic, &embedded.range);
    None
}

/// Reads the name of a catalog or schema.
pub(super) fn container(walk: &mut Walk<'_>, node: &Node, kind: &str) -> Option<String> {
    let name = walk.text(node, &format!("`{kind}`"))?;
    let bad = name.chars().any(|c| c.is_control() || matches!(c, '.' | '/' | ' ' | '`')) || name.len() > 255;
    if bad && walk.resolving {
        let diagnostic = Diagnostic::error("bad-name", format!("`{name}` cannot be the name of a {kind}"))
            .help("It may hold no dots, slashes, spaces or back-quotes. Catalog and schema are two separate keys.");
        walk.report(diagnostic, &node.range);
        return None;
    }
    Some(name)
}

/// Reads the address of a server and brings it into the form `https://host[:port]`.
fn address(walk: &mut Walk<'_>, node: &Node, what: &str) -> Option<Spanned<String>> {
    let text = walk.text(node, what)?;
    let span = walk.span(&node.range);
    if !walk.resolving && text.contains("${") {
        return Some(Spanned { value: text, span });
    }
    if secrets::is_secret_value(&text) {
        let diagnostic =
            Diagnostic::error("secret-in-file", format!("{what} holds a password or token")).help(secrets::HELP);
        walk.report(diagnostic, &node.range);
        return None;
    }
    let with_scheme = if text.contains("://") { text.clone() } else { format!("https://{text}") };
    let problem = match Url::parse(&with_scheme) {
        Err(error) => Some(error.to_string()),
        Ok(url) if !matches!(url.scheme(), "https" | "http") => Some(format!("it begins with `{}:`", url.scheme())),
        Ok(url) if url.host_str().is_none_or(str::is_empty) => Some("it names no host".into()),
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            Some("`http` would send the token unencrypted; use `https`".into())
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() || !matches!(url.path(), "" | "/") => {
            Some("only the host belongs here, without a path".into())
        }
        Ok(_) => None,
    };
    if let Some(problem) = problem {
        let diagnostic = Diagnostic::error("bad-address", format!("{what} is not the address of a server: {problem}"))
            .help("Write it like `https://adb-1234567890123456.7.azuredatabricks.net`.");
        walk.report(diagnostic, &node.range);
        return None;
    }
    Some(Spanned { value: with_scheme.trim_end_matches('/').to_owned(), span })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Reads `variables`, with the environment's own and then the command line's on top.
pub(super) fn variables(
    walk: &mut Walk<'_>,
    project: &Fields<'_>,
    chosen: Option<&Chosen<'_>>,
    overrides: &[(String, String)],
) -> Option<Map<String, Value>> {
    let mut variables = project.get("variables").map(|node| read_variables(walk, node)).unwrap_or_default();
    let mut known: Vec<String> = variables.keys().cloned().collect();
    if let Some(chosen) = chosen {
        for (_, other) in &chosen.others {
            known.extend(other.get("variables").into_iter().flat_map(Node::keys).map(str::to_owned));
        }
        if let Some(own) = chosen.node.get("variables") {
            let own = read_variables(walk, own);
            known.extend(own.keys().cloned());
            variables.extend(own);
        }
    }
    let mut fine = true;
    for (name, text) in overrides {
        match override_value(name, text, &known) {
            Ok(value) => {
                variables.insert(name.clone(), value);
            }
            Err(diagnostic) => {
                walk.problems.push(*diagnostic);
                fine = false;
            }
        }
    }
    fine.then_some(variables)
}

fn read_variables(walk: &mut Walk<'_>, node: &Node) -> Map<String, Value> {
    let mut variables = Map::new();
    for (key, node) in walk.entries_or_empty(node, "`variables`").unwrap_or_default() {
        if secrets::is_secret_name(&key.text) {
            walk.report(secrets::refusal(&key.text), &key.range);
            continue;
        }
        if let Some(problem) = name_problem(&key.text) {
            walk.error("bad-name", &key.range, problem);
            continue;
        }
        if let Some(value) = walk.json(node, &format!("variable `{}`", key.text)) {
            variables.insert(key.text.clone(), value);
        }
    }
    variables
}

fn name_problem(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("`{name}` has a meaning of its own in templates and cannot be a variable"));
    }
    (!is_identifier(name)).then(|| {
        format!("`{name}` cannot be the name of a variable: use letters of the English alphabet, digits and `_`")
    })
}

/// Reads the value of `--var name=value`.
fn override_value(name: &str, text: &str, known: &[String]) -> Result<Value, Box<Diagnostic>> {
    let error = |message: String| Diagnostic::error("bad-override", format!("--var {name}: {message}"));
    if secrets::is_secret_name(name) || secrets::is_secret_value(text) {
        return Err(error("variables end up in SQL and must not hold secrets".into()).help(secrets::HELP).into());
    }
    if !known.iter().any(|other| other == name) {
        let diagnostic = error("there is no such variable in jobs.yaml".into());
        let help = match did_you_mean(name, known.iter().map(String::as_str)) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Give it a default under `variables` first.".into(),
        };
        return Err(diagnostic.help(help).into());
    }
    let node =
        yaml::parse(text).map_err(|problem| error(format!("the value is not valid YAML: {}", problem.message)))?;
    let Some(node) = node else { return Ok(Value::Null) };
    // A value is no file: it is read on its own, with nothing replaced in it.
    let mut walk = Walk {
        file: crate::diag::SourceFile::new(format!("--var {name}"), text),
        env: &|_| None,
        problems: crate::diag::Diagnostics::new(),
        resolving: false,
        unset: std::collections::HashSet::new(),
        looked_at: std::collections::BTreeSet::new(),
    };
    let value = walk.json(&node, "the value");
    match (value, walk.problems.iter().next()) {
        (Some(value), None) => Ok(value),
        (_, Some(problem)) => Err(error(problem.message.clone()).into()),
        (None, None) => Err(error("the value cannot be read".into()).into()),
    }
}
