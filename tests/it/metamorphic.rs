//! Relations between shops that must hold between their marts, whatever the figures are, over a few hundred customers whom a seed
//! makes up: the order of rows and of syncs changes nothing, a shift of all dates shifts all dates, and an order that is sent
//! back takes away what its customer brought and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{Days, Months, NaiveDate, NaiveDateTime};

use crate::cohort_sql::{marts, run, shop};
use crate::support::Project;
use crate::tables::Tables;

/// A small generator of numbers (SplitMix64), so that a seed gives the same shop everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).expect("a place in a short list")]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, usize::try_from(self.below(end as u64 + 1)).expect("a place in the list"));
        }
    }
}

#[derive(Clone)]
struct Order {
    id: u64,
    checkout: String,
    customer: Option<u64>,
    at: NaiveDateTime,
    status: &'static str,
    channel: &'static str,
    country: &'static str,
    code: &'static str,
    cents: u64,
}

#[derive(Clone)]
struct Line {
    id: u64,
    order: u64,
    product: u64,
    quantity: u64,
    returned: u64,
    cents: u64,
}

/// What a shop's files hold.
#[derive(Clone)]
pub(crate) struct Rows {
    orders: Vec<Order>,
    lines: Vec<Line>,
    products: Vec<String>,
}

const CUSTOMERS: u64 = 300;
/// Whom the data begin and end with, so that what is observed stays the same whoever else comes and goes.
const ANCHOR: u64 = 1;
const OPENING: &str = "2023-01-02";
const CLOSING: &str = "2024-06-30";

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

impl Rows {
    /// So many customers, and a few orders of guests.
    pub(crate) fn of_seed(seed: u64, customers: u64) -> Self {
        let mut random = Random(seed);
        let products = ["1,Coffee", "2,Tea", "3,Cups", "4,"].map(str::to_owned).to_vec();
        let mut rows = Self { orders: Vec::new(), lines: Vec::new(), products };
        for customer in 1..=customers {
            if customer == ANCHOR {
                for on in [OPENING, CLOSING] {
                    rows.order(&mut random, Some(ANCHOR), day(on), "completed");
                }
                continue;
            }
            let mut on = day(OPENING) + Days::new(random.below(500));
            loop {
                let status = match random.below(20) {
                    0 => "cancelled",
                    1 => "returned",
                    2 | 3 => "placed",
                    _ => "completed",
                };
                let buyer = (!random.one_in(20)).then_some(customer);
                rows.order(&mut random, buyer, on, status);
                // Some come twice a day, and the others in some weeks.
                on = if random.one_in(12) { on } else { on + Days::new(1 + random.below(25) * random.below(9)) };
                if on >= day(CLOSING) || random.one_in(3) {
                    break;
                }
            }
        }
        rows
    }

    fn order(&mut self, random: &mut Random, customer: Option<u64>, on: NaiveDate, status: &'static str) {
        let id = 1000 + self.orders.len() as u64;
        // Between three and twenty by UTC it is the same day in Berlin, in summer and in winter.
        let at = on.and_hms_opt(3, 0, 0).expect("a moment") + chrono::TimeDelta::seconds(random.below(61_200) as i64);
        let channel = ["web", "app", "email", ""][if random.one_in(30) { 3 } else { random.below(3) as usize }];
        let order = Order {
            id,
            checkout: format!("c{id}"),
            customer,
            at,
            status,
            channel,
            country: random.pick(&["DE", "DE", "AT", "CH"]),
            code: if random.one_in(4) { "SAVE" } else { "" },
            cents: 500 + random.below(6_000),
        };
        for _ in 0..random.below(4) {
            let quantity = 1 + random.below(3);
            self.lines.push(Line {
                id: 1 + self.lines.len() as u64,
                order: id,
                product: 1 + random.below(5),
                quantity,
                returned: if random.one_in(6) { 1 + random.below(quantity) } else { 0 },
                cents: 100 + random.below(3_000),
            });
        }
        if random.one_in(25) {
            let again = Order { id: id + 500_000, at: at + chrono::TimeDelta::seconds(20), ..order.clone() };
            self.orders.push(again);
        }
        self.orders.push(order);
    }

