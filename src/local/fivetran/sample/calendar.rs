//! The shop's calendar: how many customers come on which day, and at which time of the day people order.
//!
//! Days count from 2024-01-01, a Monday; times are seconds since 1970 in UTC. The calendar has nothing to do with the
//! clock on the wall: the first sync ends with 2026-06-30, and each later one brings three days more.

use chrono::{Datelike, Days, NaiveDate};

use super::rng::Rng;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;
/// Seconds since 1970 of the shop's first moment, 2024-01-01T00:00:00Z.
pub(super) const OPENING: i64 = 1_704_067_200;
/// Days that the first sync covers: 2024-01-01 to 2026-06-30.
pub(super) const FIRST_DAYS: u32 = 912;
/// Days that each later sync adds.
const DAYS_PER_SYNC: i64 = 3;

/// End (exclusive, seconds since 1970) of what a shop's sync number `sync` sees, counted from 0.
pub fn horizon(sync: u64) -> i64 {
    let later = i64::try_from(sync).unwrap_or(i64::MAX / (2 * DAY * DAYS_PER_SYNC));
    OPENING + (i64::from(FIRST_DAYS) + later.min(1_000_000) * DAYS_PER_SYNC) * DAY
}

/// Share of a year's new customers by month, in permille of an even month: quiet in summer, busy before Christmas.
const MONTHS: [u64; 12] = [930, 850, 920, 950, 980, 900, 860, 880, 970, 1050, 1430, 1330];
/// The same by day of the week, from Monday: busiest on Sunday and Monday.
const WEEKDAYS: [u64; 7] = [1050, 1000, 980, 970, 920, 950, 1130];
/// Orders by hour of the day in UTC: a small peak at lunch, a high one in the evening, few at night but never none.
const HOURS: [u32; 24] = [10, 6, 4, 3, 3, 6, 14, 26, 38, 46, 52, 58, 56, 50, 46, 46, 50, 60, 74, 86, 88, 70, 42, 22];

/// A date of the shop.
pub(super) fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1)
        .and_then(|d| d.checked_add_days(Days::new(u64::from(day))))
        .unwrap_or(NaiveDate::MAX)
}

/// Month (1 to 12) and day of the month.
fn month_day(day: u32) -> (u32, u32) {
    let date = date(day);
    (date.month(), date.day())
}

/// Tells whether a day lies in the sale week before the last Friday of November (23 to 30 November).
pub(super) fn is_sale(day: u32) -> bool {
    let (month, day) = month_day(day);
    month == 11 && (23..=30).contains(&day)
}

/// Days until the sale begins, if people already put off buying for it: from 12 October on.
pub(super) fn days_to_sale(day: u32) -> Option<u32> {
    let (month, of_month) = month_day(day);
    match (month, of_month) {
        (10, 12..) => Some(31 - of_month + 23),
        (11, ..=22) => Some(23 - of_month),
        _ => None,
    }
}

/// A time of the day, in seconds.
pub(super) fn time_of_day(rng: &mut Rng) -> i64 {
    rng.pick(&HOURS) as i64 * 3_600 + rng.between(0, 3_599)
}

/// How many customers have come by the end of each day: growth times season times day of the week.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Sum of the days' weights before day `i`.
    before: Vec<u64>,
}

impl Curve {
    /// The curve for a number of days; the first days are the same for any number.
    pub(super) fn new(days: u32) -> Self {
        let mut before = Vec::with_capacity(days as usize + 1);
        let mut sum = 0;
        for day in 0..days.max(FIRST_DAYS) {
            before.push(sum);
            let (month, of_month) = month_day(day);
            let growth = 1_000 + u64::from(day);
            let sale = if is_sale(day) { 160 } else { 100 };
            let holidays = if (month, of_month) >= (12, 24) { 70 } else { 100 };
            sum += MONTHS[month as usize - 1] * WEEKDAYS[day as usize % 7] / 1_000 * growth / 1_000 * sale / 100
                * holidays
                / 100;
        }
        before.push(sum);
        Self { before }
    }

    /// How many of `total` have come before a day began, where `total` is the number at the end of the first sync.
    pub(super) fn arrived_before(&self, day: u32, total: u64) -> u64 {
        let index = (day as usize).min(self.before.len() - 1);
        let whole = u128::from(self.before[FIRST_DAYS as usize]);
        (u128::from(total) * u128::from(self.before[index]) / whole) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sync_ends_with_june_2026_and_later_ones_add_three_days() {
        assert_eq!(date(FIRST_DAYS), NaiveDate::from_ymd_opt(2026, 7, 1).unwrap());
        let first = chrono::DateTime::from_timestamp(horizon(0), 0).unwrap();
        assert_eq!(first.to_rfc3339(), "2026-07-01T00:00:00+00:00");
        assert_eq!(horizon(2) - horizon(0), 6 * DAY);
    }

    #[test]
    fn arrivals_sum_up_to_the_total_and_grow_over_the_years() {
        let curve = Curve::new(FIRST_DAYS);
        assert_eq!(curve.arrived_before(0, 20_000), 0);
        assert_eq!(curve.arrived_before(FIRST_DAYS, 20_000), 20_000);
        let of_days = |from, to| curve.arrived_before(to, 20_000) - curve.arrived_before(from, 20_000);
        // January to June of 2024, 2025 and 2026: the same season, so the difference is growth alone.
        let (y24, y25, y26) = (of_days(0, 182), of_days(366, 547), of_days(731, 912));
        assert!(y24 < y25 && y25 < y26, "{y24} {y25} {y26}");
        // November 2024 has the sale, February does not.
        assert!(of_days(305, 335) > of_days(31, 60) * 3 / 2);
    }

    #[test]
    fn a_longer_curve_begins_like_a_shorter_one() {
        let (short, long) = (Curve::new(FIRST_DAYS), Curve::new(FIRST_DAYS + 30));
        for day in [1, 400, FIRST_DAYS] {
            assert_eq!(short.arrived_before(day, 5_000), long.arrived_before(day, 5_000));
        }
        assert!(long.arrived_before(FIRST_DAYS + 30, 5_000) > 5_000);
    }

    #[test]
    fn the_sale_is_awaited_from_the_middle_of_october() {
        // 2024-11-22 is day 326.
        assert_eq!((days_to_sale(326), is_sale(326), is_sale(327)), (Some(1), false, true));
        // 2024-10-16 is 37 days before.
        assert_eq!(days_to_sale(326 - 37), Some(38));
        assert_eq!(days_to_sale(100), None);
    }
}
