//! The estimates and judgements that the flagship's dashboard makes of the customers chosen at its filters, against the same
//! worked out customer by customer, without its SQL.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, Days, Months, NaiveDate};
use kiln::dashboards::{DataType, LvDash, Selection, widget_queries};
use kiln::diag::SourceFile;

use crate::support::Project;
use crate::tables::Tables;

/// The 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A customer as the tables of customers and purchases have them.
struct Customer {
    cohort: NaiveDate,
    channel: String,
    country: String,
    category: String,
    order: &'static str,
    basket: &'static str,
    /// Days to the second purchase.
    wait: Option<i64>,
    observed: i64,
    /// What later purchases brought in the first 90 days.
    repeat_revenue: f64,
}

fn customers(tables: &Tables) -> Vec<Customer> {
    let spent: BTreeMap<String, f64> = tables
        .rows(
            "SELECT purchases.customer_id, sum(purchases.revenue) FROM purchases
             JOIN customer_first_second AS customers USING (customer_id)
             WHERE datediff(purchases.purchased_on, customers.first_purchased_on) BETWEEN 1 AND 90 GROUP BY 1",
        )
        .iter()
        .filter_map(|row| row.split_once(' ').map(|(id, sum)| (id.to_owned(), sum.parse().expect("an amount"))))
        .collect();
    let rows = tables.rows(
        "SELECT concat_ws('|', customer_id, cohort_month, channel, country, first_category, first_order_discounted, first_revenue,
                          first_purchased_on, observed_days, coalesce(CAST(days_to_second AS STRING), ''))
         FROM customer_first_second",
    );
    let customer = |row: &String| {
        let parts: Vec<&str> = row.split('|').collect();
        let revenue: f64 = parts[6].parse().expect("an amount");
        Customer {
            cohort: parts[1].parse().expect("a month"),
            channel: parts[2].to_owned(),
            country: parts[3].to_owned(),
            category: parts[4].to_owned(),
            order: if parts[5] == "true" { "discounted" } else { "full price" },
            basket: match revenue {
                ..50.0 => "below 50",
                ..100.0 => "50 to 100",
                ..200.0 => "100 to 200",
                _ => "200 and more",
            },
            wait: parts[9].parse().ok(),
            observed: parts[8].parse().expect("days"),
            repeat_revenue: spent.get(parts[0]).copied().unwrap_or(0.0),
        }
    };
    rows.iter().map(customer).collect()
}

/// A point of the curve: the estimate, its band, and the naive share.
type Point = (f64, Option<(f64, f64)>, f64);

/// Kaplan and Meier's estimate as the textbook has it, for each day on which at least 30 customers are at risk.
fn kaplan_meier(chosen: &[&Customer]) -> Vec<Point> {
    let ends: Vec<(i64, bool)> = chosen
        .iter()
        .map(|customer| match customer.wait {
            Some(wait) if wait <= customer.observed => (wait, true),
            _ => (customer.observed, false),
        })
        .collect();
    let (mut not_yet, mut variance, mut back) = (1.0_f64, 0.0_f64, 0.0_f64);
    let mut points = Vec::new();
    for day in 0..=730 {
        let at_risk = ends.iter().filter(|(end, _)| *end >= day).count() as f64;
        if at_risk < 30.0 {
            break;
        }
        let repeaters = ends.iter().filter(|(end, came)| *end == day && *came).count() as f64;
        back += repeaters;
        not_yet *= 1.0 - repeaters / at_risk;
        variance += repeaters / (at_risk * (at_risk - repeaters));
        let bound = |sign: f64| 1.0 - not_yet.powf((sign * Z * variance.sqrt() / not_yet.ln()).exp());
        points.push((1.0 - not_yet, (back > 0.0).then(|| (bound(1.0), bound(-1.0))), back / chosen.len() as f64));
    }
    points
}

/// The probability of a normal value at least so far from zero, by Simpson's rule.
fn two_sided(z: f64) -> f64 {
    let (from, steps) = (z.abs(), 20_000);
    let width = (40.0 - from) / f64::from(steps);
    let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let weight = |step: i32| if step == 0 || step == steps { 1.0 } else { f64::from(2 + 2 * (step % 2)) };
    2.0 * (0..=steps).map(|step| weight(step) * density(from + f64::from(step) * width)).sum::<f64>() * width / 3.0
}