    /// The rows as CSV: orders, lines, products.
    fn files(&self) -> [String; 3] {
        let orders = self.orders.iter().map(|order| {
            let Order { id, checkout, at, status, channel, country, code, cents, .. } = order;
            let customer = order.customer.map(|customer| customer.to_string()).unwrap_or_default();
            let (whole, part) = (cents / 100, cents % 100);
            format!("{id},{checkout},{customer},{at},{status},{channel},{country},{code},0.00,{whole}.{part:02}\n")
        });
        let lines = self.lines.iter().map(|line| {
            let Line { id, order, product, quantity, returned, cents } = line;
            format!("{id},{order},{product},{quantity},{returned},{}.{:02}\n", cents / 100, cents % 100)
        });
        let products = self.products.iter().map(|product| format!("{product}\n"));
        [
            "id,checkout_id,customer_id,ordered_at,status,channel,country,discount_code,discount,total\n".to_owned()
                + &orders.collect::<String>(),
            "id,order_id,product_id,quantity,returned_quantity,unit_price\n".to_owned() + &lines.collect::<String>(),
            "id,category\n".to_owned() + &products.collect::<String>(),
        ]
    }

    pub(crate) fn write(&self, project: &Project) {
        let paths = ["data/orders.csv", "data/order_items.csv", "data/products.csv"];
        for (path, text) in paths.into_iter().zip(self.files()) {
            project.write(path, &text);
        }
    }

    /// A shop of these rows whose job has run.
    fn build(&self) -> Project {
        let project = shop();
        self.write(&project);
        run(&project, "local");
        project
    }

    fn moved(&self, to: impl Fn(NaiveDate) -> NaiveDate) -> Self {
        let mut moved = self.clone();
        for order in &mut moved.orders {
            order.at = to(order.at.date()).and_time(order.at.time());
        }
        moved
    }

    /// Only what these customers bought; guests' orders stay.
    fn only(&self, is_wanted: impl Fn(u64) -> bool) -> Self {
        let mut some = self.clone();
        some.orders.retain(|order| order.customer.is_none_or(&is_wanted));
        some
    }

    fn order_mut(&mut self, id: u64) -> &mut Order {
        self.orders.iter_mut().find(|order| order.id == id).expect("the order is there")
    }
}

/// The shop that all others are held against, and all rows of all its marts.
static ROWS: LazyLock<Rows> = LazyLock::new(|| Rows::of_seed(7, CUSTOMERS));
static MARTS: LazyLock<String> = LazyLock::new(|| marts(&ROWS.build(), "retention", ""));

/// Says where two texts part, in place of both: they have thousands of lines.
#[track_caller]
fn same(have: &str, wanted: &str, place: &str) {
    let parts = have.lines().zip(wanted.lines()).find(|(have, wanted)| have != wanted);
    let (lines, wanted_lines) = (have.lines().count(), wanted.lines().count());
    assert!(
        lines == wanted_lines && parts.is_none(),
        "{place}: {lines} lines and {wanted_lines}, parting at {parts:#?}"
    );
}

#[test]
fn the_made_up_shop_has_what_it_is_for() {
    let lines = MARTS.lines().count();
    assert!(lines > 5_000, "{lines}");
    for text in ["unknown", "within chance", "Coffee", "2024-W20", "2024-Q1"] {
        assert!(MARTS.contains(text), "{text}");
    }
}

#[test]
fn the_order_of_the_rows_changes_nothing() {
    for seed in 1..=3 {
        let mut random = Random(seed);
        let mut rows = ROWS.clone();
        random.shuffle(&mut rows.orders);
        random.shuffle(&mut rows.lines);
        random.shuffle(&mut rows.products);
        same(&marts(&rows.build(), "retention", ""), &MARTS, &format!("seed {seed}"));
    }
}

