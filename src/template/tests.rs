//! Tests of templates: what they become, where each character comes from, and what is said of bad ones.

use std::fs;
use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::*;
use crate::config::{Environment, Workspace};

/// Makes a project with the given component files and some variables.
fn project(root: &Path, macros: &[(&str, &str)]) -> Project {
    for (name, text) in macros {
        fs::write(root.join(name), text).unwrap();
    }
    let Value::Object(variables) = json!({
        "windows": [30, 60, 90],
        "zone": "Europe/Berlin",
        "limit": 10,
        "debug": false,
        "columns": {"zeta": "BIGINT", "alpha": "DATE", "mid": "STRING"},
        "quoted": "it's a \\ back`slash",
    }) else {
        unreachable!()
    };
    let jobs = SourceFile::new("jobs.yaml", "");
    Project {
        root: root.to_owned(),
        written: crate::ids::Fingerprint::of(&[]),
        name: "shop".into(),
        variables,
        macros: macros.iter().map(|(name, _)| ((*name).to_owned(), name.into())).collect(),
        environment: Environment {
            name: "local".into(),
            workspace: Workspace::Embedded,
            warehouse: None,
            concurrency: None,
            catalog: "main".into(),
            schema: "retention".into(),
            fivetran: None,
            dashboard_folder: None,
            schedules: crate::config::Schedules::Run,
            job_folder: "/Shared/kiln".to_owned(),
            grants: std::collections::BTreeMap::new(),
            databricks_tags: std::collections::BTreeMap::new(),
            protected: None,
            notify: Vec::new(),
            span: Span::start_of(&jobs),
        },
        environment_names: vec!["local".into()],
        homes: Vec::new(),
        connections: IndexMap::new(),
        sources: IndexMap::new(),
        models: IndexMap::new(),
        lints: crate::config::Levels::default(),
        dashboards: IndexMap::new(),
        jobs: IndexMap::new(),
        unit_tests: Vec::new(),
    }
}

const LIBRARY: &str = "\
{# Dates. #}
{% component month_of(day: string) -%}
CAST(date_trunc('MONTH', {{ day }}) AS DATE)
{%- endcomponent month_of %}

{% component rates(windows) %}
{%- for window in windows %}
  , count(*) FILTER (WHERE days <= {{ window }}) AS within_{{ window }}
{%- endfor %}
{% endcomponent rates %}

{% component wrapped() -%}
( -- begin
{{ body }}
) -- end
{%- endcomponent wrapped %}

{% component local_date(moment: string, @zone: string) -%}
from_utc_timestamp({{ moment }}, '{{ zone }}')
{%- endcomponent local_date %}
";

fn render_with(macros: &[(&str, &str)], text: &str) -> Result<Rendered, Diagnostics> {
    let root = tempfile::tempdir().unwrap();
    let templates = Templates::new(&project(root.path(), macros))?;
    templates.render_source(&SourceFile::new("sql/orders.sql", text))
}

fn render(text: &str) -> Result<Rendered, Diagnostics> {
    render_with(&[("library.tera", LIBRARY)], text)
}

fn rendered(text: &str) -> Rendered {
    render(text).unwrap_or_else(|problems| panic!("{text}\n{}", shown(&problems).join("\n")))
}

/// Writes every problem as `path:line:column message (help)`.
fn shown(problems: &Diagnostics) -> Vec<String> {
    let line = |d: &Diagnostic| {
        let place = d.primary.as_ref().map_or("-".to_owned(), |(span, _)| span.to_string());
        let help = d.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{place} {}{help}", d.message)
    };
    problems.iter().map(line).collect()
}

