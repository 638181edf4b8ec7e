//! Every figure of the dashboard's first page, counted once more from the shop's raw rows. What is a purchase, whose it is and on
//! which day it was is worked out here, row by row, as `docs/definitions.md` says; nothing of the project's SQL is used.
//!
//! The generated shop is tidier than a real one, so its raw rows are spoilt first: values are missing, rows are deleted, lines
//! came back before anybody set the order's status.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Weekday};
use serde_json::Value;

use crate::support::{Project, Served};

/// Variables of `jobs.yaml` that the page rests on.
const LONGEST_MERGE_CHAIN: usize = 8;
const SETTLE_DAYS: u64 = 7;
const HEADLINE: u64 = 90;
const YEAR: u64 = 365;
const CURVE_DAYS: i64 = 364;
const CURVE_STEP: i64 = 7;
const MATRIX_WEEKS: u64 = 26;
const RETENTION_MONTHS: u32 = 36;

/// What the generator leaves clean, spoilt by rules that take a few rows in a hundred.
const SPOILT: [&str; 9] = [
    "UPDATE main.shop_public.orders SET channel = NULL WHERE id % 41 = 0",
    "UPDATE main.shop_public.orders SET country = NULL WHERE id % 43 = 0",
    "UPDATE main.shop_public.orders SET checkout_id = NULL WHERE id % 37 = 0",
    "UPDATE main.shop_public.orders SET _fivetran_deleted = true WHERE id % 53 = 0",
    "UPDATE main.shop_public.order_items SET returned_quantity = NULL WHERE id % 29 = 0",
    "UPDATE main.shop_public.order_items SET returned_quantity = quantity WHERE order_id % 31 = 0",
    "UPDATE main.shop_public.order_items SET _fivetran_deleted = true WHERE id % 47 = 0",
    "UPDATE main.shop_public.customers SET merged_into = id + 1 WHERE id % 97 = 0",
    "UPDATE main.shop_public.products SET category = NULL WHERE id % 11 = 0",
];

