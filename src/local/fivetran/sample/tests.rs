//! What holds for every shop.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;

/// Rows by key, each as the texts of its cells.
fn keyed(batches: impl Iterator<Item = RecordBatch>) -> BTreeMap<i64, Vec<String>> {
    let mut rows = BTreeMap::new();
    for batch in batches {
        let options = FormatOptions::default().with_null("NULL");
        let cells: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        let ids = batch.column(0).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let line = cells.iter().map(|c| c.value(row).to_string()).collect();
            assert!(rows.insert(ids.value(row), line).is_none(), "key {} is there twice", ids.value(row));
        }
    }
    rows
}

#[derive(Debug)]
struct OrderRow {
    id: i64,
    checkout: String,
    customer: Option<i64>,
    ordered: i64,
    status: String,
    channel: String,
    code: Option<String>,
    discount: i128,
    total: i128,
    updated: i64,
}

fn orders(shop: Shop, rows: Rows, end: i64) -> Vec<OrderRow> {
    let mut all = Vec::new();
    for batch in shop.read(Table::Orders, rows, end) {
        let text = |i: usize, row: usize| batch.column(i).as_string::<i32>().value(row).to_owned();
        let time =
            |i: usize, row: usize| batch.column(i).as_primitive::<TimestampMicrosecondType>().value(row) / 1_000_000;
        let money = |i: usize, row: usize| batch.column(i).as_primitive::<Decimal128Type>().value(row);
        let customers = batch.column(2).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            all.push(OrderRow {
                id: batch.column(0).as_primitive::<Int64Type>().value(row),
                checkout: text(1, row),
                customer: customers.is_valid(row).then(|| customers.value(row)),
                ordered: time(3, row),
                status: text(4, row),
                channel: text(5, row),
                code: batch.column(7).is_valid(row).then(|| text(7, row)),
                discount: money(8, row),
                total: money(9, row),
                updated: time(10, row),
            });
        }
    }
    all
}

#[test]
fn the_same_seed_gives_the_same_shop_and_another_seed_another() {
    for table in Table::ALL {
        let one = keyed(Shop::new(7, 500).read(table, Rows::All, horizon(0)));
        let same = keyed(Shop::new(7, 500).read(table, Rows::All, horizon(0)));
        let other = keyed(Shop::new(8, 500).read(table, Rows::All, horizon(0)));
        assert_eq!(one, same);
        assert_ne!(one, other, "{table:?}");
    }
}

#[test]
fn a_later_sync_is_the_earlier_one_with_its_changes_applied_and_nothing_else() {
    let shop = Shop::new(7, 2_000);
    for (first, second) in [(0, 1), (1, 20)] {
        let (since, end) = (horizon(first), horizon(second));
        for table in Table::ALL {
            let mut rows = keyed(shop.read(table, Rows::All, since));
            let before = rows.len();
            let changes = keyed(shop.read(table, Rows::ChangedSince(since), end));
            let really = changes.iter().filter(|(id, row)| rows.get(id) != Some(row)).count();
            // Lines of an order are read again whenever something happens to the order.
            assert!(table == Table::OrderItems || really == changes.len(), "{table:?}: rows that did not change");
            rows.extend(changes);
            for (id, row) in keyed(shop.read(table, Rows::DeletedSince(since), end)) {
                assert_eq!(rows.remove(&id).unwrap()[0], row[0]);
            }
            assert_eq!(rows, keyed(shop.read(table, Rows::All, end)), "{table:?} from sync {first} to {second}");
            assert!(table == Table::Products || rows.len() > before, "{table:?} has no news");
        }
    }
}

#[test]
fn the_shop_has_as_many_customers_as_asked_for_but_those_who_left() {
    let customers = keyed(Shop::new(7, 20_000).read(Table::Customers, Rows::All, horizon(0))).len();
    // 4 in 1000 leave, each between 40 and 600 days after joining, so some of them not yet.
    assert!((19_900..19_990).contains(&customers), "{customers}");
}