const TEMPLATES: [&str; 14] = [
    "select {{ limit }} as n, 'größe' as größe\nfrom t\n",
    "select 1\n{%- for window in windows %}\n  , {{ window }} as w{{ window }}\n{%- endfor %}\nfrom t\n",
    "{% for window in windows -%}\n  a {{- window -}} b\n{% endfor %}\nend",
    "{% for window in windows %}{{ window }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% if debug %}\n-- debug\n{% else %}\n-- no debug\n{% endif %}\nselect '{{ zone }}' -- {{ limit }}\n",
    "a {# comment {{ limit }} #} b {#- trim -#} c",
    "{% raw %}{{ not.a.variable }}{% endraw %} x {%- raw -%}  {% y %}  {%- endraw -%} z {{ limit }}",
    "{% set n = limit * 2 %}\n{% set text -%} some {{ n }} text {%- endset %}\nselect {{ text }} {{ text }}\n",
    "select {{ <month_of day=\"ordered_at\" /> }} as month,\n  {{ <local_date moment=\"at\" /> }}\nfrom t",
    "select count(*)\n{{ <rates windows={windows} /> }}\nfrom t\n",
    "with x as {% <wrapped> %}\n  select {{ limit }}\n{% </wrapped> %}\nselect * from x",
    "{% filter upper %}select {{ zone }} from t{% endfilter %} where true\n",
    "{{ zone }}{{ limit }}{{ zone }}",
    "{% for name, type in columns %}{{ name | ident }} {{ type }},\n{% endfor %}{{ quoted | sql_string }} {{ quoted | ident }}",
];

#[test]
fn templates_render_as_tera_does() {
    assert_eq!(rendered(TEMPLATES[1]).text, "select 1\n  , 30 as w30\n  , 60 as w60\n  , 90 as w90\nfrom t\n");
    assert_eq!(rendered(TEMPLATES[2]).text, "a30b\na60b\na90b\n\nend");
    assert_eq!(
        rendered(TEMPLATES[8]).text,
        "select CAST(date_trunc('MONTH', ordered_at) AS DATE) as month,\n  from_utc_timestamp(at, 'Europe/Berlin')\nfrom t"
    );
    assert_eq!(
        rendered(TEMPLATES[13]).text,
        "`zeta` BIGINT,\n`alpha` DATE,\n`mid` STRING,\n'it\\'s a \\\\ back`slash' `it's a \\ back``slash`",
        "maps keep the order of the file"
    );
    let text =
        "{{ environment.name }} {{ environment.catalog }}.{{ environment.schema }}.{{ model.name }} of {{ project }}";
    assert_eq!(rendered(text).text, "local main.retention.orders of shop");
    let html = "{{ zone ~ '<&\"' }}";
    assert_eq!(rendered(html).text, "Europe/Berlin<&\"", "nothing is escaped");
}

#[test]
fn every_character_of_literal_text_comes_from_an_equal_character() {
    for template in TEMPLATES {
        let rendered = rendered(template);
        let mut literal = 0;
        for (offset, character) in rendered.text.char_indices() {
            let span = rendered.origin(offset..offset + character.len_utf8());
            let origin = span.text();
            assert!(!origin.is_empty(), "{template}: no origin of {offset} in {:?}", rendered.text);
            if origin.starts_with("{{") {
                continue;
            }
            literal += 1;
            let same = origin.to_uppercase() == character.to_uppercase().to_string();
            assert!(
                same,
                "{template}: {character:?} at {offset} of {:?} is said to come from {origin:?}",
                rendered.text
            );
        }
        assert!(literal > 0 || template == TEMPLATES[12], "{template}");
    }
}

/// Pieces of templates; those that open a block come with what closes it.
const PIECES: [(&str, &str); 27] = [
    ("{{ limit }}", ""),
    ("{{- limit }}", ""),
    ("{{ zone -}}", ""),
    ("{{- padded -}}", ""),
    ("{{ '}}' }}", ""),
    ("{% for w in windows %}", "{% endfor %}"),
    ("{%- for w in windows -%}", "{%- endfor -%}"),
    ("{% if debug %}no{% else %}", "{% endif %}"),
    ("{% if not debug -%}", "{%- endif %}"),
    ("{% filter upper %}", "{% endfilter %}"),
    ("{% <wrapped> %}", "{% </wrapped> %}"),
    ("{{ <month_of day=\"x\" /> }}", ""),
    ("{{ <rates windows={windows} /> }}", ""),
    ("{% set n = 1 %}", ""),
    ("{% set text -%} some {{ padded }} {% endset %}{{ text }}", ""),
    ("{# comment #}", ""),
    ("{#- comment -#}", ""),
    ("{% raw %} {{ x }} {% endraw %}", ""),
    ("{%- raw -%} r {%- endraw -%}", ""),
    (" ", ""),
    ("\n\n  ", ""),
    ("abc", ""),
    ("schön", ""),
    ("'%}'", ""),
    ("{", ""),
    ("}", ""),
    ("%", ""),
];