#[test]
fn every_figure_of_the_first_page_is_that_of_the_raw_rows() {
    let project = Project::flagship(2000);
    let _ = project.sync_and_refresh();
    let served = project.serve(&[]);
    for statement in SPOILT {
        served.sql(statement);
    }
    assert_eq!(served.terminate(), 0);
    // The next sync changes the rows to which something happened since, and leaves the others as they are now.
    let ran = project.kiln(&["sync-and-refresh", "--output", "json"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let served = project.serve(&[]);
    let shop = Shop::read(&served);
    assert_eq!(served.terminate(), 0);

    // As the run writes it, and to nine decimals as the widgets' queries were answered.
    let path = project.path().join(".kiln/pages/retention.html");
    let html = std::fs::read_to_string(path).expect("the run wrote a page");
    let counted = Figures::of(&shop, Period::Month, &|_| true);
    Page::of(&html).shows(&counted, "without a filter");
    answers_are(&ran.stdout, &counted);

    let organic = |customer: &Customer| customer.channel == "organic";
    let category = shop.customers.iter().map(|customer| customer.category.as_str()).min().expect("there are customers");
    let of_category = |customer: &Customer| customer.category == category;
    type Choice<'a> = (Vec<String>, Period, &'a dyn Fn(&Customer) -> bool);
    let choices: [Choice<'_>; 3] = [
        (vec!["Channel=organic".to_owned()], Period::Month, &organic),
        (vec!["Channel=organic".to_owned(), "Periods=week".to_owned()], Period::Week, &organic),
        (vec![format!("filter-category={category}"), "Periods=quarter".to_owned()], Period::Quarter, &of_category),
    ];
    for (filters, period, chosen) in choices {
        let mut args = vec!["dashboard", "preview", "--export", "board.html"];
        args.extend(filters.iter().flat_map(|filter| ["--filter", filter]));
        let ran = project.kiln(&args);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let html = std::fs::read_to_string(project.path().join("board.html")).expect("the page is there");
        Page::of(&html).shows(&Figures::of(&shop, period, chosen), &filters.join(", "));
    }
}

/// An order as the source has it.
struct Order {
    id: i64,
    checkout: Option<String>,
    customer: Option<i64>,
    at: NaiveDateTime,
    status: String,
    channel: Option<String>,
    country: Option<String>,
    cents: i128,
    is_deleted: bool,
}

/// A line of an order.
struct Line {
    id: i64,
    product: i64,
    quantity: i128,
    returned: i128,
    cents: i128,
}

/// An order that counts.
struct Purchase {
    id: i64,
    at: NaiveDateTime,
    on: NaiveDate,
    channel: String,
    country: String,
    category: String,
    cents: i128,
}

/// Somebody with a purchase.
struct Customer {
    channel: String,
    country: String,
    category: String,
    first: NaiveDate,
    second: Option<NaiveDate>,
    /// Day and cents of each purchase.
    purchases: Vec<(NaiveDate, i128)>,
}

impl Customer {
    fn wait(&self) -> Option<u64> {
        self.second.map(|second| days_between(self.first, second))
    }

    fn is_back_within(&self, days: u64) -> bool {
        self.wait().is_some_and(|wait| wait <= days)
    }
}

fn days_between(from: NaiveDate, to: NaiveDate) -> u64 {
    u64::try_from((to - from).num_days()).expect("the later day comes second")
}

struct Shop {
    customers: Vec<Customer>,
    first_day: NaiveDate,
    last_full_day: NaiveDate,
}

impl Shop {
    /// Reads the raw tables row by row, and applies the rules for purchases and customers.
    fn read(served: &Served) -> Self {
        let categories: HashMap<i64, Option<String>> =
            rows(served, "products", "id, category").into_iter().map(|row| (number(&row[0]), text(&row[1]))).collect();
        let mut lines: HashMap<i64, Vec<Line>> = HashMap::new();
        let columns = "id, order_id, product_id, quantity, returned_quantity, unit_price, _fivetran_deleted";
        for row in rows(served, "order_items", columns) {
            if text(&row[6]).as_deref() == Some("true") {
                continue;
            }
            let returned = if row[4].is_null() { 0 } else { number(&row[4]).into() };
            let (quantity, cents) = (number(&row[3]).into(), cents(&row[5]));
            let line = Line { id: number(&row[0]), product: number(&row[2]), quantity, returned, cents };
            lines.entry(number(&row[1])).or_default().push(line);
        }
        let columns = "id, checkout_id, customer_id, ordered_at, status, channel, country, total, _fivetran_deleted";
        let orders: Vec<Order> = rows(served, "orders", columns)
            .into_iter()
            .map(|row| Order {
                id: number(&row[0]),
                checkout: text(&row[1]),
                customer: (!row[2].is_null()).then(|| number(&row[2])),
                at: DateTime::parse_from_rfc3339(&text(&row[3]).expect("an order has its moment"))
                    .expect("a moment")
                    .naive_utc(),
                status: text(&row[4]).expect("an order has a status"),
                channel: text(&row[5]),
                country: text(&row[6]),
                cents: cents(&row[7]),
                is_deleted: text(&row[8]).as_deref() == Some("true"),
            })
            .collect();
        let merges: HashMap<i64, i64> = rows(served, "customers", "id, merged_into")
            .iter()
            .filter(|row| !row[1].is_null() && row[0] != row[1])
            .map(|row| (number(&row[0]), number(&row[1])))
            .collect();
        // Accounts of one person are one customer, who has the number of the account that is left.
        let person = |account: i64| {
            let mut chain = std::iter::successors(Some(account), |account| merges.get(account).copied());
            let last = chain.by_ref().take(LONGEST_MERGE_CHAIN + 1).last().expect("it begins with the account");
            assert_eq!(chain.next(), None, "{account} is merged further than is followed");
            last
        };
        let purchases = purchases(orders, &lines, &categories).into_iter();
        let by_person: Vec<(i64, Purchase)> = purchases.map(|(account, bought)| (person(account), bought)).collect();
        Self::of(by_person, merges.len())
    }

    fn of(purchases: Vec<(i64, Purchase)>, merges: usize) -> Self {
        assert!(merges > 20, "{merges} accounts are merged");
        let mut by_customer: BTreeMap<i64, Vec<Purchase>> = BTreeMap::new();
        for (customer, purchase) in purchases {
            by_customer.entry(customer).or_default().push(purchase);
        }
        let days = || by_customer.values().flatten().map(|purchase| purchase.on);
        let first_day = days().min().expect("there are purchases");
        let last_full_day = days().max().expect("there are purchases") - Days::new(SETTLE_DAYS);
        let customers = by_customer.into_values().map(|mut purchases| {
            purchases.sort_by_key(|purchase| (purchase.on, purchase.at, purchase.id));
            let Purchase { on: first, channel, country, category, .. } = &purchases[0];
            Customer {
                channel: channel.clone(),
                country: country.clone(),
                category: category.clone(),
                first: *first,
                second: purchases.iter().map(|purchase| purchase.on).find(|on| on > first),
                purchases: purchases.iter().map(|purchase| (purchase.on, purchase.cents)).collect(),
            }
        });
        Self { customers: customers.collect(), first_day, last_full_day }
    }

    /// Whether all that came in the month of this day have had so many days.
    fn has_had(&self, first: NaiveDate, days: u64) -> bool {
        Period::Month.end(Period::Month.start(first)) + Days::new(days) <= self.last_full_day
    }
}

/// Reads a raw table, and sees to it that no row is left out.
fn rows(served: &Served, table: &str, columns: &str) -> Vec<Value> {
    let count = served.sql(&format!("SELECT count(*) FROM main.shop_public.{table}"));
    let rows = served.sql(&format!("SELECT {columns} FROM main.shop_public.{table}"));
    let rows = rows.as_array().expect("rows are a list").clone();
    assert_eq!(count[0][0].as_str(), Some(rows.len().to_string().as_str()), "all of {table}");
    rows
}

fn text(cell: &Value) -> Option<String> {
    cell.as_str().map(str::to_owned)
}

fn number(cell: &Value) -> i64 {
    cell.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{cell} is no whole number"))
}

/// An amount with two decimals, in hundredths.
fn cents(cell: &Value) -> i128 {
    let (whole, part) = cell.as_str().and_then(|text| text.split_once('.')).expect("an amount with two decimals");
    assert_eq!(part.len(), 2, "{cell}");
    format!("{whole}{part}").parse().expect("an amount")
}

/// The orders that count, each with its customer.
fn purchases(
    mut orders: Vec<Order>,
    lines: &HashMap<i64, Vec<Line>>,
    categories: &HashMap<i64, Option<String>>,
) -> Vec<(i64, Purchase)> {
    orders.sort_by_key(|order| (order.at, order.id));
    let mut left_out = BTreeMap::<&str, usize>::new();
    let mut checkouts = BTreeSet::new();
    let mut counting = Vec::new();
    for order in orders {
        let none = Vec::new();
        let lines = lines.get(&order.id).unwrap_or(&none);
        let sum = |of: &dyn Fn(&Line) -> i128| lines.iter().map(of).sum::<i128>();
        let reason = match order.customer {
            _ if order.is_deleted => Some("deleted"),
            None => Some("of a guest"),
            _ if order.status == "cancelled" => Some("cancelled"),
            _ if order.status == "returned" => Some("returned"),
            _ if !lines.is_empty() && sum(&|line| line.quantity - line.returned) == 0 => Some("returned line by line"),
            // Only what is valid has been seen before: the earliest valid order stands for its checkout.
            _ if order.checkout.as_ref().is_some_and(|checkout| !checkouts.insert(checkout.clone())) => {
                Some("tried again")
            }
            _ => None,
        };
        let (Some(customer), None) = (order.customer, reason) else {
            *left_out.entry(reason.unwrap_or_default()).or_default() += 1;
            continue;
        };
        // What was kept takes its share of the total, rounded half away from zero.
        let (kept, ordered) =
            (sum(&|line| (line.quantity - line.returned) * line.cents), sum(&|line| line.quantity * line.cents));
        let cents = if ordered == 0 { order.cents } else { (2 * order.cents * kept + ordered) / (2 * ordered) };
        let main = lines.iter().min_by_key(|line| (-(line.quantity - line.returned) * line.cents, line.id));
        let category = main.and_then(|line| categories.get(&line.product)?.clone());
        let or_unknown = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
        let purchase = Purchase {
            id: order.id,
            at: order.at,
            on: in_berlin(order.at),
            channel: or_unknown(order.channel),
            country: or_unknown(order.country),
            category: or_unknown(category),
            cents,
        };
        counting.push((customer, purchase));
    }
    // A rule that takes nothing would not be tested.
    assert_eq!(left_out.len(), 6, "{left_out:?}");
    assert!(counting.iter().any(|(_, purchase)| purchase.on != purchase.at.date()), "Berlin's day is another");
    for place in 0..3 {
        let of = |purchase: &Purchase| [&purchase.channel, &purchase.country, &purchase.category][place] == "unknown";
        assert!(counting.iter().any(|(_, purchase)| of(purchase)), "{place}");
    }
    counting
}

/// The day in Berlin: two hours ahead of UTC from the last Sunday of March, 01:00 UTC, to that of October, and else one.
fn in_berlin(at: NaiveDateTime) -> NaiveDate {
    let last_sunday = |month: u32| {
        let last = NaiveDate::from_ymd_opt(at.year(), month, 31).expect("March and October have 31 days");
        (last - Days::new(u64::from(last.weekday().num_days_from_sunday()))).and_hms_opt(1, 0, 0).expect("an hour")
    };
    let is_summer = (last_sunday(3)..last_sunday(10)).contains(&at);
    (at + TimeDelta::hours(if is_summer { 2 } else { 1 })).date()
}

#[derive(Clone, Copy, PartialEq)]
enum Period {
    Week,
    Month,
    Quarter,
}

impl Period {
    fn start(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Week => day.week(Weekday::Mon).first_day(),
            Self::Month => day.with_day(1).expect("a month begins"),
            Self::Quarter => {
                NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1).expect("a quarter begins")
            }
        }
    }

    /// The start of the period that comes so many later.
    fn later(self, start: NaiveDate, periods: u32) -> NaiveDate {
        match self {
            Self::Week => start + Days::new(u64::from(periods) * 7),
            Self::Month => start + Months::new(periods),
            Self::Quarter => start + Months::new(3 * periods),
        }
    }

    fn end(self, start: NaiveDate) -> NaiveDate {
        self.later(start, 1) - Days::new(1)
    }

    fn name(self, start: NaiveDate) -> String {
        match self {
            Self::Week => format!("{}-W{:02}", start.iso_week().year(), start.iso_week().week()),
            Self::Month => start.format("%Y-%m").to_string(),
            Self::Quarter => format!("{}-Q{}", start.year(), start.month0() / 3 + 1),
        }
    }
}

