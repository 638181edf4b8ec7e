//! The flagship's SQL over a shop so small that every figure can be worked out by hand.
//!
//! The variables of this shop: time zone Europe/Berlin, `settle_days` 1, windows of 30, 60 and 90 days. Its last purchase is on
//! 30 April 2024, so the last full day is 29 April. 2024 is a leap year.

use std::fmt::Write as _;

use crate::support::{Project, copy, repository};
use crate::tables::Tables;

pub(crate) const JOBS: &str = r#"
version: 1
project: hand-made
variables:
  time_zone: Europe/Berlin
  settle_days: 1
  same_day_is_repeat: false
  repeat_windows: [30, 60, 90]
  headline_window: 30
  median_within_days: 60
  retention_months: 12
  matrix_weeks: 13
  curve_days: 65
  curve_step_days: 5
  estimate_days: 70
  estimate_min_at_risk: 3
  basket_limits: [15, 30]
  segment_min_customers: 2
  confidence_z: 1.959963984540054
  significance: 0.05
  currency: EUR
  longest_merge_chain: 3
  customer_sample_percent: 100
macros: [sql/macros]
environments:
  local: {workspace: local, catalog: main, schema: retention, default: true}
  again: {workspace: local, catalog: main, schema: again}
  same_day: {workspace: local, catalog: main, schema: same_day, variables: {same_day_is_repeat: true}}
  sampled: {workspace: local, catalog: main, schema: sampled, variables: {customer_sample_percent: 5}}
connections:
  shop:
    service: google_cloud_postgresql
    schema_prefix: shop
    tables: {public: [customers, orders, order_items, products]}
    local:
      files:
        public.customers:
          path: data/customers.csv
          key: [id]
          columns: &customers {id: BIGINT, created_at: TIMESTAMP, merged_into: BIGINT}
        public.orders:
          path: data/orders.csv
          key: [id]
          columns: &orders
            id: BIGINT
            checkout_id: STRING
            customer_id: BIGINT
            ordered_at: TIMESTAMP
            status: STRING
            channel: STRING
            country: STRING
            discount_code: STRING
            discount: DECIMAL(10,2)
            total: DECIMAL(12,2)
        public.order_items:
          path: data/order_items.csv
          key: [id]
          columns: &items {id: BIGINT, order_id: BIGINT, product_id: BIGINT, quantity: INT, returned_quantity: INT, unit_price: "DECIMAL(10,2)"}
        public.products:
          path: data/products.csv
          key: [id]
          columns: &products {id: BIGINT, category: STRING}
sources:
  shop_public:
    connection: shop
    tables:
      customers: {columns: *customers}
      orders: {columns: *orders}
      order_items: {columns: *items}
      products: {columns: *products}
models:
  sql/staging: {materialized: view}
  sql/core: {materialized: table}
  sql/marts: {materialized: table}
jobs:
  retention: {steps: [{sync: shop}, {build: "sql/**"}]}
"#;