#[test]
fn whatever_the_template_literal_text_comes_from_equal_text() {
    let root = tempfile::tempdir().unwrap();
    let mut project = project(root.path(), &[("library.tera", LIBRARY)]);
    project.variables.insert("padded".into(), json!("  a b "));
    let templates = Templates::new(&project).unwrap();
    let mut state = 42_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut rendered_templates = 0;
    for _ in 0..600 {
        let mut template = String::new();
        let mut open = Vec::new();
        for _ in 0..2 + random(12) {
            let (start, end) = PIECES[random(PIECES.len())];
            template.push_str(start);
            if !end.is_empty() {
                open.push(end);
            } else if random(3) == 0 {
                template.push_str(open.pop().unwrap_or_default());
            }
        }
        template.extend(open.into_iter().rev());
        // Single braces can join to something that is no template.
        let Ok(rendered) = templates.render_source(&SourceFile::new("sql/orders.sql", &*template)) else { continue };
        rendered_templates += 1;
        for (offset, character) in rendered.text.char_indices() {
            let span = rendered.origin(offset..offset + character.len_utf8());
            let fits =
                span.text().starts_with("{{") || span.text().to_uppercase() == character.to_uppercase().to_string();
            assert!(
                fits,
                "{template:?}: {character:?} at {offset} of {:?} comes from {span} {:?}",
                rendered.text,
                span.text()
            );
        }
    }
    assert!(rendered_templates > 400, "{rendered_templates}");
}

#[test]
fn marks_change_no_template_here() {
    for template in TEMPLATES {
        let root = tempfile::tempdir().unwrap();
        let templates = Templates::new(&project(root.path(), &[("library.tera", LIBRARY)])).unwrap();
        let mut marks = templates.marked.as_ref().unwrap().1.clone();
        let file = SourceFile::new("sql/orders.sql", template);
        let instrumented = Instrumented::new(&file, &mut marks);
        let mut scope = templates.scope.clone();
        scope.insert("model", &json!({"name": "orders"}));
        let mut plain = templates.plain.clone();
        plain.add_raw_template(&instrumented.name, &instrumented.plain).unwrap();
        let text = run(&mut plain, &instrumented, &scope.context).unwrap();
        let mut marked = templates.marked.as_ref().unwrap().0.clone();
        marked.add_raw_template(&instrumented.name, &instrumented.marked).unwrap();
        let with_marks = run(&mut marked, &instrumented, &scope.context).unwrap();
        assert!(marks.locate(&with_marks, &text).is_some(), "{template}\n{with_marks:?}\n{text:?}");
    }
}

/// Returns the origin of the n-th place where a text stands in what a template renders to.
fn origin(template: &str, text: &str, nth: usize) -> String {
    let rendered = rendered(template);
    let (start, _) = rendered.text.match_indices(text).nth(nth).unwrap_or_else(|| panic!("{}", rendered.text));
    let span = rendered.origin(start..start + text.len());
    let (line, column) = rendered.line_column(start);
    let by_line = rendered.origin_of_line_column(line, column);
    assert_eq!(by_line.line_column(), span.line_column());
    format!("{span} {}", span.text().escape_debug())
}