/// A figure of a period, the newest that is old enough for it.
struct Course {
    title: &'static str,
    widget: &'static str,
    /// Whether the change is told in percent of the period before, rather than in the figure's own unit.
    in_percent: bool,
    /// Each period's name and figure, from the oldest; none where nobody came in it.
    periods: Vec<(String, Option<f64>)>,
}

/// What the page must show.
struct Figures {
    last_full_day: NaiveDate,
    customers: f64,
    repeat_rate: f64,
    median_days: f64,
    repeat_revenue: f64,
    courses: Vec<Course>,
    /// The numbers of the sentence, and what it says of the change.
    finding: (Vec<f64>, &'static str),
    /// Shares by quarter and day.
    curve: BTreeMap<(String, i64), f64>,
    /// Customers by the first day of each week.
    histogram: BTreeMap<i64, f64>,
    /// Shares by cohort and period.
    heatmap: BTreeMap<(String, i64), f64>,
    channels: BTreeMap<String, f64>,
    countries: BTreeMap<String, f64>,
}

impl Figures {
    fn of(shop: &Shop, period: Period, chosen: &dyn Fn(&Customer) -> bool) -> Self {
        let customers: Vec<&Customer> = shop.customers.iter().filter(|customer| chosen(customer)).collect();
        let watched: Vec<&Customer> =
            customers.iter().copied().filter(|customer| shop.has_had(customer.first, HEADLINE)).collect();
        let rates = |segment: &dyn Fn(&Customer) -> String| -> BTreeMap<String, f64> {
            let names: BTreeSet<String> = watched.iter().map(|customer| segment(customer)).collect();
            let rate = |name: &String| rate(watched.iter().copied().filter(|customer| segment(customer) == *name));
            names.iter().map(|name| (name.clone(), rate(name).expect("somebody is in it"))).collect()
        };
        let revenue = |is_wanted: &dyn Fn(&Customer, NaiveDate) -> bool| -> i128 {
            let of = |customer: &Customer| -> i128 {
                let wanted = customer.purchases.iter().filter(|(on, _)| is_wanted(customer, *on));
                wanted.map(|(_, cents)| cents).sum()
            };
            customers.iter().map(|customer| of(customer)).sum()
        };
        let watched_for_a_year = |customer: &&Customer| {
            customer.first + Days::new(YEAR) <= shop.last_full_day && customer.is_back_within(YEAR)
        };
        let mut waits: Vec<u64> =
            customers.iter().copied().filter(watched_for_a_year).filter_map(Customer::wait).collect();
        waits.sort_unstable();
        let middle = waits.len() / 2;
        let mut histogram = BTreeMap::new();
        for wait in &waits {
            *histogram.entry(i64::try_from(wait / 7 * 7).expect("a year has few days")).or_default() += 1.0;
        }
        Self {
            last_full_day: shop.last_full_day,
            customers: customers.len() as f64,
            repeat_rate: rate(watched.iter().copied()).expect("some have been watched"),
            median_days: (waits[middle] + waits[(waits.len() - 1) / 2]) as f64 / 2.0,
            repeat_revenue: revenue(&|customer, on| on > customer.first) as f64 / revenue(&|_, _| true) as f64,
            courses: courses(shop, period, &customers),
            finding: finding(shop, &watched),
            curve: curve(shop, &customers),
            histogram,
            heatmap: heatmap(shop, period, &customers),
            channels: rates(&|customer| customer.channel.clone()),
            countries: rates(&|customer| customer.country.clone()),
        }
    }
}

/// The share back within the headline's window; none of nobody.
fn rate<'a>(customers: impl Iterator<Item = &'a Customer>) -> Option<f64> {
    share(customers, |customer| customer.is_back_within(HEADLINE))
}

