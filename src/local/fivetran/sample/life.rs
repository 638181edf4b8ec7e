//! The life of one customer or guest: who they are, when they order, and what becomes of each order.
//!
//! A life is a function of the seed and the customer's number; it is cut off where the horizon is. The chances below are
//! chosen so that questions of retention have true answers: who came by e-mail comes back more often than who came by
//! paid social; who was won with a discount comes back less often; and cohorts grow better with a loyalty programme in
//! March 2025 and worse with the broad advertising of 2026.

use super::calendar::{DAY, OPENING, days_to_sale, is_sale, time_of_day};
use super::products::on_sale;
use super::rng::{Kind, Rng};

/// Bits of an order's id that number the customer or guest; guests have the upper half.
pub(super) const ACTOR_BITS: u32 = 25;
/// The first guest's number.
pub(super) const FIRST_GUEST: u64 = 1 << (ACTOR_BITS - 1);
/// Orders of one life; nobody gets there.
const MOST_ORDERS: u64 = 60;

pub(super) const CHANNELS: [&str; 6] = ["organic", "paid_search", "paid_social", "email", "affiliate", "direct"];
pub(super) const COUNTRIES: [&str; 8] = ["DE", "AT", "CH", "FR", "NL", "BE", "IT", "PL"];
const COUNTRY_WEIGHTS: [u32; 8] = [48, 12, 10, 10, 8, 4, 4, 4];
/// Chance of a second order by channel of the first, in permille, before all that changes it.
const REPEAT: [u32; 6] = [400, 330, 200, 540, 260, 450];
/// Chance of a discount on the first order, by channel.
const FIRST_DISCOUNT: [u32; 6] = [200, 280, 520, 330, 600, 140];
/// How long people of a channel take to come back, in percent.
const PACE: [i64; 6] = [100, 105, 125, 80, 110, 95];
/// Days until the next order, from the quickest to the slowest in steps of a twentieth.
const GAPS: [i64; 21] = [1, 3, 6, 9, 13, 17, 21, 26, 31, 36, 42, 49, 57, 67, 79, 94, 115, 145, 190, 270, 520];

/// Discount codes with their percent.
pub(super) const CODES: [(&str, i64); 4] = [("WELCOME10", 10), ("SOCIAL15", 15), ("PARTNER10", 10), ("SALE20", 20)];

/// A customer, or somebody who orders as a guest.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    /// 0, 1, … for customers; [`FIRST_GUEST`] and up for guests.
    pub(super) number: u64,
    /// When the account was made; for guests the order's moment.
    pub(super) created: i64,
    pub(super) country: u8,
    channel: u8,
    /// Whether they first agreed to marketing.
    pub(super) opted_in: bool,
    /// When they took it back.
    pub(super) opted_out: Option<i64>,
    /// When they had their account deleted.
    pub(super) deleted: Option<i64>,
    /// When the account turned out to be somebody's second one, and the number of the one that it was merged into.
    pub(super) merged: Option<(i64, u64)>,
    /// The first order; none for accounts that never bought.
    first: Option<i64>,
    rng: Rng,
}

/// An order with all that will become of it.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: i64,
    /// Names the checkout; a retried one has two orders.
    pub(super) checkout: u64,
    pub(super) ordered: i64,
    /// When the row reaches the source: at once, or days later for orders taken elsewhere.
    pub(super) arrived: i64,
    pub(super) channel: u8,
    pub(super) code: Option<u8>,
    pub(super) lines: Vec<Line>,
    /// What becomes of it, in the order of time.
    pub(super) events: Vec<(i64, Event)>,
}

/// A step of an order's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Cancelled,
    Shipped,
    Completed,
    /// All of it came back.
    Returned,
    /// Some of it came back.
    PartlyReturned,
}

/// A line of an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Index of the product.
    pub(super) product: u32,
    pub(super) quantity: u8,
    /// How many of them come back when a part of the order does.
    pub(super) partly: u8,
}

/// Day of a moment, counted from the opening.
pub(super) fn day_of(moment: i64) -> u32 {
    ((moment - OPENING) / DAY) as u32
}

/// Weights of the channels that bring new customers: paid social grows from a tenth to a quarter.
fn channel_weights(day: u32) -> [u32; 6] {
    let social = 100 + day.min(1_000) * 16 / 100;
    [300, 250, social, 50, 80, 130]
}