#[test]
fn places_are_found_through_loops_components_and_expressions() {
    for (template, text, nth, expected) in [
        (0, "größe", 1, "sql/orders.sql:1:37 größe"),
        (0, "10", 0, "sql/orders.sql:1:8 {{ limit }}"),
        (0, "from t", 0, "sql/orders.sql:2:1 from t"),
        (1, " as w", 2, "sql/orders.sql:3:17 as w"),
        (1, "90", 1, "sql/orders.sql:3:22 {{ window }}"),
        (4, "-- no", 0, "sql/orders.sql:4:1 -- no"),
        (6, "not.a.variable", 0, "sql/orders.sql:1:13 not.a.variable"),
        (7, "some", 1, "sql/orders.sql:2:17 some"),
        (8, "date_trunc", 0, "library.tera:3:6 date_trunc"),
        (8, "ordered_at", 0, "library.tera:3:26 {{ day }}"),
        (8, " as month", 0, "sql/orders.sql:1:43  as month"),
        (9, "FILTER", 2, "library.tera:8:14 FILTER"),
        (10, "( -- begin", 0, "library.tera:13:1 ( -- begin"),
        (10, "select 10", 0, "sql/orders.sql:2:3 select {{ limit }}"),
        (10, ") -- end", 0, "library.tera:15:1 ) -- end"),
        (11, "where", 0, "sql/orders.sql:1:59 where"),
        (12, "10", 0, "sql/orders.sql:1:11 {{ limit }}"),
    ] {
        let expected = if template == 1 && text == " as w" { "sql/orders.sql:3:17  as w" } else { expected };
        assert_eq!(origin(TEMPLATES[template], text, nth), expected, "{}", TEMPLATES[template]);
    }
}

#[test]
fn a_range_over_several_rounds_or_files_begins_at_its_first_piece() {
    assert_eq!(origin(TEMPLATES[1], "as w30\n  , 60", 0), "sql/orders.sql:3:18 as w");
    assert_eq!(origin(TEMPLATES[8], "as month,\n  from_utc", 0), "sql/orders.sql:1:44 as month,\\n  ");
    assert_eq!(origin(TEMPLATES[0], "select 10 as n", 0), "sql/orders.sql:1:1 select {{ limit }} as n");
}

#[test]
fn a_template_that_looks_at_its_own_text_is_mapped_line_by_line() {
    let template = "select 1\n{% set x %}abc{% endset -%}\nfrom t{{ x | length }}\nwhere true\n";
    let rendered = rendered(template);
    assert_eq!(rendered.text, "select 1\nfrom t3\nwhere true\n");
    let at = rendered.text.find("true").unwrap();
    assert_eq!(rendered.origin(at..at + 4).to_string(), "sql/orders.sql:4:7");
}

#[test]
fn a_text_without_tags_is_its_own_origin() {
    let rendered = rendered("select 1 -- { % # }");
    assert_eq!(rendered.origin(7..8).to_string(), "sql/orders.sql:1:8");
    assert_eq!(rendered.origin(999..999).line_column(), (1, 20));
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let Err(problems) = render(text) else { panic!("{text} renders to {:?}", render(text).unwrap().text) };
    let found = shown(&problems);
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.starts_with(e));
    assert!(fits, "of\n{text}\nis said\n{}\nnot\n{}", found.join("\n"), expected.join("\n"));
    assert!(found.iter().all(|line| !line.contains("__kiln") && !line.contains('\n')), "{found:?}");
}