fn share<'a>(customers: impl Iterator<Item = &'a Customer>, is_hit: impl Fn(&Customer) -> bool) -> Option<f64> {
    let (hits, all) = customers.fold((0, 0), |(hits, all), customer| (hits + u32::from(is_hit(customer)), all + 1));
    (all > 0).then(|| f64::from(hits) / f64::from(all))
}

fn courses(shop: &Shop, period: Period, customers: &[&Customer]) -> Vec<Course> {
    // Whole periods only; of weeks, those that the matrix has.
    let oldest_week = Period::Week.start(shop.last_full_day) - Days::new(7 * MATRIX_WEEKS);
    let mut starts = Vec::new();
    let mut start = period.start(shop.first_day);
    while period.end(start) <= shop.last_full_day {
        if start >= shop.first_day && (period != Period::Week || start >= oldest_week) {
            starts.push(start);
        }
        start = period.later(start, 1);
    }
    type Figure<'a> = &'a dyn Fn(&[&Customer]) -> Option<f64>;
    let spent = |customers: &[&Customer]| -> Option<f64> {
        let early = |customer: &Customer| -> i128 {
            let last = customer.first + Days::new(HEADLINE);
            customer.purchases.iter().filter(|(on, _)| *on <= last).map(|(_, cents)| cents).sum()
        };
        let cents: i128 = customers.iter().map(|customer| early(customer)).sum();
        (!customers.is_empty()).then(|| cents as f64 / 100.0 / customers.len() as f64)
    };
    let back = |days: u64| {
        move |customers: &[&Customer]| {
            share(customers.iter().copied(), |customer| customer.is_back_within(days)).map(|share| 100.0 * share)
        }
    };
    let figures: [(&str, &str, u64, Figure<'_>, bool); 4] = [
        ("New customers", "new-customers", 0, &|customers| Some(customers.len() as f64), true),
        ("Back within 30 days", "back-30", 30, &back(30), false),
        ("Back within 90 days", "back-90", 90, &back(90), false),
        ("90-day revenue per customer", "value-90", 90, &spent, true),
    ];
    let course = |(title, widget, days, figure, in_percent): (_, _, u64, Figure<'_>, _)| {
        let old_enough = starts.iter().filter(|start| period.end(**start) + Days::new(days) <= shop.last_full_day);
        let of = |start: &NaiveDate| {
            let came = |customer: &&Customer| period.start(customer.first) == *start;
            let came: Vec<&Customer> = customers.iter().copied().filter(came).collect();
            (period.name(*start), figure(&came))
        };
        Course { title, widget, in_percent, periods: old_enough.map(of).collect() }
    };
    figures.into_iter().map(course).collect()
}

/// The twelve newest cohorts that have had the days against the twelve before, by a z-test with pooled share.
fn finding(shop: &Shop, watched: &[&Customer]) -> (Vec<f64>, &'static str) {
    let months: BTreeSet<NaiveDate> =
        shop.customers.iter().map(|customer| Period::Month.start(customer.first)).collect();
    let newest = months.into_iter().rev().find(|month| shop.has_had(*month, HEADLINE)).expect("a cohort is old enough");
    let cohorts = |after: u32, to: u32| {
        let (after, to) = (newest - Months::new(after), newest - Months::new(to));
        let is_in = move |customer: &&Customer| {
            let month = Period::Month.start(customer.first);
            month > after && month <= to
        };
        let customers: Vec<&Customer> = watched.iter().copied().filter(is_in).collect();
        let months: BTreeSet<NaiveDate> =
            customers.iter().map(|customer| Period::Month.start(customer.first)).collect();
        let ends = [months.first(), months.last()].map(|month| *month.expect("somebody came in these cohorts"));
        (rate(customers.iter().copied()).expect("somebody came"), customers.len() as f64, ends)
    };
    let (now, customers, ends) = cohorts(12, 0);
    let (then, before, earlier_ends) = cohorts(24, 12);
    let pooled = (now * customers + then * before) / (customers + before);
    let error = (pooled * (1.0 - pooled) * (1.0 / customers + 1.0 / before)).sqrt();
    let is_clear = (now - then).abs() > 1.96 * error;
    let month = |day: NaiveDate| [f64::from(day.year()), f64::from(day.month())];
    let mut numbers = [month(ends[0]), month(ends[1])].concat();
    numbers.extend([100.0 * now, HEADLINE as f64]);
    if is_clear {
        numbers.push(100.0 * (now - then).abs());
    }
    numbers.push(100.0 * then);
    numbers.extend([month(earlier_ends[0]), month(earlier_ends[1])].concat());
    let words = match (is_clear, now > then) {
        (false, _) => "no clear change",
        (true, true) => "points more",
        (true, false) => "points fewer",
    };
    (numbers, words)
}

fn curve(shop: &Shop, customers: &[&Customer]) -> BTreeMap<(String, i64), f64> {
    // A month is watched up to the day that its last customer has had; none that has not ended.
    let watched = |month: NaiveDate| (shop.last_full_day - Period::Month.end(month)).num_days().min(CURVE_DAYS);
    let months: BTreeSet<NaiveDate> =
        shop.customers.iter().map(|customer| Period::Month.start(customer.first)).collect();
    let months: Vec<NaiveDate> = months.into_iter().filter(|month| watched(*month) >= 0).collect();
    let mut points = BTreeMap::new();
    for quarter in months.iter().map(|month| Period::Quarter.start(*month)).collect::<BTreeSet<_>>() {
        let months: Vec<NaiveDate> =
            months.iter().copied().filter(|month| Period::Quarter.start(*month) == quarter).collect();
        let is_in = |customer: &&Customer| months.contains(&Period::Month.start(customer.first));
        let came: Vec<&Customer> = customers.iter().copied().filter(is_in).collect();
        let last = months.iter().map(|month| watched(*month)).min().expect("a quarter has months");
        for day in (0..=last / CURVE_STEP).map(|step| step * CURVE_STEP) {
            let days = u64::try_from(day).expect("days are counted from 0");
            if let Some(share) = share(came.iter().copied(), |customer| customer.is_back_within(days)) {
                points.insert((Period::Quarter.name(quarter), day), share);
            }
        }
    }
    points
}

fn heatmap(shop: &Shop, period: Period, customers: &[&Customer]) -> BTreeMap<(String, i64), f64> {
    let oldest_week = Period::Week.start(shop.last_full_day) - Days::new(7 * MATRIX_WEEKS);
    let mut cohorts: BTreeMap<NaiveDate, Vec<&Customer>> = BTreeMap::new();
    for customer in customers {
        let start = period.start(customer.first);
        if period != Period::Week || start >= oldest_week {
            cohorts.entry(start).or_default().push(customer);
        }
    }
    let most = if period == Period::Month { RETENTION_MONTHS } else { 26 };
    let mut cells = BTreeMap::new();
    for (start, cohort) in cohorts {
        for since in 1..=most {
            let (from, to) = (period.later(start, since), period.end(period.later(start, since)));
            if to > shop.last_full_day {
                break;
            }
            let bought = |customer: &Customer| customer.purchases.iter().any(|(on, _)| (from..=to).contains(on));
            let share = share(cohort.iter().copied(), bought).expect("a cohort has customers");
            cells.insert((period.name(start), i64::from(since)), share);
        }
    }
    cells
}

/// What a page shows, read out of its HTML.
struct Page<'a> {
    html: &'a str,
    charts: Value,
}