#[test]
fn some_accounts_are_merged_into_older_ones_and_nothing_else_tells() {
    let shop = Shop::new(7, 20_000);
    let merges = |end: i64| {
        let mut merges = BTreeMap::new();
        for batch in shop.read(Table::Customers, Rows::All, end) {
            let (ids, into) =
                (batch.column(0).as_primitive::<Int64Type>(), batch.column(5).as_primitive::<Int64Type>());
            for row in (0..batch.num_rows()).filter(|row| into.is_valid(*row)) {
                merges.insert(ids.value(row), into.value(row));
            }
        }
        merges
    };
    let (early, late) = (merges(horizon(0)), merges(horizon(20)));
    // 6 in 1000, less those of whom it is not known yet.
    assert!((70..140).contains(&early.len()), "{}", early.len());
    assert!(early.iter().all(|(id, into)| 0 < *into && into < id && id - into <= 40));
    assert!(late.len() > early.len(), "nobody is merged later");
    assert!(late.values().any(|into| late.contains_key(into)), "no account is merged into one that is merged itself");
    // Orders name the account that placed them.
    let all = orders(shop, Rows::All, horizon(20));
    assert!(all.iter().any(|order| order.customer.is_some_and(|customer| late.contains_key(&customer))));
}

#[test]
fn every_oddity_of_a_shop_occurs() {
    let shop = Shop::new(7, 20_000);
    let (end, day) = (horizon(0), 86_400);
    let all = orders(shop, Rows::All, end);
    let share = |n: usize| n as f64 / all.len() as f64;

    let statuses: BTreeSet<&str> = all.iter().map(|o| o.status.as_str()).collect();
    assert_eq!(statuses, BTreeSet::from(["placed", "shipped", "completed", "cancelled", "returned"]));
    let channels: BTreeSet<&str> = all.iter().map(|o| o.channel.as_str()).collect();
    assert_eq!(channels, BTreeSet::from(life::CHANNELS));

    let guests = share(all.iter().filter(|o| o.customer.is_none()).count());
    assert!((0.05..0.12).contains(&guests), "guests {guests}");
    let cancelled = share(all.iter().filter(|o| o.status == "cancelled").count());
    assert!((0.030..0.040).contains(&cancelled), "cancelled {cancelled}");
    let returned = share(all.iter().filter(|o| o.status == "returned").count());
    assert!((0.035..0.065).contains(&returned), "returned {returned}");

    let mut checkouts: HashMap<&str, Vec<&OrderRow>> = HashMap::new();
    for order in &all {
        checkouts.entry(&order.checkout).or_default().push(order);
    }
    let twice: Vec<_> = checkouts.values().filter(|o| o.len() == 2).collect();
    assert!((0.004..0.008).contains(&share(twice.len())), "retried checkouts {}", twice.len());
    assert!(checkouts.values().all(|o| o.len() <= 2));
    assert!(twice.iter().all(|o| o[0].customer == o[1].customer && o[0].total == o[1].total));
    assert!(twice.iter().any(|o| o[0].ordered == o[1].ordered) && twice.iter().any(|o| o[0].ordered != o[1].ordered));

    let mut evenings: HashMap<(i64, i64), usize> = HashMap::new();
    for order in checkouts.values().map(|o| o[0]) {
        if let Some(customer) = order.customer {
            *evenings.entry((customer, order.ordered / day)).or_default() += 1;
        }
    }
    assert!(evenings.values().any(|n| *n >= 2), "nobody orders twice on a day");

    // Late rows: seen first in the second sync though ordered before the first one ended.
    let seen: BTreeSet<i64> = all.iter().map(|o| o.id).collect();
    let second = orders(shop, Rows::ChangedSince(end), horizon(1));
    let late: Vec<_> = second.iter().filter(|o| o.ordered < end && !seen.contains(&o.id)).collect();
    assert!(!late.is_empty() && late.iter().all(|o| end - o.ordered <= 6 * day && o.updated >= end));
    assert!(second.iter().any(|o| seen.contains(&o.id) && o.status == "completed"), "no earlier row was updated");
    assert!(second.iter().any(|o| o.ordered >= end), "no new order");

    assert!(shop.read(Table::Customers, Rows::DeletedSince(end), horizon(30)).count() > 0, "nobody leaves");
}