fn numbers(row: &str, skip: usize) -> Vec<Option<f64>> {
    row.split('|').skip(skip).map(|cell| cell.parse().ok()).collect()
}

fn close(ours: Option<f64>, theirs: Option<f64>, slack: f64) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= slack,
        (None, None) => true,
        _ => false,
    }
}

/// What a widget shows, each row as one text with its cells between bars.
fn shown(tables: &Tables, dash: &LvDash, widget: &str) -> Vec<String> {
    let queries = widget_queries(dash);
    let query = queries.iter().find(|query| query.widget == widget).expect("the widget is there");
    let cells: Vec<String> =
        query.fields.iter().map(|field| format!("coalesce(CAST(`{field}` AS STRING), '')")).collect();
    tables.rows(&format!("SELECT concat_ws('|', {}) FROM ({}) AS shown", cells.join(", "), query.sql))
}

#[test]
fn figures_of_a_selection_are_those_of_its_customers() {
    let project = Project::flagship(4_000);
    let _ = project.sync_and_refresh();
    let tables = Tables::open(&project, "", "retention");
    let all = customers(&tables);
    let file = SourceFile::new("retention.lvdash.json", project.read("dashboards/retention.lvdash.json"));
    let dash = LvDash::parse(&file).expect("the dashboard is sound");
    let last_full_day: NaiveDate = tables.rows("SELECT last_full_day FROM observation")[0].parse().expect("a day");
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let texts = |values: &[&str]| Selection::Values(DataType::String, values.iter().map(|&v| v.to_owned()).collect());
    let range = |from: &str, to: &str| Selection::Range(DataType::Date, Some(from.to_owned()), Some(to.to_owned()));
    let coffee = all[0].category.clone();

    type Chosen<'a> = (Vec<(&'a str, Selection)>, &'a dyn Fn(&Customer) -> bool);
    let selections: [Chosen<'_>; 4] = [
        (vec![], &|_| true),
        (
            vec![
                ("filter-cohort", range("2024-06-01", "2025-09-30")),
                ("filter-channel", texts(&["email", "organic"])),
            ],
            &|c| {
                c.cohort >= day("2024-06-01")
                    && c.cohort <= day("2025-09-30")
                    && ["email", "organic"].contains(&c.channel.as_str())
            },
        ),
        (vec![("filter-country", texts(&["DE", "AT"])), ("filter-category", texts(&[&coffee]))], &|c| {
            ["DE", "AT"].contains(&c.country.as_str()) && c.category == coffee
        }),
        // Nobody: the pages say so, and do not fail.
        (vec![("filter-channel", texts(&["carrier pigeon"]))], &|_| false),
    ];
    for (filters, is_chosen) in selections {
        let chosen: Vec<&Customer> = all.iter().filter(|customer| is_chosen(customer)).collect();
        let said = format!("{filters:?}: {} customers", chosen.len());
        let filters = filters.into_iter().map(|(name, selection)| (name.to_owned(), selection)).collect();
        let dash = dash.with_selections(&filters).expect("the filters are there");
        curve(&tables, &dash, &chosen, &said);
        segments(&tables, &dash, &chosen, &said);
        opportunities(&tables, &dash, &chosen, last_full_day, &said);
        for finding in ["estimate-finding", "estimate-median", "segment-finding", "opportunities-finding"] {
            let words = shown(&tables, &dash, finding);
            assert!(words.len() == 1 && words[0].ends_with('.'), "{finding}, {said}: {words:?}");
        }
    }

    // Of all customers the marts say the same.
    let marts = tables.rows(
        "SELECT concat_ws('|', days_since_first, share, coalesce(CAST(share_lower AS STRING), '')) FROM repurchase_curves
         WHERE dimension = 'all' AND is_reliable AND days_since_first % 7 = 0 ORDER BY days_since_first",
    );
    let dashboard = shown(&tables, &dash, "estimate");
    assert_eq!(marts.len(), dashboard.len());
    assert!(marts.len() > 50, "{marts:?}");
    let ordered = |rows: &[String]| {
        let mut rows: Vec<Vec<Option<f64>>> = rows.iter().map(|row| numbers(row, 0)).collect();
        rows.sort_by(|a, b| a[0].partial_cmp(&b[0]).expect("days are numbers"));
        rows
    };
    for (mart, dashboard) in ordered(&marts).iter().zip(ordered(&dashboard)) {
        assert!((0..3).all(|at| close(mart[at], dashboard[at], 1e-12)), "{mart:?} {dashboard:?}");
    }
    let marts = tables.rows(
        "SELECT concat_ws('|', concat(dimension, ': ', segment), verdict, coalesce(CAST(corrected_p_value AS STRING), ''))
         FROM loyalty_opportunities ORDER BY 1",
    );
    let mut dashboard: Vec<(String, String, Option<f64>)> = shown(&tables, &dash, "opportunities-table")
        .iter()
        .map(|row| {
            let parts: Vec<&str> = row.split('|').collect();
            (parts[0].to_owned(), parts[1].to_owned(), parts[8].parse().ok())
        })
        .collect();
    dashboard.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(marts.len(), dashboard.len());
    for (mart, (name, verdict, p)) in marts.iter().zip(dashboard) {
        let parts: Vec<&str> = mart.split('|').collect();
        assert_eq!((parts[0], parts[1]), (name.as_str(), verdict.as_str()));
        assert!(close(parts[2].parse().ok(), p, 1e-12), "{mart} {p:?}");
    }
}