impl<'a> Page<'a> {
    fn of(html: &'a str) -> Self {
        let (_, charts) = html.split_once("id=\"charts\">").expect("the page has charts");
        let (charts, _) = charts.split_once("</script>").expect("they end");
        Self { html, charts: serde_json::from_str(charts).expect("they are JSON") }
    }

    fn tile(&self, title: &str) -> &'a str {
        let (_, tile) =
            self.html.split_once(&format!("aria-label=\"{title}\"")).unwrap_or_else(|| panic!("no {title}"));
        tile.split_once("</article>").expect("a tile ends").0
    }

    /// The whole number of a counter, and how it is written.
    fn counter(&self, title: &str) -> (&'a str, &'a str) {
        let (_, value) = self.tile(title).split_once("<p class=\"value").unwrap_or_else(|| panic!("{title}: no value"));
        let (_, value) = value.split_once("title=\"").expect("it has a value");
        let (raw, rest) = value.split_once('"').expect("the value ends");
        let (_, shown) = rest.split_once('>').expect("it is shown");
        (raw, shown.split_once("</p>").expect("it ends").0)
    }

    /// The name and the points of each line or set of bars.
    fn traces(&self, title: &str) -> Vec<(String, Vec<(Value, Value)>)> {
        let (_, place) = self.tile(title).split_once("data-chart=\"").unwrap_or_else(|| panic!("{title}: no chart"));
        let place: usize = place.split('"').next().and_then(|place| place.parse().ok()).expect("a number");
        let traces = self.charts[place]["data"].as_array().expect("a chart has data");
        let list = |value: &Value| value.as_array().expect("values are a list").clone();
        let points = |trace: &Value| list(&trace["x"]).into_iter().zip(list(&trace["y"])).collect();
        traces.iter().map(|trace| (trace["name"].as_str().unwrap_or_default().to_owned(), points(trace))).collect()
    }

    fn shows(&self, figures: &Figures, choice: &str) {
        let plain = [
            ("Customers", figures.customers),
            ("Repeat rate, 90 days", figures.repeat_rate),
            ("Median time, of those back within a year", figures.median_days),
            ("Revenue from repeat purchases", figures.repeat_revenue),
        ];
        for (title, wanted) in plain {
            let (raw, shown) = self.counter(title);
            let place = format!("{title}, {choice}");
            // A quotient of decimals has six digits.
            let have: f64 = raw.parse().expect("a number");
            assert!((have - wanted).abs() < 5.1e-7, "{place}: {have} instead of {wanted}");
            is_written(shown, wanted, &place);
        }
        for course in &figures.courses {
            self.compares(course, choice);
        }
        assert_eq!(self.counter("The figures reach to").0, figures.last_full_day.to_string(), "{choice}");
        let (sentence, _) = self.counter("In short: do more come back?");
        let (numbers, words) = &figures.finding;
        assert!(sentence.contains(words), "{choice}: {words} in {sentence}");
        let said = numbers_in(sentence);
        let is_same = |(said, wanted): (&f64, &f64)| (said - wanted).abs() <= 0.05 + 1e-9;
        assert!(
            said.len() == numbers.len() && said.iter().zip(numbers).all(is_same),
            "{choice}: {numbers:?}: {sentence}"
        );

        let mut points = BTreeMap::new();
        for (name, line) in self.traces("Time to second purchase, by cohort") {
            for (day, share) in line {
                points.insert((name.clone(), whole(&day)), share.as_f64().expect("a share"));
            }
        }
        same(&points, &figures.curve, &format!("curve, {choice}"));
        // A bar stands in the middle of its week.
        let bars = self.traces("When the second purchase comes").into_iter().flat_map(|(_, bars)| bars);
        let bars = bars.map(|(middle, count)| {
            let first = middle.as_f64().expect("a day") - 3.5;
            assert_eq!(first.fract(), 0.0);
            (first as i64, count.as_f64().expect("a count"))
        });
        same(&bars.collect(), &figures.histogram, &format!("histogram, {choice}"));
        for (title, wanted) in [
            ("Repeat rate by channel, 90 days", &figures.channels),
            ("Repeat rate by country, 90 days", &figures.countries),
        ] {
            let bars = self.traces(title).into_iter().flat_map(|(_, bars)| bars);
            // What nobody has been watched for has a name and no bar.
            let bars = bars.filter_map(|(share, name)| Some((name.as_str()?.to_owned(), share.as_f64()?)));
            same(&bars.collect(), wanted, &format!("{title}, {choice}"));
        }
        self.has_cells(&figures.heatmap, choice);
    }

    /// A counter that is held against the period before.
    fn compares(&self, course: &Course, choice: &str) {
        let place = format!("{}, {choice}", course.title);
        let [.., (_, before), (name, now)] = course.periods.as_slice() else { panic!("{place}: too short a time") };
        let (raw, shown) = self.counter(course.title);
        let shown = shown.replace("<small>", "").replace("</small>", "");
        assert!(shown.ends_with(&format!(" in {name}")), "{place}: {shown}");
        let (now, before) = (now.expect("somebody came"), before.expect("somebody came before"));
        near(raw.parse().expect("a number"), now, &place);
        is_written(&shown, now, &place);
        let change = if course.in_percent { (now - before) / before } else { now - before };
        let (_, said) = self.tile(course.title).split_once("<p class=\"target\">").expect("it is compared");
        let (_, said) = said.split_once("class=\"hidden\">").expect("its direction is said");
        let (direction, said) = said.split_once(" by </span>").expect("its direction is said");
        let (said, _) = said.split_once("</span>").expect("the change ends");
        assert_eq!(direction, if change >= 0.0 { "up" } else { "down" }, "{place}: {said}, and it is {change}");
        assert_eq!(said.contains('%'), course.in_percent, "{place}: {said}");
        let said: f64 = said.trim_end_matches('%').replace(',', "").parse().expect("a number");
        let change = if course.in_percent { 100.0 * change } else { change };
        assert!((said - change.abs()).abs() <= 0.05 + 1e-9, "{place}: {said}, and it is {change}");
    }

    fn has_cells(&self, wanted: &BTreeMap<(String, i64), f64>, choice: &str) {
        let mut cells = BTreeMap::new();
        for cell in self.tile("Retention, cohort by cohort").split("<td class=\"ramp\"").skip(1) {
            let (_, hint) = cell.split_once("title=\"").expect("a cell says what it is");
            let (hint, rest) = hint.split_once('"').expect("the hint ends");
            let (cohort, hint) = hint.split_once(" · ").expect("a cohort");
            let (periods, share) = hint.rsplit_once(": ").expect("a share");
            let since = periods.rsplit(' ').next().and_then(|since| since.parse().ok()).expect("a number of periods");
            let label = rest.trim_start_matches('>').split('<').next().unwrap_or_default();
            assert_eq!(label, share.trim_end_matches('%'), "what stands in the cell is what it says");
            cells.insert((cohort.to_owned(), since), share.to_owned());
        }
        let (have, want): (Vec<_>, Vec<_>) = (cells.keys().collect(), wanted.keys().collect());
        assert_eq!(have, want, "cells, {choice}");
        assert!(!cells.is_empty());
        for (cell, share) in wanted {
            is_written(&cells[cell], *share, &format!("{cell:?}, {choice}"));
        }
    }
}