#[test]
fn how_rows_are_spread_over_syncs_changes_nothing() {
    for seed in 1..=2 {
        let mut random = Random(seed);
        // Some orders come first, as yet without lines and as they were placed; then more, and at last all as they are.
        let mut first = ROWS.clone();
        first.orders.retain(|order| order.customer == Some(ANCHOR) || random.one_in(2));
        first.orders.iter_mut().for_each(|order| order.status = "placed");
        first.lines.retain(|_| random.one_in(3));
        let mut second = ROWS.clone();
        let early: BTreeSet<u64> = first.orders.iter().map(|order| order.id).collect();
        second.orders.retain(|order| early.contains(&order.id) || random.one_in(2));
        let early: BTreeSet<u64> = first.lines.iter().map(|line| line.id).collect();
        second.lines.retain(|line| early.contains(&line.id) || !random.one_in(3));
        let project = first.build();
        for rows in [&second, &*ROWS] {
            rows.write(&project);
            run(&project, "local");
        }
        same(&marts(&project, "retention", ""), &MARTS, &format!("seed {seed}"));
        // And once more, though there is nothing new.
        run(&project, "local");
        same(&marts(&project, "retention", ""), &MARTS, &format!("seed {seed}, twice"));
    }
}

/// Moves the years that a text begins or has after a blank: those of dates, moments, and names of periods.
fn with_years(text: &str, moved: i32) -> String {
    let is_year = |word: &str| {
        let bytes = word.as_bytes();
        bytes.len() > 4 && bytes[4] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit)
    };
    let word = |word: &str| match is_year(word) {
        true => format!("{}{}", word[..4].parse::<i32>().expect("a year") + moved, &word[4..]),
        false => word.to_owned(),
    };
    let lines = text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn from_leap_year_to_leap_year_all_dates_move_and_nothing_else() {
    // After four years the weeks lie otherwise, and months and quarters as before.
    let project = ROWS.moved(|day| day + Months::new(48)).build();
    let no_weeks = marts(&ROWS.build(), "retention", "period <> 'week'");
    same(&with_years(&marts(&project, "retention", "period <> 'week'"), -4), &no_weeks, "four years later");
    // After 28 years the calendar is the same, weeks included.
    let project = ROWS.moved(|day| day - Months::new(12 * 28)).build();
    same(&with_years(&marts(&project, "retention", ""), 28), &MARTS, "28 years earlier");
}

/// What does not know months, with days counted from the first one.
const BY_WEEKS: [&str; 8] = [
    "SELECT datediff(last_full_day, first_day) FROM observation",
    "SELECT purchase_id, customer_id, datediff(purchased_on, first_day), channel, country, category, revenue, discounted
     FROM purchases CROSS JOIN observation ORDER BY ALL",
    "SELECT customer_id, datediff(first_purchased_on, first_day), datediff(second_purchased_on, first_day), days_to_second, channel,
            country, first_category, first_revenue, first_order_discounted, purchases, purchase_days, observed_days
     FROM customer_first_second CROSS JOIN observation ORDER BY ALL",
    "SELECT datediff(cohort_start, first_day), periods_since, channel, country, first_category, sum(cohort_size), sum(active_customers)
     FROM cohort_matrix CROSS JOIN observation WHERE period = 'week' GROUP BY ALL ORDER BY ALL",
    "SELECT datediff(period_start, first_day), channel, country, first_category, sum(customers), sum(observed_30d), sum(repeaters_30d),
            sum(observed_60d), sum(repeaters_60d), sum(observed_90d), sum(repeaters_90d), sum(revenue_30d)
     FROM cohort_periods CROSS JOIN observation WHERE period = 'week' GROUP BY ALL ORDER BY ALL",
    "SELECT customer_id, dimension, segment, days_to_second, observed_days
     FROM customer_segments WHERE dimension NOT IN ('cohort', 'cohort quarter') ORDER BY ALL",
    "SELECT * FROM repurchase_curves WHERE dimension NOT IN ('cohort', 'cohort quarter') ORDER BY ALL",
    "SELECT * FROM repurchase_summary WHERE dimension NOT IN ('cohort', 'cohort quarter') ORDER BY ALL",
];

#[test]
fn by_whole_weeks_all_that_knows_no_months_stays_as_it_is() {
    let answers = |rows: &Rows| {
        let project = rows.build();
        let tables = Tables::open(&project, "", "retention");
        let answers: String = BY_WEEKS.iter().map(|sql| format!("{sql}\n{}\n", tables.rows(sql).join("\n"))).collect();
        tables.close();
        answers
    };
    let wanted = answers(&ROWS);
    assert!(wanted.lines().count() > 2_000);
    for weeks in [1, 13] {
        let moved = ROWS.moved(|day| day + Days::new(7 * weeks));
        same(&answers(&moved), &wanted, &format!("{weeks} weeks later"));
    }
}