#[test]
fn undefined_variables_are_named_all_of_them() {
    for (text, expected) in [
        ("a\n  {{ limt }}", vec!["sql/orders.sql:2:6 undefined variable `limt` (Did you mean `limit`?)"]),
        (
            "{{ banana }}",
            vec!["sql/orders.sql:1:4 undefined variable `banana` (Give it a value under `variables` in jobs.yaml"],
        ),
        (
            "{% for w in windws %}{{ w }}{{ zoen }}{% endfor %}",
            vec!["sql/orders.sql:1:13 undefined variable `windws`", "sql/orders.sql:1:32 undefined variable `zoen`"],
        ),
        ("{% if debugg %}x{% endif %}", vec!["sql/orders.sql:1:7 undefined variable `debugg` (Did you mean `debug`?)"]),
        ("{{ 'limt' ~ limt }}", vec!["sql/orders.sql:1:13 undefined variable `limt`"]),
        ("{{ environment.schem }}", vec!["sql/orders.sql:1:16 undefined field `schem` (Did you mean `schema`?)"]),
        (
            "{% for w in windows %}\n{{ w }} {{ columns.other }}{% endfor %}",
            vec!["sql/orders.sql:2:20 undefined field `other` (There is: "],
        ),
        ("{% for x in windows %}{% endfor %}{{ x }}", vec!["sql/orders.sql:1:38 undefined variable `x`"]),
    ] {
        check(text, &expected);
    }
    for (text, expected) in [
        ("{{ nothing | default(value='x') }}", "x"),
        ("{% if nothing is defined %}{{ nothing }}{% else %}y{% endif %}", "y"),
        ("{% if nothing is not defined %}z{% endif %}", "z"),
        ("{% for w in windows %}{% set_global last = w %}{% endfor %}{{ last }}", "90"),
    ] {
        assert_eq!(rendered(text).text, expected, "{text}");
    }
}

#[test]
fn mistakes_are_reported_at_their_place() {
    for (text, expected) in [
        ("select {{ limit", "sql/orders.sql:1:"),
        ("a\n{% for x windows %}{% endfor %}", "sql/orders.sql:2:10 "),
        ("{% for x in windows %}a", "sql/orders.sql:1:"),
        ("{% endif %}", "sql/orders.sql:1:"),
        ("{{ limit | uper }}", "sql/orders.sql:1:12 there is no filter `uper` (Did you mean `upper`?)"),
        ("{{ rnge(end=3) }}", "sql/orders.sql:1:4 there is no function `rnge` (Did you mean `range`?)"),
        ("{% if limit is evn %}{% endif %}", "sql/orders.sql:1:16 there is no test `evn` (Did you mean `even`?)"),
        (
            "a\n{{ <month_off day='x' /> }}",
            "sql/orders.sql:2:4 there is no component `month_off` (Did you mean `month_of`?)",
        ),
        ("{% include 'libary.tera' %}", "sql/orders.sql:1:"),
        ("{{ <month_of /> }}", "sql/orders.sql:1:4 "),
        ("{{ <month_of day={limit} /> }}", "sql/orders.sql:1:4 "),
        ("{{ zone + 1 }}", "sql/orders.sql:1:4 `+` requires both operands to be numbers"),
        ("{{ limit | upper }}", "sql/orders.sql:1:4 invalid type for the value"),
        ("{% for x in windows %}{{ x }}{% endfor %} {{ limit / 0 }}", "sql/orders.sql:1:"),
        ("{{ '' | ident }}", "sql/orders.sql:1:"),
        ("{{ throw(message='not like this') }}", "sql/orders.sql:1:4 not like this"),
        ("{% extends 'nothing.tera' %}", "sql/orders.sql:1:1 "),
    ] {
        check(text, &[expected]);
    }
}

#[test]
fn several_unknown_names_are_reported_together() {
    check(
        "{{ limit | uper }}\n{{ limit | lowr }}",
        &["sql/orders.sql:1:12 there is no filter `uper`", "sql/orders.sql:2:12 there is no filter `lowr`"],
    );
}

#[test]
fn an_error_in_a_component_names_its_place_and_its_caller() {
    let library = "{% component a(x) %}\n{% for i in x %}{{ i + 'a' }}{% endfor %}{% endcomponent a %}\n{% component b() %}{{ limit }}{% endcomponent b %}";
    let problems = render_with(&[("lib.tera", library)], "select\n  {{ <a x={windows} /> }}").unwrap_err();
    let found = problems.iter().next().unwrap();
    assert_eq!(found.primary.as_ref().unwrap().0.to_string(), "lib.tera:2:20");
    assert_eq!(found.related[0].0.to_string(), "sql/orders.sql:2:6");
    let problems = render_with(&[("lib.tera", library)], "{{ <b /> }}").unwrap_err();
    assert_eq!(
        shown(&problems),
        [
            "lib.tera:3:23 `limit` is not defined in this component (A component sees only its arguments: pass it, or declare the argument `@limit`.)"
        ]
    );
}