/// Orders. `ordered_at` is in UTC; Berlin is one hour ahead, and two from 31 March 2024 on.
///
/// - 1 comes back after 26 days (10 January to 5 February).
/// - 2 cancels an order in between and comes back after 65 days (15 January to 20 March: 16 + 29 + 20).
/// - 3 first buys on 31 January by UTC and on 1 February in Berlin, again on the evening of that day, and then after 30 days (2 March).
/// - 4 tries one checkout twice: one purchase, no second.
/// - 5 places two orders in one instant, the web order with the higher id; later returns one order wholly by status, and one by its lines.
/// - 6 is a guest: customer ids are empty.
/// - 7 cancels an order of January, and buys on 31 March, 22:30 UTC: 1 April in Berlin.
/// - 8 returns the only order.
/// - 9 has an order of 3 January that the source deletes after the first sync, and one of 20 February.
/// - 10 comes back after 56 days (5 March to 30 April).
/// - 11 retries a checkout whose first attempt was cancelled, with a discount, and sends back one of two articles.
pub(crate) const ORDERS: &str = "\
id,checkout_id,customer_id,ordered_at,status,channel,country,discount_code,discount,total
10,a10,1,2024-01-10 09:00:00,completed,web,DE,,0.00,20.00
11,a11,1,2024-02-05 09:00:00,completed,app,DE,,0.00,20.00
12,a12,1,2024-03-15 09:00:00,shipped,web,DE,,0.00,20.00
20,a20,2,2024-01-15 12:00:00,completed,app,AT,,0.00,20.00
21,a21,2,2024-01-20 12:00:00,cancelled,app,AT,,0.00,20.00
22,a22,2,2024-03-20 12:00:00,placed,app,AT,,0.00,20.00
30,a30,3,2024-01-31 23:30:00,completed,web,DE,,0.00,20.00
31,a31,3,2024-02-01 20:00:00,completed,web,DE,,0.00,20.00
32,a32,3,2024-03-02 10:00:00,completed,web,DE,,0.00,20.00
40,c4,4,2024-02-10 10:00:00,completed,web,DE,,0.00,20.00
41,c4,4,2024-02-10 10:00:30,completed,web,DE,,0.00,20.00
51,a51,5,2024-02-12 12:00:00,completed,web,DE,WELCOME,5.00,20.00
50,a50,5,2024-02-12 12:00:00,completed,app,AT,,0.00,20.00
52,a52,5,2024-03-25 12:00:00,returned,app,AT,,0.00,20.00
53,a53,5,2024-03-26 12:00:00,completed,app,AT,,0.00,20.00
60,a60,,2024-02-14 12:00:00,completed,web,DE,,0.00,20.00
61,a61,,2024-03-14 12:00:00,completed,web,DE,,0.00,20.00
70,a70,7,2024-01-05 12:00:00,cancelled,web,DE,,0.00,20.00
71,a71,7,2024-03-31 22:30:00,completed,web,DE,,0.00,20.00
80,a80,8,2024-02-20 12:00:00,returned,web,DE,,0.00,20.00
91,a91,9,2024-02-20 12:00:00,completed,web,DE,,0.00,20.00
100,a100,10,2024-03-05 12:00:00,completed,web,DE,,0.00,20.00
101,a101,10,2024-04-30 12:00:00,placed,web,DE,,0.00,20.00
110,c11,11,2024-03-10 11:00:00,cancelled,web,DE,SPRING,10.00,40.00
111,c11,11,2024-03-10 11:05:00,completed,web,,SPRING,10.00,40.00
";

/// The order that the source deletes between the first sync and the second.
const DELETED: &str = "90,a90,9,2024-01-03 12:00:00,completed,web,DE,,0.00,20.00\n";

/// Lines, for the orders whose lines matter; the lines of the others have not arrived.
const ITEMS: &str = "\
id,order_id,product_id,quantity,returned_quantity,unit_price
1,10,1,2,0,10.00
2,53,1,1,1,10.00
3,53,2,1,1,10.00
4,111,1,2,1,25.00
";

const PRODUCTS: &str = "id,category\n1,Coffee\n2,Tea\n";

/// Accounts, none of which is merged.
const CUSTOMERS: &str = "id,created_at,merged_into\n1,2024-01-10 08:00:00,\n2,2024-01-15 08:00:00,\n";

/// The shop after the first sync, with the order that is deleted later.
pub(crate) fn shop() -> Project {
    let project = Project::empty();
    project.write("jobs.yaml", JOBS);
    copy(&repository().join("sql"), &project.path().join("sql"));
    project.write("data/orders.csv", &format!("{ORDERS}{DELETED}"));
    project.write("data/customers.csv", CUSTOMERS);
    project.write("data/order_items.csv", ITEMS);
    project.write("data/products.csv", PRODUCTS);
    project
}