/// The marts whose counts add up over customers: what tells their rows apart, and the counts.
const COUNTS: [(&str, &[&str], &[&str]); 15] = [
    ("observation", &["first_day", "last_full_day"], &["1"]),
    (
        "cohort_activity",
        &["cohort_month", "activity_month", "months_since", "channel", "country", "first_category"],
        &["active_customers", "purchases", "revenue", "repeat_revenue"],
    ),
    (
        "cohort_retention",
        &["cohort_month", "activity_month", "months_since", "channel", "country", "first_category"],
        &["cohort_size", "active_customers"],
    ),
    (
        "cohort_matrix",
        &["period", "cohort_start", "cohort", "periods_since", "cohort_month", "channel", "country", "first_category"],
        &["cohort_size", "active_customers"],
    ),
    (
        "cohort_periods",
        &["period", "period_start", "period_name", "cohort_month", "channel", "country", "first_category"],
        &["customers", "observed_30d", "repeaters_30d", "observed_60d", "repeaters_60d", "observed_90d", "revenue_30d"],
    ),
    (
        "repeat_rates",
        &["cohort_month", "window_days", "channel", "country", "first_category"],
        &["cohort_size", "observed_customers", "repeaters"],
    ),
    (
        "time_to_second_purchase",
        &["cohort_month", "cohort_quarter", "days_since_first", "channel", "country", "first_category"],
        &["customers", "repeaters_cumulative"],
    ),
    (
        "repurchase_days",
        &["cohort_month", "channel", "country", "first_category", "first_order", "first_basket", "days_since_first"],
        &["leaving", "repeaters", "window_customers", "window_repeaters", "window_repeat_revenue"],
    ),
    (
        "cohort_value",
        &["cohort_month", "activity_month", "months_since", "channel", "country", "first_category"],
        &["cohort_size", "active_customers", "purchases", "revenue", "purchases_cumulative", "revenue_cumulative"],
    ),
    ("cohort_summary", &["cohort_month"], &["cohort_size", "repeaters_so_far"]),
    (
        "customer_segments",
        &["customer_id", "dimension", "segment", "cohort_month"],
        &["1", "days_to_second", "observed_days"],
    ),
    // `customers` is told on each day on which somebody is at risk, and so depends on others.
    ("repurchase_curves", &["dimension", "segment", "days_since_first"], &["at_risk", "repeaters"]),
    ("repurchase_summary", &["dimension", "segment"], &["customers", "repeaters_so_far"]),
    (
        "loyalty_opportunities",
        &["dimension", "segment"],
        &["customers", "repeaters", "rest_customers", "rest_repeaters"],
    ),
    (
        "retention_kpis",
        &["first_day", "last_full_day"],
        &["customers", "purchases", "revenue", "repeat_customers", "observed_customers"],
    ),
];

/// The counts of all rows, in hundredths, each under its mart, what tells the row apart, and its name.
fn counts(tables: &Tables) -> BTreeMap<String, i128> {
    let mut counts = BTreeMap::new();
    for (mart, keys, measures) in COUNTS {
        let sums: Vec<String> =
            measures.iter().map(|count| format!("CAST(coalesce(sum({count}), 0) AS DECIMAL(20,2))")).collect();
        let keys: Vec<String> = keys.iter().map(|key| format!("CAST({key} AS STRING)")).collect();
        let (sums, keys) = (sums.join(", "), keys.join(", "));
        for row in tables.rows(&format!("SELECT {sums}, concat_ws(' | ', {keys}) FROM {mart} GROUP BY {keys}")) {
            let mut cells: Vec<&str> = row.splitn(measures.len() + 1, ' ').collect();
            let key = cells.pop().expect("it has a key");
            for (measure, cell) in measures.iter().zip(cells) {
                let count = cell.replace('.', "").parse().expect("a count");
                counts.insert(format!("{mart}: {key}: {measure}"), count);
            }
        }
    }
    counts
}