/// How much a cohort comes back, in permille of the first one: first a little less each month, from March 2025 (day 425)
/// a loyalty programme, from 2026 (day 731) broad advertising that wins people who do not stay.
fn cohort_quality(day: u32) -> u32 {
    match day {
        0..425 => 1_000 - day * 80 / 425,
        425..731 => 1_120,
        _ => 1_080_u32.saturating_sub((day - 731) * 9 / 10).max(850),
    }
}

impl Actor {
    /// The customer of that number, who comes on that day.
    pub(super) fn customer(seed: u64, number: u64, day: u32) -> Self {
        let mut rng = Rng::of(seed, Kind::Customer, number);
        let created = OPENING + i64::from(day) * DAY + time_of_day(&mut rng);
        let channel = rng.pick(&channel_weights(day)) as u8;
        let country = rng.pick(&COUNTRY_WEIGHTS) as u8;
        let opted_in = rng.chance(if CHANNELS[channel as usize] == "email" { 920 } else { 430 });
        let opted_out =
            (opted_in && rng.chance(90)).then(|| created + rng.between(10, 500) * DAY + rng.between(0, 86_399));
        let deleted = rng.chance(4).then(|| created + rng.between(40, 600) * DAY + rng.between(0, 86_399));
        let first = match rng.below(100) {
            0..7 => None,
            7..17 => Some(created + rng.between(1, 20) * DAY + rng.between(0, 7_200)),
            _ => Some(created + rng.between(40, 400)),
        };
        let merged = merge(seed, number, created);
        Self { number, created, country, channel, opted_in, opted_out, deleted, merged, first, rng }
    }

    /// The guest of that number (from 0), who comes on that day and orders once.
    pub(super) fn guest(seed: u64, number: u64, day: u32) -> Self {
        let number = FIRST_GUEST + number;
        let mut rng = Rng::of(seed, Kind::Customer, number);
        let created = OPENING + i64::from(day) * DAY + time_of_day(&mut rng);
        let channel = rng.pick(&channel_weights(day)) as u8;
        let country = rng.pick(&COUNTRY_WEIGHTS) as u8;
        Self {
            number,
            created,
            country,
            channel,
            opted_in: false,
            opted_out: None,
            deleted: None,
            merged: None,
            first: Some(created),
            rng,
        }
    }

    /// Tells whether this is a guest.
    pub(super) fn is_guest(&self) -> bool {
        self.number >= FIRST_GUEST
    }

    /// Appends the orders that are placed before `end`.
    pub(super) fn orders(&self, seed: u64, end: i64, orders: &mut Vec<Order>) {
        let end = self.deleted.map_or(end, |deleted| deleted.min(end));
        let mut rng = self.rng.clone();
        let Some(mut moment) = self.first else { return };
        let day = day_of(moment);
        let code = first_code(&mut rng, self.channel, day);
        let mut again = REPEAT[self.channel as usize] * cohort_quality(day_of(self.created)) / 1_000;
        again = if code.is_some() { again * 72 / 100 } else { again };
        again = if self.opted_in { again * 112 / 100 } else { again * 92 / 100 };
        let mut next_code = code;
        let mut channel = self.channel;
        for k in 0..MOST_ORDERS {
            if moment >= end {
                return;
            }
            self.order(seed, k, moment, channel, next_code, orders);
            if self.is_guest() || !rng.chance(again.min(820)) {
                return;
            }
            // Whoever came back once is likelier to do so again.
            again = again * 115 / 100 + 60;
            moment = if rng.chance(28) {
                // A second order on the same evening, or just past midnight.
                moment + rng.between(300, 14_400)
            } else {
                next_moment(&mut rng, moment, self.channel)
            };
            channel = if rng.chance(350) { self.channel } else { rng.pick(&[240, 120, 40, 330, 30, 240]) as u8 };
            next_code = (is_sale(day_of(moment)) && rng.chance(560)).then_some(3);
        }
    }