#[test]
fn a_library_with_mistakes_is_refused_with_all_of_them() {
    let problems =
        render_with(&[("a.tera", "{% component x( %}"), ("b.tera", "\n{% if %}"), ("c.tera", "{{ 1 }}")], "")
            .unwrap_err();
    let found = shown(&problems);
    assert!(found.len() == 2 && found[0].starts_with("a.tera:1:") && found[1].starts_with("b.tera:2:"), "{found:?}");
    let one = "{% component x() %}{% endcomponent x %}";
    let problems = render_with(&[("a.tera", one), ("b.tera", one)], "").unwrap_err();
    assert_eq!(shown(&problems), ["b.tera:1:1 component `x` is defined twice"]);
    assert_eq!(problems.iter().next().unwrap().related[0].0.to_string(), "a.tera:1:1");
    let root = tempfile::tempdir().unwrap();
    let mut project = project(root.path(), &[]);
    project.macros.insert("gone.tera".into(), "gone.tera".into());
    let Err(problems) = Templates::new(&project) else { panic!() };
    assert!(shown(&problems)[0].starts_with("gone.tera:1:1 cannot read gone.tera: "));
}

#[test]
fn runaway_templates_end_with_an_error() {
    let nested = "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}";
    check(nested, &["sql/orders.sql:1:33 the template's loops go round more than 100000 times"]);
    check(
        "{% for a in range(end=90000) %}{{ zone }} {{ '....................................................................................................................................................................................................' }}{% endfor %}",
        &["sql/orders.sql:1:1 the rendered text is larger than 16 MiB"],
    );
    check(
        "{% set s = 'abc' %}{% for a in range(end=1000) %}{% set_global s = s ~ s %}{% endfor %}",
        &["sql/orders.sql:1:20 a variable of the template grows beyond 16 MiB"],
    );
    let endless = "{% component a() %}{{ <a /> }}{% endcomponent a %}";
    let problems = render_with(&[("lib.tera", endless)], "\n {{ <a /> }}").unwrap_err();
    assert_eq!(shown(&problems), ["sql/orders.sql:2:2 components call each other more than 20 deep"]);
    let branching = "{% component a() %}{{ <b /> }}{{ <b /> }}{{ <b /> }}{% endcomponent a %}{% component b() %}{{ <a /> }}{% endcomponent b %}";
    assert!(render_with(&[("lib.tera", branching)], "{{ <a /> }}").is_err());
    let includes = "{% include 'lib.tera' %}";
    assert!(render_with(&[("lib.tera", includes)], "x").is_err());
    assert!(render(&"(".repeat(5000).replacen('(', "{{ (", 1)).is_err());
}

#[test]
fn files_that_cannot_be_read_are_reported() {
    let root = tempfile::tempdir().unwrap();
    let templates = Templates::new(&project(root.path(), &[])).unwrap();
    fs::create_dir(root.path().join("sql")).unwrap();
    fs::write(root.path().join("sql/latin.sql"), b"select 'caf\xe9'").unwrap();
    fs::write(root.path().join("sql/fine.sql"), "\u{feff}select {{ limit }}").unwrap();
    let said = |path: &str| shown(&templates.render(Path::new(path)).unwrap_err()).remove(0);
    assert!(said("sql/gone.sql").starts_with("sql/gone.sql:1:1 cannot read sql/gone.sql: "));
    assert!(said("sql").contains("cannot read sql: "));
    assert_eq!(
        said("sql/latin.sql"),
        "sql/latin.sql:1:1 sql/latin.sql is not UTF-8 (Save it with the encoding UTF-8.)"
    );
    assert_eq!(templates.render(Path::new("sql/fine.sql")).unwrap().text, "select 10");
}