#[test]
fn totals_are_the_lines_less_the_discount_and_returns_agree_with_the_status() {
    let shop = Shop::new(3, 3_000);
    let mut lines: HashMap<i64, (i128, i32, i32)> = HashMap::new();
    for batch in shop.read(Table::OrderItems, Rows::All, horizon(0)) {
        let order = batch.column(1).as_primitive::<Int64Type>();
        let (quantity, returned) =
            (batch.column(3).as_primitive::<Int32Type>(), batch.column(4).as_primitive::<Int32Type>());
        let price = batch.column(5).as_primitive::<Decimal128Type>();
        for row in 0..batch.num_rows() {
            let sum = lines.entry(order.value(row)).or_default();
            sum.0 += price.value(row) * i128::from(quantity.value(row));
            sum.1 += quantity.value(row);
            sum.2 += returned.value(row);
            assert!((0..=quantity.value(row)).contains(&returned.value(row)));
        }
    }
    let all = orders(shop, Rows::All, horizon(0));
    assert_eq!(all.len(), lines.len());
    let mut partly = 0;
    for order in all {
        let (value, quantity, returned) = lines[&order.id];
        assert_eq!(order.total, value - order.discount, "{order:?}");
        assert_eq!(order.discount > 0, order.code.is_some(), "{order:?}");
        match order.status.as_str() {
            "returned" => assert_eq!(returned, quantity),
            "completed" => {
                assert!(returned < quantity);
                partly += usize::from(returned > 0);
            }
            _ => assert_eq!(returned, 0),
        }
    }
    assert!(partly > 20, "{partly} orders came back in part");
}

/// Share of customers with an order on a later day within 180 days of their first, of those whose first order lies in
/// `from..to` and who pass the test.
fn repeat_rate(all: &[OrderRow], from: i64, to: i64, test: impl Fn(&OrderRow) -> bool) -> f64 {
    let mut by_customer: HashMap<i64, Vec<&OrderRow>> = HashMap::new();
    for order in all.iter().filter(|o| o.status != "cancelled" && o.status != "returned") {
        if let Some(customer) = order.customer {
            by_customer.entry(customer).or_default().push(order);
        }
    }
    let (mut base, mut again) = (0, 0);
    for orders in by_customer.values_mut() {
        orders.sort_by_key(|o| (o.ordered, o.id));
        let first = orders[0];
        if (from..to).contains(&first.ordered) && test(first) {
            base += 1;
            let later = |o: &&&OrderRow| {
                o.ordered / 86_400 > first.ordered / 86_400 && o.ordered - first.ordered <= 180 * 86_400
            };
            again += usize::from(orders.iter().find(later).is_some());
        }
    }
    assert!(base > 200, "only {base} customers");
    again as f64 / base as f64
}

#[test]
fn repeat_rates_differ_by_channel_discount_and_cohort_as_the_dashboards_should_show() {
    let all = orders(Shop::new(7, 20_000), Rows::All, horizon(0));
    let of_day = |day: i64| calendar::OPENING + day * 86_400;
    // First orders that are at least 180 days old.
    let (from, to) = (of_day(0), of_day(730));
    let by_channel = |channel: &'static str| repeat_rate(&all, from, to, move |o| o.channel == channel);
    let (email, organic, social) = (by_channel("email"), by_channel("organic"), by_channel("paid_social"));
    assert!(email > organic + 0.05 && organic > social + 0.05, "email {email} organic {organic} social {social}");

    let organic = |o: &OrderRow| o.channel == "organic";
    let with = repeat_rate(&all, from, to, |o| organic(o) && o.code.as_deref() == Some("WELCOME10"));
    let without = repeat_rate(&all, from, to, |o| organic(o) && o.code.is_none());
    assert!(without > with + 0.02, "without discount {without}, with {with}");

    // The loyalty programme begins on 2025-03-01, day 425.
    let early = repeat_rate(&all, of_day(240), of_day(425), |_| true);
    let loyal = repeat_rate(&all, of_day(425), of_day(610), |_| true);
    assert!(loyal > early + 0.015, "before {early}, after {loyal}");
}

#[test]
fn a_shop_in_parquet_is_the_shop() {
    let folder = tempfile::tempdir().unwrap();
    let count = write_parquet(folder.path(), 300, 7).unwrap();
    let file = std::fs::File::open(folder.path().join("orders.parquet")).unwrap();
    let reader = datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let read = keyed(reader.build().unwrap().map(Result::unwrap));
    assert_eq!(read.len() as u64, count);
    assert_eq!(read, keyed(Shop::new(7, 300).read(Table::Orders, Rows::All, horizon(0))));
}

/// Not an assertion: prints how long a shop takes, with `--nocapture`.
#[test]
fn twenty_thousand_customers_are_made() {
    let start = std::time::Instant::now();
    let shop = Shop::new(7, 20_000);
    for table in Table::ALL {
        let rows: usize = shop.read(table, Rows::All, horizon(0)).map(|b| b.num_rows()).sum();
        println!("{}: {rows} rows, {:?} since the start", table.name(), start.elapsed());
        assert!(rows > 0);
    }
}