    /// Appends one order; two, if its checkout was tried again.
    fn order(&self, seed: u64, k: u64, ordered: i64, channel: u8, code: Option<u8>, orders: &mut Vec<Order>) {
        let mut rng = Rng::of(seed, Kind::Order, self.number << 8 | k);
        let checkout = rng.next();
        let arrived = if rng.chance(20) { ordered + rng.between(43_200, 518_400) } else { ordered };
        let range = on_sale(day_of(ordered));
        let lines: Vec<Line> = (0..=rng.pick(&[55, 28, 12, 5]))
            .map(|_| {
                let (u, v) = (rng.below(range), rng.below(range));
                let quantity = rng.pick(&[85, 12, 3]) as u8 + 1;
                Line { product: u.min(v), quantity, partly: 0 }
            })
            .collect();
        let mut order =
            Order { id: 0, checkout, ordered, arrived, channel, code, lines, events: Vec::with_capacity(3) };
        fate(&mut rng, &mut order, self.country);
        let retried = rng.chance(6);
        let wait = if rng.chance(250) { 0 } else { rng.between(1, 40) };
        order.id = order_id(ordered, self.number, false);
        if retried {
            let mut second = order.clone();
            second.ordered += wait;
            second.arrived += wait;
            second.id = order_id(second.ordered, self.number, true);
            orders.push(order);
            orders.push(second);
        } else {
            orders.push(order);
        }
    }
}

/// Six accounts in a thousand turn out to be the second one of somebody who came not long before, whose second account may
/// itself be merged. The shop's rows say so and change nothing else: orders stay with the account that placed them.
fn merge(seed: u64, number: u64, created: i64) -> Option<(i64, u64)> {
    let mut rng = Rng::of(seed, Kind::Merge, number);
    let back = 1 + u64::from(rng.below(40));
    let moment = created + rng.between(1, 240) * DAY + rng.between(0, 86_399);
    (rng.chance(6) && back <= number).then(|| (moment, number - back))
}

/// Ids rise with time, as if one sequence gave them out, and are unique because nobody orders twice in a second but
/// with a retried checkout.
fn order_id(ordered: i64, actor: u64, retried: bool) -> i64 {
    (((ordered - OPENING) << ACTOR_BITS) | actor as i64) << 1 | i64::from(retried)
}

/// The code on a first order.
fn first_code(rng: &mut Rng, channel: u8, day: u32) -> Option<u8> {
    let usual = rng.chance(FIRST_DISCOUNT[channel as usize]);
    let sale = rng.chance(560) && is_sale(day);
    match CHANNELS[channel as usize] {
        _ if sale => Some(3),
        "paid_social" if usual => Some(1),
        "affiliate" if usual => Some(2),
        _ if usual => Some(0),
        _ => None,
    }
}

/// When somebody comes back: some days later, at another time of the day. Some who would come in October or November
/// wait for the sale, and some move from Saturday to Sunday.
fn next_moment(rng: &mut Rng, moment: i64, channel: u8) -> i64 {
    let step = rng.below(20) as usize;
    let within = i64::from(rng.below(1_000));
    let gap = GAPS[step] * 1_000 + (GAPS[step + 1] - GAPS[step]) * within;
    let days = (gap * PACE[channel as usize] / 100_000).max(1);
    let mut day = day_of(moment) + days as u32;
    if rng.chance(280)
        && let Some(wait) = days_to_sale(day)
    {
        day += wait + rng.below(8);
    }
    if day % 7 == 5 && rng.chance(200) {
        day += 1;
    }
    OPENING + i64::from(day) * DAY + time_of_day(rng)
}

/// Decides what becomes of an order.
fn fate(rng: &mut Rng, order: &mut Order, country: u8) {
    let ordered = order.ordered;
    if rng.chance(35) {
        order.events.push((ordered + rng.between(600, 108_000), Event::Cancelled));
        return;
    }
    let shipped = ordered + rng.between(36_000, 259_200);
    let completed = shipped + rng.between(86_400, 432_000);
    order.events.push((shipped, Event::Shipped));
    order.events.push((completed, Event::Completed));
    let back = completed + rng.between(172_800, 1_728_000);
    // Parcels come back more often in the three countries where returning is free.
    let more = if country < 3 { 20 } else { 0 };
    if rng.chance(40 + more) {
        order.events.push((back, Event::Returned));
    } else if rng.chance(55 + more) {
        let units: u32 = order.lines.iter().map(|l| u32::from(l.quantity)).sum();
        if units > 1 {
            // One line comes back, or but one piece of it where it is the only line.
            let alone = order.lines.len() == 1;
            let chosen = rng.below(order.lines.len() as u32) as usize;
            let line = &mut order.lines[chosen];
            line.partly = if alone { 1 } else { line.quantity };
            order.events.push((back, Event::PartlyReturned));
        }
    }
}