/// What becomes of each count, where something does.
fn changes(from: &BTreeMap<String, i128>, to: &BTreeMap<String, i128>) -> BTreeMap<String, i128> {
    let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let count = |of: &BTreeMap<String, i128>, key| of.get(key).copied().unwrap_or(0);
    let changed = keys.into_iter().map(|key| (key.clone(), count(to, key) - count(from, key)));
    changed.filter(|(_, change)| *change != 0).collect()
}

#[test]
fn an_order_that_is_sent_back_takes_away_what_its_customer_brought_and_nothing_else() {
    let open = |rows: &Rows| {
        let project = rows.build();
        let tables = Tables::open(&project, "", "retention");
        (project, tables)
    };
    let (_all, before) = open(&ROWS);
    // The first order of one who came again, the second of another, the only one of a third: each in a checkout of its own.
    let sent_back = |filter: &str, place: usize| -> (u64, u64) {
        let customers = before.rows(&format!(
            "SELECT customer_id FROM customer_first_second
             WHERE customer_id > 10 AND customer_id % 2 = 0 AND observed_days >= 90 AND {filter} ORDER BY customer_id"
        ));
        let order = |customer: &String| {
            let rows = before.rows(&format!(
                "SELECT purchase_id FROM purchases WHERE customer_id = {customer} ORDER BY purchased_on, purchased_at, purchase_id"
            ));
            let id: u64 = rows[place].parse().expect("an order");
            let order = ROWS.orders.iter().find(|order| order.id == id).expect("the order is there");
            let is_alone = ROWS.orders.iter().filter(|other| other.checkout == order.checkout).count() == 1;
            let has_lines = ROWS.lines.iter().any(|line| line.order == id);
            (is_alone && has_lines).then(|| (customer.parse().expect("a customer"), id))
        };
        customers.iter().find_map(order).expect("there is one")
    };
    let returns = [
        sent_back("purchases >= 3 AND purchase_days = purchases", 0),
        sent_back("purchases = 2 AND days_to_second BETWEEN 1 AND 20", 1),
        sent_back("purchases = 1", 0),
    ];
    assert_eq!(returns.iter().collect::<BTreeSet<_>>().len(), 3, "{returns:?}");
    let mut returned = ROWS.clone();
    returns.iter().for_each(|(_, order)| returned.order_mut(*order).status = "returned");
    let (all_project, after) = open(&returned);

    let everybody_else = |tables: &Tables| {
        let ids = returns.map(|(customer, _)| customer.to_string()).join(", ");
        tables.rows(&format!("SELECT * FROM customer_first_second WHERE customer_id NOT IN ({ids}) ORDER BY ALL"))
    };
    assert_eq!(everybody_else(&after), everybody_else(&before));
    let change = changes(&counts(&before), &counts(&after));

    // The same three among half as many others: what they bring does not depend on who else is there.
    let is_even = |customer: u64| customer == ANCHOR || customer.is_multiple_of(2);
    let (_half, half_before) = open(&ROWS.only(is_even));
    let (_half_returned, half_after) = open(&returned.only(is_even));
    let among_few = changes(&counts(&half_before), &counts(&half_after));
    let texts = |of: &BTreeMap<String, i128>| -> String {
        of.iter().map(|(key, change)| format!("{key}: {change}\n")).collect()
    };
    same(&texts(&change), &texts(&among_few), "among all and among half of them");
    // Each mart tells of it, and none of a customer more: one is gone.
    for (mart, ..) in &COUNTS[1..] {
        assert!(change.keys().any(|key| key.starts_with(&format!("{mart}: "))), "{mart}");
    }
    let kpi = |measure: &str| {
        let mut found = change.iter().filter(|(key, _)| key.starts_with("retention_kpis") && key.ends_with(measure));
        found.next().map(|(_, change)| *change / 100)
    };
    assert_eq!((kpi(": customers"), kpi(": purchases"), kpi(": repeat_customers")), (Some(-1), Some(-3), Some(-1)));

    // Whether the status says so or the lines makes no difference.
    after.close();
    let mut by_line = ROWS.clone();
    for line in by_line.lines.iter_mut().filter(|line| returns.iter().any(|(_, order)| line.order == *order)) {
        line.returned = line.quantity;
    }
    same(&marts(&by_line.build(), "retention", ""), &marts(&all_project, "retention", ""), "by line and by status");
}