pub(crate) fn run(project: &Project, environment: &str) {
    let ran = project.kiln(&["sync-and-refresh", "--env", environment]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

#[test]
fn every_figure_of_a_hand_made_shop_is_as_worked_out_by_hand() {
    let project = shop();
    run(&project, "local");
    {
        let tables = Tables::open(&project, "", "retention");
        // Customer 9 belongs to January: 3 January to 20 February are 48 days.
        assert_eq!(
            tables.rows("SELECT cohort_month, days_to_second FROM customer_first_second WHERE customer_id = 9"),
            ["2024-01-01 48"]
        );
    }
    project.write("data/orders.csv", ORDERS);
    run(&project, "local");
    let tables = Tables::open(&project, "", "retention");
    purchases(&tables);
    customers(&tables);
    retention(&tables);
    matrix(&tables);
    periods(&tables);
    repeat_rates(&tables);
    curve(&tables);
    summary(&tables);
    kpis(&tables);
    estimate(&tables);
    opportunities(&tables);
    repurchase_days(&tables);
    value(&tables);
}

fn purchases(tables: &Tables) {
    // 53 was sent back line by line, 41 repeats the checkout of 40, 110 was cancelled, 90 is deleted.
    assert_eq!(
        tables.rows("SELECT purchase_id FROM purchases ORDER BY purchase_id"),
        ["10", "11", "12", "20", "22", "30", "31", "32", "40", "50", "51", "71", "91", "100", "101", "111"]
    );
    // The price is 50.00 less 10.00, and one of two equal articles was kept. The country was not recorded.
    assert_eq!(
        tables.rows("SELECT revenue, discounted, country FROM purchases WHERE purchase_id = 111"),
        ["20.00 true unknown"]
    );
    assert_eq!(tables.rows("SELECT first_day, last_full_day FROM observation"), ["2024-01-10 2024-04-29"]);
    assert_eq!(
        tables.rows("SELECT purchase_id, purchased_on FROM purchases WHERE purchase_id IN (30, 31, 71) ORDER BY 1"),
        ["30 2024-02-01", "31 2024-02-01", "71 2024-04-01"]
    );
}

fn customers(tables: &Tables) {
    assert_eq!(
        tables.rows(
            "SELECT customer_id, cohort_month, second_purchased_on, days_to_second, channel, country,
                    first_order_discounted, purchases, purchase_days, observed_days
             FROM customer_first_second ORDER BY customer_id"
        ),
        [
            // 110 days from 10 January to 29 April: 21 + 29 + 31 + 29.
            "1 2024-01-01 2024-02-05 26 web DE false 3 3 110",
            "2 2024-01-01 2024-03-20 65 app AT false 2 2 105",
            "3 2024-02-01 2024-03-02 30 web DE false 3 2 88",
            "4 2024-02-01 - - web DE false 1 1 79",
            // Of two orders in one instant, the lower id is the first: app, without the discount.
            "5 2024-02-01 - - app AT false 2 1 77",
            "7 2024-04-01 - - web DE false 1 1 28",
            "9 2024-02-01 - - web DE false 1 1 69",
            "10 2024-03-01 2024-04-30 56 web DE false 2 2 55",
            "11 2024-03-01 - - web unknown true 1 1 50",
        ]
    );
}

fn retention(tables: &Tables) {
    // April is not over on the 29th: it has no cell, neither as a cohort nor as a month of others.
    assert_eq!(
        tables.rows(
            "SELECT cohort_month, months_since, sum(cohort_size), sum(active_customers)
             FROM cohort_retention GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        [
            "2024-01-01 0 2 2",
            "2024-01-01 1 2 1",
            "2024-01-01 2 2 2",
            // Only customer 3 came in March: customer 5 sent everything back.
            "2024-02-01 0 4 4",
            "2024-02-01 1 4 1",
            "2024-03-01 0 2 2",
        ]
    );
    // A month in which nobody of a segment bought is there, with 0.
    assert_eq!(
        tables.rows(
            "SELECT months_since, active_customers FROM cohort_retention
             WHERE cohort_month = DATE'2024-02-01' AND channel = 'app' ORDER BY months_since"
        ),
        ["0 1", "1 0"]
    );
    // What the running month has brought so far.
    assert_eq!(
        tables.rows(
            "SELECT cohort_month, sum(active_customers) FROM cohort_activity
             WHERE activity_month = DATE'2024-04-01' GROUP BY 1 ORDER BY 1"
        ),
        ["2024-03-01 1", "2024-04-01 1"]
    );
}

fn matrix(tables: &Tables) {
    let cells = |period: &str| {
        tables.lines(&format!(
            "SELECT cohort, sum(active_customers) FROM cohort_matrix WHERE period = '{period}'
             GROUP BY cohort, periods_since ORDER BY cohort, periods_since"
        ))
    };
    // The last full day is a Monday, and thirteen weeks before it another: 29 January, where week 5 begins. Customer 3 came in it,
    // on 1 February, and again in the week of 26 February, four later. The last week that is over is that of 22 April.
    assert_eq!(
        cells("week"),
        [
            "2024-W05: 1 0 0 0 1 0 0 0 0 0 0 0 0",
            "2024-W06: 1 0 0 0 0 0 0 0 0 0 0 0",
            "2024-W07: 1 0 0 0 0 0 0 0 0 0 0",
            "2024-W08: 1 0 0 0 0 0 0 0 0 0",
            "2024-W10: 2 0 0 0 0 0 0 0",
            "2024-W14: 1 0 0 0",
        ]
    );
    assert_eq!(cells("month"), ["2024-01: 2 1 2", "2024-02: 4 1", "2024-03: 2"]);
    // All but customer 7, who came in April; the second quarter is not over.
    assert_eq!(cells("quarter"), ["2024-Q1: 8"]);
    // A quarter's customers are apart by month, so that a selection of months is the same customers as elsewhere.
    assert_eq!(
        tables.rows(
            "SELECT cohort_month, sum(cohort_size) FROM cohort_matrix WHERE period = 'quarter' GROUP BY 1 ORDER BY 1"
        ),
        ["2024-01-01 2", "2024-02-01 4", "2024-03-01 2"]
    );
}

fn periods(tables: &Tables) {
    // The data begin on 10 January and end on 29 April, so neither of these months is whole. February's customers have all had
    // 60 days, March's last 29. By day 30 customer 3 had spent 60.00, 4 and 9 20.00 each, 5 40.00.
    assert_eq!(
        tables.rows(
            "SELECT period_name, sum(customers), sum(observed_30d), sum(repeaters_30d), sum(observed_60d), sum(repeaters_60d),
                    sum(observed_90d), sum(revenue_30d)
             FROM cohort_periods WHERE period = 'month' GROUP BY period_name ORDER BY period_name"
        ),
        ["2024-02 4 4 1 4 1 - 140.00", "2024-03 2 - - - - - -"]
    );
    // A week in which nobody came is one with 0, in each segment that there is.
    assert_eq!(
        tables.lines(
            "SELECT period, sum(customers) FROM cohort_periods WHERE period <> 'month'
             GROUP BY period, period_start ORDER BY period, period_start"
        ),
        ["week: 1 1 1 1 0 2 0 0 0 1 0 0 0"]
    );
    assert_eq!(
        tables.rows(
            "SELECT count(*), sum(customers) FROM cohort_periods WHERE period = 'month' AND period_name = '2024-03' AND channel = 'app'"
        ),
        ["1 0"]
    );
}

fn repeat_rates(tables: &Tables) {
    // January's last customer has had 89 days by 29 April: one too few for 90, though both have long come back.
    // February's has had exactly 60, March's 29.
    assert_eq!(
        tables.rows(
            "SELECT cohort_month, window_days, sum(cohort_size), sum(observed_customers), sum(repeaters)
             FROM repeat_rates GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        [
            "2024-01-01 30 2 2 1",
            "2024-01-01 60 2 2 1",
            "2024-01-01 90 2 - -",
            "2024-02-01 30 4 4 1",
            "2024-02-01 60 4 4 1",
            "2024-02-01 90 4 - -",
            "2024-03-01 30 2 - -",
            "2024-03-01 60 2 - -",
            "2024-03-01 90 2 - -",
            "2024-04-01 30 1 - -",
            "2024-04-01 60 1 - -",
            "2024-04-01 90 1 - -",
        ]
    );
    // Web customers of February: 3, 4 and 9, of whom 3 came back on the 30th day.
    assert_eq!(
        tables.rows(
            "SELECT cohort_size, repeaters, round(repeat_rate, 4) FROM repeat_rates
             WHERE cohort_month = DATE'2024-02-01' AND window_days = 30 AND channel = 'web'"
        ),
        ["3 1 0.3333"]
    );
}

fn curve(tables: &Tables) {
    // Day 26 is in the step that ends with day 30, and so is day 30 itself; day 65 is in the last step.
    // January has been watched for 89 days, February for exactly 60, March for 29; April not for one.
    assert_eq!(
        tables.lines(
            "SELECT cohort_month, sum(repeaters_cumulative) FROM time_to_second_purchase
             GROUP BY cohort_month, days_since_first ORDER BY cohort_month, days_since_first"
        ),
        ["2024-01-01: 0 0 0 0 0 0 1 1 1 1 1 1 1 2", "2024-02-01: 0 0 0 0 0 0 1 1 1 1 1 1 1", "2024-03-01: 0 0 0 0 0 0",]
    );
    assert_eq!(
        tables.rows(
            "SELECT cohort_quarter, customers, share FROM time_to_second_purchase
             WHERE cohort_month = DATE'2024-01-01' AND channel = 'web' AND days_since_first = 30"
        ),
        ["2024-01-01 1 1.0"]
    );
}

fn summary(tables: &Tables) {
    // Median within 60 days: January only 26 (65 is later), February 30; March is too young. One of January's two, so half of
    // them, were back by day 26; of February's four only one. March's half, on day 56, is not observed for all.
    assert_eq!(
        tables.rows(
            "SELECT cohort_month, cohort_size, repeaters_so_far, repeat_rate_30d, repeat_rate_60d, repeat_rate_90d,
                    median_days_to_second, days_until_half
             FROM cohort_summary ORDER BY cohort_month"
        ),
        [
            "2024-01-01 2 2 0.5 0.5 - 26.0 26",
            "2024-02-01 4 1 0.25 0.25 - 30.0 -",
            "2024-03-01 2 1 - - - - -",
            "2024-04-01 1 0 - - - - -",
        ]
    );
}

fn kpis(tables: &Tables) {
    // Sixteen purchases, fifteen at 20.00 and one of which half was kept, also 20.00. Two of the six customers of January and
    // February came back within 30 days. The median is that of 26 and 30: 56 days are those of a customer
    // watched for 55, and 65 are more than 60.
    assert_eq!(
        tables.rows(
            "SELECT last_full_day, customers, purchases, revenue, repeat_customers, repeat_window_days, observed_customers,
                    round(repeat_rate, 4), median_within_days, median_days_to_second
             FROM retention_kpis"
        ),
        ["2024-04-29 9 16 320.00 4 30 6 0.3333 60 28.0"]
    );
}

fn estimate(tables: &Tables) {
    // Of nine, one comes back on day 26. Customer 7 has been watched for 28 days, so seven are left on day 30, when customer 3
    // comes back. 11 and 10 have been watched for 50 and 55 (10 came back on the 56th): of four left, 2 comes back on day 65.
    // Not yet back are then 8/9, 8/9 * 6/7 = 16/21 and 16/21 * 3/4 = 4/7.
    let points = |day: i32| {
        tables.rows(&format!(
            "SELECT at_risk, repeaters, round(share, 12), round(naive_share, 12), is_reliable FROM repurchase_curves
             WHERE dimension = 'all' AND days_since_first = {day}"
        ))
    };
    assert_eq!(points(25), ["9 0 0.0 0.0 true"]);
    assert_eq!(points(26), ["9 1 0.111111111111 0.111111111111 true"]);
    assert_eq!(points(30), ["7 1 0.238095238095 0.222222222222 true"]);
    assert_eq!(points(65), ["4 1 0.428571428571 0.333333333333 true"]);
    // 9 has been watched for 69 days: two are left on day 70, and the estimate wants three.
    assert_eq!(points(70), ["2 0 0.428571428571 0.333333333333 false"]);
    // Greenwood's sum is 1/(9*8) + 1/(7*6) + 1/(4*3); 12 % to 94 % says how little three customers tell.
    let variance: f64 = 1.0 / 72.0 + 1.0 / 42.0 + 1.0 / 12.0;
    let not_yet = 4.0 / 7.0_f64;
    let bound = |sign: f64| 1.0 - not_yet.powf((sign * 1.959_963_984_540_054 * variance.sqrt() / not_yet.ln()).exp());
    let band = tables.rows(
        "SELECT share_lower, share_upper FROM repurchase_curves WHERE dimension = 'all' AND days_since_first = 65",
    );
    let (lower, upper) = band[0].split_once(' ').expect("two columns");
    assert!((lower.parse::<f64>().expect("a share") - bound(1.0)).abs() < 1e-12, "{band:?}");
    assert!((upper.parse::<f64>().expect("a share") - bound(-1.0)).abs() < 1e-12, "{band:?}");
    // Day 90 lies beyond `estimate_days`, and half never came.
    assert_eq!(
        tables.rows(
            "SELECT customers, repeaters_so_far, reliable_until_day, round(share_30d, 6), round(share_60d, 6), share_90d,
                    days_until_quarter, days_until_half
             FROM repurchase_summary WHERE dimension = 'all'"
        ),
        ["9 3 69 0.238095 0.238095 - 65 -"]
    );
    // Of January's two, one was back on day 26, which is one half; but the estimate wants three. Of February's four, one came
    // back on day 30; the other three have been watched for 69 days and more.
    assert_eq!(
        tables.rows(
            "SELECT segment, reliable_until_day, round(share_30d, 6), days_until_quarter, days_until_half, share_reached
             FROM repurchase_summary WHERE dimension = 'cohort' ORDER BY segment"
        ),
        ["2024-01 - - - - -", "2024-02 69 0.25 30 - 0.25", "2024-03 - - - - -", "2024-04 - - - - -"]
    );
    assert_eq!(
        tables.rows(
            "SELECT segment, days_since_first, share, is_reliable FROM repurchase_curves
             WHERE dimension = 'cohort' AND segment = '2024-01' AND days_since_first = 26"
        ),
        ["2024-01 26 0.5 false"]
    );
    assert_eq!(
        tables.rows("SELECT dimension, count(*), sum(customers) FROM repurchase_summary GROUP BY 1 ORDER BY 1"),
        [
            "all 1 9",
            "channel 2 9",
            "cohort 4 9",
            "cohort quarter 2 9",
            "country 3 9",
            "first basket 1 9",
            "first category 2 9",
            "first order 2 9"
        ]
    );
    assert_eq!(
        tables.rows("SELECT customer_id, segment FROM customer_segments WHERE dimension = 'first category' AND segment <> 'unknown' ORDER BY 1"),
        ["1 Coffee", "11 Coffee"]
    );
    assert_eq!(
        tables.rows("SELECT DISTINCT segment FROM customer_segments WHERE dimension IN ('first basket', 'cohort quarter') ORDER BY 1"),
        ["15 to 30", "2024-Q1", "2024-Q2"]
    );
}

fn opportunities(tables: &Tables) {
    // January and February have been watched for 30 days. By web 1 and 3 of four came back in these, by app none of two; the
    // others of a dimension are all in one segment. The pooled rate is a third, so z = 0.5 / sqrt(1/3 * 2/3 * 3/4) = 1.2247 and
    // p = 0.22067 (SciPy); four are looked at. 11 and 32, of 20.00 each, are what the two spent by day 30.
    assert_eq!(
        tables.rows(
            "SELECT dimension, segment, customers, repeaters, rest_customers, rest_repeaters, difference, round(p_value, 5),
                    round(corrected_p_value, 4), verdict, customers_at_stake, revenue_at_stake
             FROM loyalty_opportunities ORDER BY 1, 2"
        ),
        [
            "channel app 2 0 4 2 -0.5 0.22067 0.8827 within chance 1 20.00",
            "channel web 4 2 2 0 0.5 0.22067 0.8827 within chance 0 0.00",
            "country AT 2 0 4 2 -0.5 0.22067 0.8827 within chance 1 20.00",
            "country DE 4 2 2 0 0.5 0.22067 0.8827 within chance 0 0.00",
        ]
    );
}

fn repurchase_days(tables: &Tables) {
    // The watch of 1, 2 and 3 ends with the second purchase, that of the others with 29 April; 10 came back on the day after it.
    // January and February have been watched for 30 days: 1 and 3 came back in these, and spent 20.00 each by then.
    assert_eq!(
        tables.rows(
            "SELECT cohort_month, days_since_first, sum(leaving), sum(repeaters), sum(window_customers), sum(window_repeaters),
                    sum(window_repeat_revenue)
             FROM repurchase_days GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        [
            "2024-01-01 26 1 1 1 1 20.00",
            "2024-01-01 65 1 1 1 0 0.00",
            "2024-02-01 30 1 1 1 1 20.00",
            "2024-02-01 69 1 0 1 0 0.00",
            "2024-02-01 77 1 0 1 0 0.00",
            "2024-02-01 79 1 0 1 0 0.00",
            "2024-03-01 50 1 0 0 0 0.00",
            "2024-03-01 55 1 0 0 0 0.00",
            "2024-04-01 28 1 0 0 0 0.00",
        ]
    );
    assert_eq!(
        tables.rows(
            "SELECT channel, country, first_category, first_order, first_basket, sum(leaving)
             FROM repurchase_days GROUP BY ALL ORDER BY 1, 2, 3"
        ),
        [
            "app AT unknown full price 15 to 30 2",
            "web DE Coffee full price 15 to 30 1",
            "web DE unknown full price 15 to 30 5",
            "web unknown Coffee discounted 15 to 30 1",
        ]
    );
    // Nine first purchases of 20.00, and seven later ones: 1 made two; 2 and 10 one; of 3's two, one was on the first day,
    // like the second of 5. Those do not count.
    assert_eq!(tables.rows("SELECT sum(revenue), sum(repeat_revenue) FROM cohort_activity"), ["320.00 100.00"]);
}

fn value(tables: &Tables) {
    // Every purchase is worth 20.00. Customer 5 is one of the app, whatever the second order of that instant says, and what
    // came back in March does not count. March is over, April is not.
    assert_eq!(
        tables.rows(
            "SELECT cohort_month, months_since, channel, sum(cohort_size), sum(purchases), sum(revenue), sum(purchases_cumulative),
                    sum(revenue_cumulative)
             FROM cohort_value GROUP BY 1, 2, 3 ORDER BY 1, 3, 2"
        ),
        [
            "2024-01-01 0 app 1 1 20.00 1 20.00",
            "2024-01-01 1 app 1 0 0.00 1 20.00",
            "2024-01-01 2 app 1 1 20.00 2 40.00",
            "2024-01-01 0 web 1 1 20.00 1 20.00",
            "2024-01-01 1 web 1 1 20.00 2 40.00",
            "2024-01-01 2 web 1 1 20.00 3 60.00",
            "2024-02-01 0 app 1 2 40.00 2 40.00",
            "2024-02-01 1 app 1 0 0.00 2 40.00",
            "2024-02-01 0 web 3 4 80.00 4 80.00",
            "2024-02-01 1 web 3 1 20.00 5 100.00",
            "2024-03-01 0 web 2 2 40.00 2 40.00",
        ]
    );
}

/// Newcombe 1998, example (a): 56 of 70 against 48 of 80. Its score interval without correction is 0.0524 to 0.3339.
#[test]
fn a_difference_between_segments_has_the_published_interval() {
    let project = shop();
    let mut orders =
        String::from("id,checkout_id,customer_id,ordered_at,status,channel,country,discount_code,discount,total\n");
    for customer in 1..=150 {
        let (channel, comes_back) = if customer <= 70 { ("web", customer <= 56) } else { ("app", customer <= 70 + 48) };
        // Everybody comes back, the others too late to count.
        let second = if comes_back { "2024-01-20" } else { "2024-03-20" };
        for (id, day) in [(1000 + customer, "2024-01-10"), (2000 + customer, second)] {
            writeln!(orders, "{id},c{id},{customer},{day} 12:00:00,completed,{channel},DE,,0.00,20.00")
                .expect("memory takes it");
        }
    }
    project.write("data/orders.csv", &orders);
    run(&project, "local");
    let tables = Tables::open(&project, "", "retention");
    // z is 2.65017 and p 0.0080451 (SciPy); two segments are looked at. Twelve points of 80 app customers are 16.
    assert_eq!(
        tables.rows(
            "SELECT segment, repeaters, customers, round(difference_lower, 4), round(difference_upper, 4), round(p_value, 6),
                    round(corrected_p_value, 6), is_opportunity, verdict, customers_at_stake, revenue_at_stake
             FROM loyalty_opportunities ORDER BY segment"
        ),
        [
            "app 48 80 -0.3339 -0.0524 0.008045 0.01609 true fewer come back 16 320.00",
            "web 56 70 0.0524 0.3339 0.008045 0.01609 false more come back 0 0.00",
        ]
    );
    // On day 10 come 104 of the 150, more than half, among them 56 of 70 and 48 of 80. The others come on day 70, which is
    // after the last full day.
    assert_eq!(
        tables.rows(
            "SELECT dimension, segment, round(share_30d, 6), days_until_quarter, days_until_half FROM repurchase_summary
             WHERE dimension IN ('all', 'channel') ORDER BY 1, 2"
        ),
        ["all all customers 0.693333 10 10", "channel app 0.6 10 10", "channel web 0.8 10 10"]
    );
}

/// Relations that hold whatever the figures are.
#[test]
fn the_figures_do_not_depend_on_the_way_the_rows_came() {
    let project = shop();
    project.write("data/orders.csv", ORDERS);
    run(&project, "local");
    let at_once = marts(&project, "retention", "");
    let at_once_without_weeks = marts(&project, "retention", "period <> 'week'");

    // The same rows from the last to the first, in two syncs, some of them twice.
    let (header, rows) = ORDERS.split_once('\n').expect("the file has a header");
    let backwards: Vec<&str> = rows.lines().rev().collect();
    project.write("data/orders.csv", &format!("{header}\n{}\n", backwards[..9].join("\n")));
    run(&project, "again");
    project.write("data/orders.csv", &format!("{header}\n{}\n", backwards.join("\n")));
    run(&project, "again");
    run(&project, "again");
    assert_eq!(marts(&project, "again", ""), at_once);

    // An order that came back is none, even if it would have been the first or the last of all.
    let returned = "200,r200,1,2023-12-01 12:00:00,returned,web,DE,,0.00,900.00\n201,r201,3,2024-06-01 12:00:00,returned,web,DE,,0.00,900.00\n";
    project.write("data/orders.csv", &format!("{ORDERS}{returned}"));
    run(&project, "again");
    assert_eq!(marts(&project, "again", ""), at_once);

    // From one leap year to the next all days move, and nothing else but the weeks: 1 January 2028 is as far from its month's end
    // as in 2024, and no Monday.
    project.write("data/orders.csv", &ORDERS.replace(",2024-", ",2028-"));
    run(&project, "again");
    let later = marts(&project, "again", "period <> 'week'").replace("2028", "2024");
    assert_eq!(later, at_once_without_weeks);
}

/// All rows of purchases and of all marts as text; of those that have rows for several kinds of periods, only those of the filter.
pub(crate) fn marts(project: &Project, schema: &'static str, of_periods: &str) -> String {
    let mut names = vec!["purchases".to_owned()];
    for entry in std::fs::read_dir(project.path().join("sql/marts")).expect("the marts can be listed") {
        let path = entry.expect("an entry can be read").path();
        names.push(path.file_stem().expect("a file has a name").to_string_lossy().into_owned());
    }
    names.sort();
    let tables = Tables::open(project, "", schema);
    let has_periods = |mart: &str| matches!(mart, "cohort_matrix" | "cohort_periods") && !of_periods.is_empty();
    let text = |mart: &String| {
        let filter = if has_periods(mart) { format!("WHERE {of_periods}") } else { String::new() };
        let rows = tables.rows(&format!("SELECT * FROM {mart} {filter} ORDER BY ALL"));
        format!("{mart}\n{}\n", rows.join("\n"))
    };
    let text = names.iter().map(text).collect();
    tables.close();
    text
}

#[test]
fn a_further_order_of_the_first_day_is_the_second_purchase_if_the_variable_says_so() {
    let project = shop();
    project.write("data/orders.csv", ORDERS);
    run(&project, "same_day");
    let tables = Tables::open(&project, "", "same_day");
    // Customer 3 on the evening of the same day, customer 5 in the same instant; the others as before.
    assert_eq!(
        tables.rows("SELECT customer_id, days_to_second FROM customer_first_second WHERE customer_id <= 5 ORDER BY 1"),
        ["1 26", "2 65", "3 0", "4 -", "5 0"]
    );
    assert_eq!(
        tables.rows(
            "SELECT sum(repeaters_cumulative) FROM time_to_second_purchase
             WHERE cohort_month = DATE'2024-02-01' AND days_since_first = 0"
        ),
        ["2"]
    );
}

#[test]
fn accounts_that_were_merged_are_one_customer_who_came_when_the_first_of_them_did() {
    let project = shop();
    project.write("data/orders.csv", ORDERS);
    // 4 turns out to be 2, and 10 to be 4. What the source deletes later stays merged; 7 points at itself, which says nothing.
    let merged = "4,2024-02-10 09:00:00,2\n7,2024-01-05 09:00:00,7\n10,2024-03-05 09:00:00,4\n";
    project.write("data/customers.csv", &format!("{CUSTOMERS}{merged}"));
    run(&project, "local");
    project
        .write("data/customers.csv", &format!("{CUSTOMERS}{}", merged.lines().take(2).collect::<Vec<_>>().join("\n")));
    run(&project, "local");
    let tables = Tables::open(&project, "", "retention");
    assert_eq!(tables.rows("SELECT * FROM merged_customers ORDER BY 1"), ["4 2 false", "10 2 false"]);
    // 2 came on 15 January by the app, and 26 days later (10 February) by 4's order; the cohorts of 4 and 10 lose them.
    assert_eq!(
        tables.rows(
            "SELECT customer_id, cohort_month, second_purchased_on, days_to_second, channel, purchases
             FROM customer_first_second WHERE customer_id IN (2, 4, 10)"
        ),
        ["2 2024-01-01 2024-02-10 26 app 5"]
    );
    assert_eq!(
        tables.rows("SELECT cohort_month, count(*) FROM customer_first_second GROUP BY 1 ORDER BY 1"),
        ["2024-01-01 2", "2024-02-01 3", "2024-03-01 1", "2024-04-01 1"]
    );
    // Nothing is lost and nothing counted twice.
    assert_eq!(tables.rows("SELECT count(*), sum(revenue) FROM purchases"), ["16 320.00"]);
    tables.close();

    // A sample takes a person with all accounts or none: 2 is in it.
    run(&project, "sampled");
    let tables = Tables::open(&project, "", "sampled");
    assert_eq!(
        tables.rows("SELECT customer_id, purchases FROM customer_first_second ORDER BY 1"),
        ["1 3", "2 5", "3 3"]
    );
    tables.close();

    // Four merges are one more than the shop follows, and a circle has no end: neither says who somebody is. 10 is 4 still.
    let chain = "id,created_at,merged_into\n5,,4\n4,,3\n3,,2\n2,,1\n8,,9\n9,,8\n";
    project.write("data/customers.csv", chain);
    run(&project, "again");
    let tables = Tables::open(&project, "", "again");
    assert_eq!(
        tables.rows("SELECT customer_id, is_unresolved FROM merged_customers ORDER BY 1"),
        ["2 false", "3 false", "4 false", "5 true", "8 true", "9 true", "10 true"]
    );
}

#[test]
fn a_sample_takes_some_customers_with_all_their_orders() {
    let project = shop();
    project.write("data/orders.csv", ORDERS);
    run(&project, "sampled");
    let tables = Tables::open(&project, "", "sampled");
    // Of every hundred customer ids the first five: 1, 2, 3 and 4 here.
    assert_eq!(
        tables.rows("SELECT customer_id, purchases FROM customer_first_second ORDER BY 1"),
        ["1 3", "2 2", "3 3", "4 1"]
    );
}
