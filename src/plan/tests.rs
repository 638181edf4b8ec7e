//! Tests of what the plans are made of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Lock, Marks, Note, Observed, ObservedTable, TableKind};
use crate::ids::{DashboardName, TableName};

fn note(path: &str, content: &Value, earlier: Option<&Note>) -> Note {
    Note::of("shop", &DashboardName::from("sales"), path.to_owned(), content, earlier, false)
}

#[test]
fn of_a_dashboard_the_last_two_contents_are_known() {
    let content = |title: &str| json!({"datasets": [], "pages": [{"name": "p", "displayName": title}]});
    let first = note("/a", &content("one"), None);
    let second = note("/a", &content("two"), Some(&first));
    assert!(second.has_sent(&content("one")), "the second may not have arrived");
    assert!(second.has_sent(&content("two")));
    let third = note("/a", &content("three"), Some(&second));
    assert!(!third.has_sent(&content("one")), "whoever put that back is not us");
    // What the service adds, and the order of keys, are no difference.
    let served =
        json!({"pages": [{"pageType": "PAGE_TYPE_CANVAS", "displayName": "two", "name": "p"}], "datasets": []});
    assert!(second.has_sent(&served));

    let moved = note("/b", &content("two"), Some(&third));
    assert_eq!(
        (moved.sent.len(), moved.former.as_slice()),
        (1, ["/a".to_owned()].as_slice()),
        "nothing was sent there yet"
    );
    let back = note("/a", &content("two"), Some(&moved));
    assert_eq!(back.former, ["/b"]);
    // Renamed in place, it may still hold what was sent before.
    let renamed = Note::of("shop", &third.dashboard, "/c".to_owned(), &content("four"), Some(&third), true);
    assert!(renamed.has_sent(&content("three")));
    assert_eq!(renamed.former, ["/a"]);
}

#[test]
fn kilns_own_tables_are_read_and_not_taken_for_models() {
    let table = ObservedTable {
        kind: TableKind::Table,
        comment: None,
        columns: Vec::new(),
        properties: BTreeMap::new(),
        tags: None,
        column_tags: None,
        grants: None,
        keys: None,
        marks: None,
        definition: None,
        owner: None,
        updated_at: None,
    };
    let written = note("/a", &json!({}), None);
    let statement = written.statements(&TableName::new("c", "s", "_kiln")).pop().expect("it is written down");
    let (_, value) = statement.split_once(" = ").expect("it sets a property");
    let value = value.trim_end_matches(')').trim_matches('\'').replace("\\'", "'").replace("\\\\", "\\");
    let properties = BTreeMap::from([
        ("kiln.dashboard.shop.sales".to_owned(), value),
        ("kiln.dashboard.shop.broken".to_owned(), "{".to_owned()),
        ("delta.minReaderVersion".to_owned(), "1".to_owned()),
    ]);
    let lock = Lock {
        run: "r".into(),
        act: "deploy".into(),
        who: "me".into(),
        machine: "here".into(),
        since: None,
        cancelled: None,
    };
    let mut observed = Observed::default();
    let with = |properties| ObservedTable { properties, ..table.clone() };
    observed.add_table("_kiln", with(properties));
    observed.add_table("_kiln_lock", with(lock.properties().into_iter().collect()));
    observed.add_table("orders", with(BTreeMap::from([("kiln.project".to_owned(), "shop".to_owned())])));
    assert_eq!(observed.note("shop", &DashboardName::from("sales")), Some(&written));
    assert_eq!(observed.lock, Some(lock));
    assert_eq!(observed.tables.keys().collect::<Vec<_>>(), ["orders"]);
    let marks = observed.tables["orders"].marks.clone().expect("it is marked");
    assert_eq!(marks, Marks { project: "shop".to_owned(), ..Marks::default() });
}