/// Holds the answers of the widgets' queries, as the run told them, against the figures.
fn answers_are(events: &str, figures: &Figures) {
    let mut answers: HashMap<String, Value> = HashMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).expect("an event is JSON");
        if event["event"] == "widget_queried" {
            answers.insert(event["widget"].as_str().expect("a name").to_owned(), event["result"]["Ok"].clone());
        }
    }
    let columns = |widget: &str, wanted: &[&str]| -> Vec<Vec<Option<String>>> {
        let answer = answers.get(widget).unwrap_or_else(|| panic!("{widget} was not asked"));
        let names: Vec<&str> =
            answer["columns"].as_array().expect("columns").iter().filter_map(|column| column[0].as_str()).collect();
        let place = |name: &&str| names.iter().position(|other| other.eq_ignore_ascii_case(name)).expect("the column");
        let places: Vec<usize> = wanted.iter().map(place).collect();
        let rows = answer["rows"].as_array().expect("rows").iter();
        rows.map(|row| places.iter().map(|place| text(&row[*place])).collect()).collect()
    };
    let figure = |cell: &Option<String>| cell.as_ref().map(|cell| cell.parse::<f64>().expect("a number"));

    let mut cells = BTreeMap::new();
    for row in columns("retention-heatmap", &["cohort", "periods_since", "measure(Retention)"]) {
        let (cohort, since) = (row[0].clone().expect("a cohort"), row[1].as_ref().expect("a number"));
        let since = since.parse().expect("a number");
        assert!(cells.insert((cohort, since), figure(&row[2]).expect("a share")).is_none(), "a cell twice");
    }
    same(&cells, &figures.heatmap, "the answer for the heatmap");
    for course in &figures.courses {
        // The newest two are compared; the others are the line below the number.
        let answer = &answers[course.widget];
        let value = answer["columns"].as_array().and_then(|columns| columns.last()?[0].as_str()).expect("a measure");
        let rows = columns(course.widget, &["period_start", "period_name", value]);
        let names: Vec<_> = rows.iter().filter_map(|row| row[1].as_ref()).collect();
        assert_eq!(names, course.periods.iter().map(|(name, _)| name).collect::<Vec<_>>(), "{}", course.title);
        for (row, (name, wanted)) in rows.iter().zip(&course.periods) {
            let place = format!("{} of {name}", course.title);
            match (figure(&row[2]), wanted) {
                (Some(have), Some(wanted)) => near(have, *wanted, &place),
                (have, wanted) => assert_eq!(have, *wanted, "{place}"),
            }
        }
    }
}

