//! The statistics of segments over shops made for them: Holm's correction, who is judged, how baskets are cut, and the day by
//! which half are back. P-values and intervals are those of the textbook formulas, worked out with Python's `math.erfc`.

use std::fmt::Write as _;

use crate::cohort_sql::{run, shop};
use crate::support::Project;
use crate::tables::Tables;

/// A group of customers who first buy on 10 January; `back` of them buy again ten days later, and all the others too late to
/// count, so that the window of thirty days is what tells them apart.
struct Group<'a> {
    customers: u32,
    back: u32,
    channel: &'a str,
    country: &'a str,
    /// Code, discount and total of the first order, as the file has them.
    price: &'a str,
}

impl Default for Group<'_> {
    fn default() -> Self {
        Self { customers: 0, back: 0, channel: "web", country: "DE", price: ",0.00,20.00" }
    }
}

/// The hand-made shop's project with these customers, for whom fifty are enough to be judged.
fn shop_of(groups: &[Group<'_>]) -> Project {
    let project = shop();
    project.replace("jobs.yaml", "segment_min_customers: 2", "segment_min_customers: 50");
    fill(&project, groups);
    project
}

/// Gives the shop these customers and no others, and runs its job.
fn fill(project: &Project, groups: &[Group<'_>]) {
    let mut orders =
        String::from("id,checkout_id,customer_id,ordered_at,status,channel,country,discount_code,discount,total\n");
    let mut customer = 0;
    for group in groups {
        let Group { channel, country, price, .. } = group;
        for place in 0..group.customers {
            customer += 1;
            let second = if place < group.back { "2024-01-20" } else { "2024-03-20" };
            // Not the ids of the orders that the hand-made shop has lines of.
            let (first_id, second_id) = (1_000 + customer, 10_000 + customer);
            for (id, day, price) in [(first_id, "2024-01-10", *price), (second_id, second, ",0.00,20.00")] {
                writeln!(orders, "{id},c{id},{customer},{day} 12:00:00,completed,{channel},{country},{price}")
                    .expect("memory takes it");
            }
        }
    }
    project.write("data/orders.csv", &orders);
    run(project, "local");
}

/// Each row's name, its counts, and its p-values.
fn judged(tables: &Tables, dimension: &str) -> Vec<(String, Option<f64>, Option<f64>)> {
    let rows = tables.rows(&format!(
        "SELECT p_value, corrected_p_value, concat_ws(' ', segment, repeaters, customers, is_judged, verdict, is_opportunity,
                customers_at_stake, revenue_at_stake)
         FROM loyalty_opportunities WHERE dimension = '{dimension}' ORDER BY p_value, segment"
    ));
    let number = |text: &str| (text != "-").then(|| text.parse().expect("a p-value"));
    rows.iter()
        .map(|row| {
            let mut parts = row.splitn(3, ' ');
            let mut part = || parts.next().expect("three columns");
            let (p, corrected) = (number(part()), number(part()));
            (part().to_owned(), p, corrected)
        })
        .collect()
}

/// The approximation of the normal distribution may be wrong by 1.5e-7, and three times as much after the correction.
#[track_caller]
fn near(have: Option<f64>, wanted: f64) {
    let have = have.expect("a p-value");
    assert!((have - wanted).abs() < 5e-7, "{have} instead of {wanted}");
}

#[test]
fn holms_correction_takes_each_segment_by_how_many_are_left() {
    let project = shop_of(&[
        Group { customers: 100, back: 20, channel: "web", ..Group::default() },
        Group { customers: 100, back: 22, channel: "app", ..Group::default() },
        Group { customers: 100, back: 41, channel: "email", ..Group::default() },
        Group { customers: 20, back: 8, channel: "kiosk", country: "AT", ..Group::default() },
    ]);
    let tables = Tables::open(&project, "", "retention");
    // Of 320 customers 91 came back. Each channel against the other 220: 41 % against 50 of 220 (z = 3.35855), 20 % against 71
    // (z = -2.25574), 22 % against 69 (z = -1.72105).
    let (email, web, app) = (0.000_783_537_59, 0.024_086_940_13, 0.085_242_510_42);
    let rows = judged(&tables, "channel");
    // Three are judged, so the smallest counts three times, the next twice, the last once. Three times each (Bonferroni) would
    // call the web's 0.072 chance. What 12 customers of the web would have spent is 27/220 * 100 * 20.00.
    assert_eq!(
        rows.iter().map(|(row, ..)| row.as_str()).collect::<Vec<_>>(),
        [
            "kiosk 8 20 false too few to judge false 0 0.00",
            "email 41 100 true more come back false 0 0.00",
            "web 20 100 true fewer come back true 12 245.45",
            "app 22 100 true within chance false 9 187.27",
        ]
    );
    assert_eq!((rows[0].1, rows[0].2), (None, None), "who is not judged has no p-value");
    for ((_, p, corrected), (wanted, times)) in rows[1..].iter().zip([(email, 3.0), (web, 2.0), (app, 1.0)]) {
        near(*p, wanted);
        near(*corrected, times * wanted);
    }
    // Three hundred are many, but the rest of them are twenty. Neither of the two is counted above.
    assert_eq!(
        judged(&tables, "country").into_iter().map(|(row, ..)| row).collect::<Vec<_>>(),
        ["AT 8 20 false too few to judge false 0 0.00", "DE 83 300 false too few to judge false 37 740.00"]
    );
    // Newcombe's intervals, from Wilson's.
    assert_eq!(
        tables.rows(
            "SELECT segment, round(difference_lower, 6), round(difference_upper, 6) FROM loyalty_opportunities
             WHERE dimension = 'channel' AND segment IN ('web', 'app') ORDER BY 1"
        ),
        ["app -0.188517 0.013847", "web -0.21537 -0.016487"]
    );
}

#[test]
fn a_first_order_with_a_discount_is_held_against_those_without() {
    // A code that took nothing off, a discount without a code; a discount that is not known is none.
    let project = shop_of(&[
        Group { customers: 30, back: 6, price: "SAVE,0.00,20.00", ..Group::default() },
        Group { customers: 30, back: 6, price: ",5.00,20.00", ..Group::default() },
        Group { customers: 30, back: 15, price: ",,20.00", ..Group::default() },
        Group { customers: 30, back: 15, ..Group::default() },
    ]);
    let tables = Tables::open(&project, "", "retention");
    let rows = judged(&tables, "first order");
    // 20 % against 50 %, pooled 35 %: z = -0.3 / sqrt(0.35 * 0.65 / 30) = -3.44502. Thirty points of 60 are 18 customers.
    let p = 0.000_571_026_62;
    assert_eq!(
        rows.iter().map(|(row, ..)| row.as_str()).collect::<Vec<_>>(),
        ["discounted 12 60 true fewer come back true 18 360.00", "full price 30 60 true more come back false 0 0.00"]
    );
    for (_, have, corrected) in &rows {
        near(*have, p);
        near(*corrected, 2.0 * p);
    }
    assert_eq!(
        tables.rows(
            "SELECT round(difference, 6), round(difference_lower, 6), round(difference_upper, 6)
             FROM loyalty_opportunities WHERE dimension = 'first order' AND segment = 'discounted'"
        ),
        ["-0.3 -0.447378 -0.129929"]
    );
}

#[test]
fn a_basket_belongs_to_the_size_that_begins_with_it() {
    let totals = ["0.00", "49.99", "50.00", "99.99", "100.00", "199.99", "200.00", "98765.43", ""];
    let prices: Vec<String> = totals.iter().map(|total| format!(",0.00,{total}")).collect();
    let groups: Vec<Group<'_>> =
        prices.iter().map(|price| Group { customers: 2, back: 1, price, ..Group::default() }).collect();
    let project = shop();
    project.replace("jobs.yaml", "basket_limits: [15, 30]", "basket_limits: [50, 100, 200]");
    fill(&project, &groups);
    let tables = Tables::open(&project, "", "retention");
    // Two customers of each; what is not known is no size, and is judged nowhere.
    assert_eq!(
        tables.rows(
            "SELECT customers.first_revenue, segments.segment, count(*)
             FROM customer_segments AS segments
             JOIN customer_first_second AS customers ON customers.customer_id = segments.customer_id
             WHERE segments.dimension = 'first basket' GROUP BY ALL ORDER BY 1 NULLS LAST"
        ),
        [
            "0.00 below 50 2",
            "49.99 below 50 2",
            "50.00 50 to 100 2",
            "99.99 50 to 100 2",
            "100.00 100 to 200 2",
            "199.99 100 to 200 2",
            "200.00 200 and more 2",
            "98765.43 200 and more 2",
            "- unknown 2",
        ]
    );
    assert_eq!(
        tables.rows(
            "SELECT segment, customers, repeaters, rest_customers FROM loyalty_opportunities
             WHERE dimension = 'first basket' ORDER BY 1"
        ),
        ["100 to 200 4 2 12", "200 and more 4 2 12", "50 to 100 4 2 12", "below 50 4 2 12"]
    );
}

#[test]
fn half_are_back_on_a_day_though_fewer_than_half_have_been_seen_to_come_back() {
    // Of eight customers of 10 January one comes back after 10, 20, 30, 40 and 50 days; three have been here for 19 days when the
    // data end. Still at risk are 11, 7, 6, 5 and 4, so not yet back are 10/11, then 6/7, 5/6, 4/5 and 3/4 of that.
    let mut orders =
        String::from("id,checkout_id,customer_id,ordered_at,status,channel,country,discount_code,discount,total\n");
    let days = ["2024-01-20", "2024-01-30", "2024-02-09", "2024-02-19", "2024-02-29"];
    for customer in 1..=11 {
        let first = if customer <= 8 { "2024-01-10" } else { "2024-04-10" };
        // The last purchase of all is a third one, so that the data reach up to 29 April.
        let third = (customer == 1).then_some("2024-04-30");
        for (place, day) in [Some(first), days.get(customer - 1).copied(), third].into_iter().flatten().enumerate() {
            let id = 1_000 + customer * 10 + place;
            writeln!(orders, "{id},c{id},{customer},{day} 12:00:00,completed,web,DE,,0.00,20.00")
                .expect("memory takes it");
        }
    }
    let project = shop();
    project.write("data/orders.csv", &orders);
    run(&project, "local");
    let tables = Tables::open(&project, "", "retention");
    let not_yet = [1.0, 10.0 / 11.0, 60.0 / 77.0, 50.0 / 77.0, 40.0 / 77.0, 30.0 / 77.0];
    for (day, not_yet) in (0..).step_by(10).zip(not_yet) {
        for (day, not_yet) in [(day, not_yet), (day + 9, not_yet)] {
            let share = tables.rows(&format!(
                "SELECT share FROM repurchase_curves WHERE dimension = 'all' AND days_since_first = {day}"
            ));
            let share: f64 = share[0].parse().expect("a share");
            assert!((share - (1.0 - not_yet)).abs() < 1e-12, "day {day}: {share}");
        }
    }
    // Five of eleven are no half; four are at risk on the day, and the estimate wants three.
    assert_eq!(
        tables.rows(
            "SELECT customers, repeaters_so_far, days_until_quarter, days_until_half, reliable_until_day
             FROM repurchase_summary WHERE dimension = 'all'"
        ),
        ["11 5 30 50 70"]
    );
    // January alone has come to the half of its eight by the fourth; both ways of counting agree where nobody is too young.
    assert_eq!(
        tables.rows("SELECT days_until_quarter, days_until_half FROM repurchase_summary WHERE segment = '2024-01'"),
        ["20 40"]
    );
    assert_eq!(tables.rows("SELECT days_until_half FROM cohort_summary WHERE cohort_month = DATE'2024-01-01'"), ["40"]);
}