/// The curve with its band, week by week, and the one of the newest quarter.
fn curve(tables: &Tables, dash: &LvDash, chosen: &[&Customer], said: &str) {
    let check = |widget: &str, chosen: &[&Customer], lines: usize| {
        let points = kaplan_meier(chosen);
        let rows = shown(tables, dash, widget);
        let weeks = points.len().div_ceil(7);
        assert_eq!(rows.len(), weeks, "{widget}, {said}");
        for row in &rows {
            let cells = numbers(row, 0);
            let (share, band, naive) = points[cells[0].expect("a day") as usize];
            let wanted = [Some(share), band.map(|band| band.0), band.map(|band| band.1), Some(naive)];
            for (at, wanted) in wanted.iter().enumerate().take(lines) {
                assert!(close(cells[at + 1], *wanted, 1e-9), "{widget}, {said}: {row} instead of {wanted:?}");
            }
        }
    };
    check("estimate", chosen, 4);
    // The newest quarter of which at least 30 customers have been watched for 90 days.
    let quarter = |customer: &Customer| (customer.cohort.year(), customer.cohort.month0() / 3);
    let quarters: BTreeSet<(i32, u32)> = chosen.iter().map(|customer| quarter(customer)).collect();
    let of = |wanted: (i32, u32)| -> Vec<&Customer> {
        chosen.iter().copied().filter(|customer| quarter(customer) == wanted).collect()
    };
    let newest = quarters.into_iter().rev().map(of).find(|customers| kaplan_meier(customers).len() > 90);
    check("quarter-band", &newest.unwrap_or_default(), 3);
}

/// Channels, by default: the share back by day 90 and when a quarter and one half are.
fn segments(tables: &Tables, dash: &LvDash, chosen: &[&Customer], said: &str) {
    let mut of: BTreeMap<&str, Vec<&Customer>> = BTreeMap::new();
    for customer in chosen {
        of.entry(&customer.channel).or_default().push(customer);
    }
    of.retain(|_, customers| kaplan_meier(customers).len() > 90);
    let rows = shown(tables, dash, "segments-table");
    assert_eq!(rows.len(), of.len(), "{said}");
    for row in &rows {
        let customers = &of[row.split('|').next().expect("a segment")];
        let points = kaplan_meier(customers);
        let (share, band, naive) = points[90];
        let until = |part: f64| points.iter().position(|point| point.0 >= part - 1e-12).map(|day| day as f64);
        let wanted = [
            Some(customers.len() as f64),
            Some(share),
            band.map(|band| band.0),
            band.map(|band| band.1),
            Some(naive),
            until(0.25),
            until(0.5),
        ];
        let cells = numbers(row, 1);
        assert!(wanted.iter().zip(&cells).all(|(w, c)| close(*w, *c, 1e-9)), "{said}: {row} instead of {wanted:?}");
    }
}

