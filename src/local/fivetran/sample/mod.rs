//! A shop that never was, honest to the life of one: growth and seasons, channels and countries, discounts, returns and
//! cancellations, guests, orders that come twice or late. [`Shop`] is a pure function of its seed, its size and a moment.
//!
//! The shop opens on 2024-01-01; the first sync sees it up to the end of 2026-06-30 and every later one three days more
//! ([`horizon`]). A later moment adds rows, changes those to which something happened since, and leaves the rest alone.
//!
//! What is in it, beside well-behaved rows:
//! - an order whose checkout was tried again is there twice, with one `checkout_id` (0.6 % of orders, some at the same second);
//! - a fiftieth of the orders reaches the source half a day to six days after `ordered_at`;
//! - guests' orders have no `customer_id`; some accounts never order; some people order twice in an evening;
//! - a few customers have their account deleted: the row goes, their orders stay;
//! - a few accounts are the second one of somebody, and say from some day on which account they were merged into.

mod calendar;
mod life;
mod parquet;
mod products;
mod rng;
mod rows;
#[cfg(test)]
mod tests;

pub use calendar::horizon;
pub use parquet::{WriteError, write_parquet};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use calendar::{Curve, DAY, OPENING};
use life::{Actor, FIRST_GUEST, Order};
use products::{Product, on_sale, products};
use rows::Builder;

/// Rows of a batch, at least, where there are so many.
const BATCH_ROWS: usize = 16_384;
/// Guests for each hundred customers.
const GUESTS_PERCENT: u64 = 15;
/// The most customers a shop can have, so that ids stay unique while it grows.
pub const MOST_CUSTOMERS: u32 = (FIRST_GUEST / 2) as u32;

/// The shop's tables, all in the source schema `public`, each with the key `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// `customers`: accounts.
    Customers,
    /// `orders`: one row an order, with its status and its total after discount.
    Orders,
    /// `order_items`: the lines of orders.
    OrderItems,
    /// `products`: what is on sale.
    Products,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 4] = [Self::Customers, Self::Orders, Self::OrderItems, Self::Products];

    /// The table's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Orders => "orders",
            Self::OrderItems => "order_items",
            Self::Products => "products",
        }
    }

    /// The table's columns.
    pub fn schema(self) -> SchemaRef {
        rows::schema(self)
    }
}

/// What a reader of the source wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All rows that exist just before the moment.
    All,
    /// Rows that were added or changed since this moment, with their values just before the end.
    ChangedSince(i64),
    /// Rows that existed at this moment and are gone, with their last values.
    DeletedSince(i64),
}

/// A shop. Moments are seconds since 1970, and a reader sees what happened before its moment.
#[derive(Clone, Copy, Debug)]
pub struct Shop {
    seed: u64,
    customers: u32,
}

impl Shop {
    /// A shop with so many customers (at most [`MOST_CUSTOMERS`]) at the first sync, counting those who leave.
    pub fn new(seed: u64, customers: u32) -> Self {
        Self { seed, customers: customers.min(MOST_CUSTOMERS) }
    }

    /// Reads a table as it is just before `end`, in batches.
    pub fn read(&self, table: Table, rows: Rows, end: i64) -> Batches {
        let end = end.max(OPENING);
        let days = ((end - OPENING + DAY - 1) / DAY) as u32;
        Batches {
            shop: *self,
            curve: Curve::new(days),
            products: products(self.seed, on_sale(days.saturating_sub(1))),
            table,
            rows,
            end,
            days,
            day: 0,
            orders: Vec::new(),
        }
    }
}

/// Batches of a table, made as they are asked for.
pub struct Batches {
    shop: Shop,
    curve: Curve,
    products: Vec<Product>,
    table: Table,
    rows: Rows,
    end: i64,
    days: u32,
    /// The next day whose newcomers are to be looked at.
    day: u32,
    orders: Vec<Order>,
}

impl Iterator for Batches {
    type Item = RecordBatch;

    fn next(&mut self) -> Option<RecordBatch> {
        let mut builder = Builder::default();
        while self.day < self.days && builder.rows() < BATCH_ROWS {
            let day = self.day;
            self.day += 1;
            match self.table {
                Table::Products => {
                    self.day = self.days;
                    self.add_products(&mut builder);
                }
                _ => self.add_newcomers(day, &mut builder),
            }
        }
        (builder.rows() > 0).then(|| builder.finish(self.table))
    }
}

impl Batches {
    fn add_products(&self, builder: &mut Builder) {
        let known = match self.rows {
            Rows::All => 0,
            Rows::ChangedSince(since) if since > OPENING => on_sale(((since - 1 - OPENING) / DAY) as u32) as usize,
            Rows::ChangedSince(_) => 0,
            Rows::DeletedSince(_) => self.products.len(),
        };
        self.products.iter().skip(known).for_each(|product| builder.product(product));
    }

    /// Adds the rows of all who came first on that day.
    fn add_newcomers(&mut self, day: u32, builder: &mut Builder) {
        let seed = self.shop.seed;
        let total = u64::from(self.shop.customers);
        let customers = self.curve.arrived_before(day, total)..self.curve.arrived_before(day + 1, total);
        for number in customers {
            let actor = Actor::customer(seed, number, day);
            match self.table {
                Table::Customers => self.add_customer(&actor, builder),
                _ => self.add_orders(&actor, builder),
            }
        }
        if self.table != Table::Customers {
            let total = total * GUESTS_PERCENT / 100;
            for number in self.curve.arrived_before(day, total)..self.curve.arrived_before(day + 1, total) {
                self.add_orders(&Actor::guest(seed, number, day), builder);
            }
        }
    }

    fn add_customer(&self, actor: &Actor, builder: &mut Builder) {
        if actor.created >= self.end {
            return;
        }
        let gone = actor.deleted.filter(|deleted| *deleted < self.end);
        let wanted = match self.rows {
            Rows::All => gone.is_none(),
            Rows::ChangedSince(since) => {
                let opted_out = actor.opted_out.is_some_and(|out| (since..self.end).contains(&out));
                let merged = actor.merged.is_some_and(|(moment, _)| (since..self.end).contains(&moment));
                gone.is_none() && (actor.created >= since || opted_out || merged)
            }
            Rows::DeletedSince(since) => actor.created < since && gone.is_some_and(|deleted| deleted >= since),
        };
        if wanted {
            builder.customer(actor, self.end);
        }
    }

    fn add_orders(&mut self, actor: &Actor, builder: &mut Builder) {
        let since = match self.rows {
            Rows::All => i64::MIN,
            Rows::ChangedSince(since) => since,
            // Orders are never deleted.
            Rows::DeletedSince(_) => return,
        };
        self.orders.clear();
        actor.orders(self.shop.seed, self.end, &mut self.orders);
        for order in &self.orders {
            if order.arrived < self.end && rows::changed(order, self.end) >= since {
                match self.table {
                    Table::Orders => builder.order(order, actor, self.end, &self.products),
                    _ => builder.items(order, self.end, &self.products),
                }
            }
        }
    }
}