#[track_caller]
fn near(have: f64, wanted: f64, place: &str) {
    assert!((have - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{place}: {have} instead of {wanted}");
}

#[track_caller]
fn same<K: Ord + Clone + std::fmt::Debug>(have: &BTreeMap<K, f64>, wanted: &BTreeMap<K, f64>, place: &str) {
    assert_eq!(have.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{place}");
    assert!(!wanted.is_empty(), "{place}: nothing is compared");
    for (key, wanted) in wanted {
        near(have[key], *wanted, &format!("{place}: {key:?}"));
    }
}

/// Whether a number is written with as many digits as are shown: `23.4%`, `1,234`, `57 days`.
#[track_caller]
fn is_written(shown: &str, wanted: f64, place: &str) {
    // Before it may stand a currency.
    let number = shown.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits: String = number.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let is_share = number[digits.len()..].starts_with('%');
    let digits = digits.replace(',', "");
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let said: f64 = digits.parse().unwrap_or_else(|_| panic!("{place}: {shown}"));
    // A share is followed by its sign at once; a figure that is in percent itself, by a blank.
    let wanted = if is_share { 100.0 * wanted } else { wanted };
    let half = 0.5 * 0.1_f64.powi(i32::try_from(decimals).expect("a few digits"));
    assert!((said - wanted).abs() <= half + 1e-9, "{place}: {shown} instead of {wanted}");
}

fn whole(value: &Value) -> i64 {
    let value = value.as_f64().expect("a number");
    assert_eq!(value.fract(), 0.0);
    value as i64
}

/// The numbers of a sentence; in `2025-04` there are two.
fn numbers_in(sentence: &str) -> Vec<f64> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let words = sentence.split(|c| !is_part(c)).map(|word| word.trim_matches('.')).filter(|word| !word.is_empty());
    words.map(|word| word.parse().expect("a number")).collect()
}