/// Each segment against the rest: counts, test, correction, and what is at stake.
fn opportunities(tables: &Tables, dash: &LvDash, chosen: &[&Customer], last_full_day: NaiveDate, said: &str) {
    let is_observed =
        |customer: &&&Customer| customer.cohort + Months::new(1) - Days::new(1) + Days::new(90) <= last_full_day;
    let observed: Vec<&Customer> = chosen.iter().filter(is_observed).copied().collect();
    let is_back = |customer: &&&Customer| customer.wait.is_some_and(|wait| wait <= 90);
    let revenue = observed.iter().map(|customer| customer.repeat_revenue).sum::<f64>()
        / observed.iter().filter(is_back).count() as f64;
    type Part = fn(&Customer) -> &str;
    let dimensions: [(&str, Part); 5] = [
        ("channel", |c| &c.channel),
        ("country", |c| &c.country),
        ("first category", |c| &c.category),
        ("first order", |c| c.order),
        ("first basket", |c| c.basket),
    ];
    struct Segment {
        name: String,
        size: usize,
        difference: f64,
        p: f64,
        is_judged: bool,
    }
    let mut segments: Vec<Segment> = Vec::new();
    for (dimension, part) in dimensions {
        let names: BTreeSet<&str> = observed.iter().map(|c| part(c)).filter(|name| *name != "unknown").collect();
        for name in &names {
            let known = observed.iter().filter(|c| part(c) != "unknown");
            let (own, rest): (Vec<&&Customer>, Vec<&&Customer>) = known.partition(|c| part(c) == *name);
            if rest.is_empty() {
                continue;
            }
            let share = |of: &[&&Customer]| of.iter().copied().filter(is_back).count() as f64 / of.len() as f64;
            let (n, m) = (own.len() as f64, rest.len() as f64);
            let difference = share(&own) - share(&rest);
            let pooled = (share(&own) * n + share(&rest) * m) / (n + m);
            let z = difference / (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
            segments.push(Segment {
                name: format!("{dimension}: {name}"),
                size: own.len(),
                difference,
                p: if z.is_finite() { two_sided(z) } else { 1.0 },
                is_judged: own.len().min(rest.len()) >= 200,
            });
        }
    }
    // Holm: the smallest of k is multiplied by k, the next by k - 1; and none is below one before it.
    segments.sort_by(|a, b| a.p.partial_cmp(&b.p).expect("probabilities are numbers"));
    let judged = segments.iter().filter(|segment| segment.is_judged).count();
    let (mut place, mut least) = (0, 0.0_f64);
    let mut corrected: BTreeMap<&str, (Option<f64>, &Segment)> = BTreeMap::new();
    for segment in &segments {
        let p = segment.is_judged.then(|| {
            least = least.max((segment.p * (judged - place) as f64).min(1.0));
            place += 1;
            least
        });
        corrected.insert(&segment.name, (p, segment));
    }
    let rows = shown(tables, dash, "opportunities-table");
    assert_eq!(rows.len(), segments.len(), "{said}");
    for row in &rows {
        let (p, segment) = corrected[row.split('|').next().expect("a segment")];
        let is_opportunity = segment.difference < 0.0 && p.is_some_and(|p| p < 0.05);
        let cells = numbers(row, 2);
        let stake = is_opportunity.then(|| -segment.difference * segment.size as f64);
        // The formula for p is right to 1.5e-7, and the correction multiplies by the number of segments.
        for (at, wanted, slack) in [
            (0, Some(segment.size as f64), 0.0),
            (3, Some(100.0 * segment.difference), 1e-9),
            (6, p, 1e-5),
            (7, stake.map(f64::round), 0.0),
            (8, stake.map(|stake| stake * revenue), 0.01),
        ] {
            assert!(close(cells[at], wanted, slack), "{said}: {row}, cell {at} instead of {wanted:?}");
        }
    }
}
