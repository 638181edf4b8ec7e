//! Lineage as one page that needs no network: a card a node, and the way of the column that is clicked.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::View;
use super::text::counted;
use crate::manifest::lineage::{ColumnAt, Lineage, NodeAt, NodeKind};
use crate::report::page::{escape, hash, script_json};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Writes the answer as an HTML document.
pub fn html(view: &View<'_>, project: &str, environment: &str) -> String {
    let lineage = view.lineage;
    let what = view.asked.map_or_else(|| project.to_owned(), |asked| asked.name.clone());
    let shown = view.part.keys().copied().filter(|node| lineage.node(*node).kind != NodeKind::Test);
    let mut levels: BTreeMap<usize, Vec<NodeAt>> = BTreeMap::new();
    let places = places(view);
    for node in shown {
        levels.entry(places[&node]).or_default().push(node);
    }
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.push_str(&format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
         form-action 'none'; script-src {}\">\n",
        hash(SCRIPT)
    ));
    html.push_str(&format!("<title>Lineage of {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n", escape(&what)));
    html.push_str(&format!(
        "<header>\n<div><p class=\"project\">{} · {}</p><h1>Lineage of {}</h1><p class=\"sum\">{}</p></div>\n\
         <div class=\"tools\"><label>Find <input type=\"search\" id=\"find\" placeholder=\"table or column\" autocomplete=\"off\"></label>\
         <button type=\"button\" id=\"clear\" hidden>Show all</button></div>\n\
         <ul class=\"legend\"><li class=\"unchanged\">unchanged</li><li class=\"computed\">computed</li>\
         <li class=\"aggregated\">aggregated</li><li class=\"rows\">decides about rows</li></ul>\n</header>\n",
        escape(project),
        escape(environment),
        escape(&what),
        escape(&counted(lineage, view.part.keys().copied())),
    ));
    html.push_str("<section id=\"about\" aria-live=\"polite\" hidden></section>\n");
    html.push_str("<main><div id=\"board\"><svg id=\"wires\" aria-hidden=\"true\"></svg>\n");
    for nodes in levels.values() {
        html.push_str("<div class=\"level\">\n");
        nodes.iter().for_each(|node| html.push_str(&card(view, *node)));
        html.push_str("</div>\n");
    }
    html.push_str("</div></main>\n");
    html.push_str(&format!(
        "<script type=\"application/json\" id=\"lineage\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        script_json(&data(view))
    ));
    html
}

/// The place of each node from the left: behind all that it reads; dashboards at the right.
fn places(view: &View<'_>) -> HashMap<NodeAt, usize> {
    let lineage = view.lineage;
    let mut places: HashMap<NodeAt, usize> = view.part.keys().map(|node| (*node, 0)).collect();
    // A node can be moved as often as there are nodes, in a circle too.
    for _ in 0..places.len() {
        let mut moved = false;
        for node in view.part.keys() {
            let behind =
                lineage.node(*node).reads.iter().filter_map(|read| places.get(read)).max().map_or(0, |at| at + 1);
            if behind > places[node] && behind <= view.part.len() {
                places.insert(*node, behind);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let furthest = |kinds: &[NodeKind]| {
        places.iter().filter(|(node, _)| kinds.contains(&lineage.node(**node).kind)).map(|(_, at)| *at).max()
    };
    let datasets = furthest(&[NodeKind::Source, NodeKind::Model]).map_or(0, |at| at + 1);
    for node in view.part.keys() {
        match lineage.node(*node).kind {
            NodeKind::Dataset => places.insert(*node, datasets),
            NodeKind::Widget => places.insert(*node, datasets + 1),
            _ => None,
        };
    }
    places
}

fn card(view: &View<'_>, at: NodeAt) -> String {
    let node = view.lineage.node(at);
    let mut html = format!("<section class=\"node {}\" id=\"n{}\">", node.kind.as_str(), at.0);
    let path = node.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    html.push_str(&format!(
        "<h2 title=\"{}\">{} <span>{}</span></h2><ul>",
        escape(&path),
        escape(&node.name),
        node.kind.as_str()
    ));
    for column in view.part.get(&at).into_iter().flatten() {
        let field = &node.columns[*column];
        let data_type = field.data_type.as_ref().map(ToString::to_string).unwrap_or_default();
        html.push_str(&format!(
            "<li><button type=\"button\" id=\"n{}c{column}\" aria-pressed=\"false\">{}<i>{}</i></button></li>",
            at.0,
            escape(&field.name),
            escape(&data_type)
        ));
    }
    if !node.complete {
        html.push_str("<li class=\"unknown\">and columns that could not be told</li>");
    }
    html.push_str("</ul></section>\n");
    html
}

/// What the script walks along.
fn data(view: &View<'_>) -> serde_json::Value {
    let lineage: &Lineage = view.lineage;
    let nodes: serde_json::Map<String, serde_json::Value> = view
        .part
        .keys()
        .map(|at| {
            let node = lineage.node(*at);
            let reads = node.reads.iter().filter(|read| view.part.contains_key(read)).map(|read| read.0);
            let value = json!({
                "name": node.name,
                "kind": node.kind.as_str(),
                "reads": reads.collect::<Vec<_>>(),
            });
            (at.0.to_string(), value)
        })
        .collect();
    let mut values = Vec::new();
    let mut rows = Vec::new();
    for (node, columns) in &view.part {
        for column in columns {
            let field = &lineage.node(*node).columns[*column];
            for (from, how) in field.from.iter().filter(|(from, _)| view.has(*from)) {
                values.push(json!([
                    id(*from),
                    id(ColumnAt { node: *node, column: *column }),
                    super::word(*how).unwrap_or("unchanged")
                ]));
            }
        }
        for (from, clauses) in lineage.node(*node).rows.iter().filter(|(from, _)| view.has(*from)) {
            rows.push(json!([id(*from), node.0, clauses.words().collect::<Vec<_>>().join(", ")]));
        }
    }
    let asked = view.asked.and_then(|asked| asked.column).map(id);
    json!({"nodes": nodes, "values": values, "rows": rows, "asked": asked})
}

fn id(at: ColumnAt) -> String {
    format!("n{}c{}", at.node.0, at.column)
}
