//! Rows of the shop's tables as Arrow batches.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::Table;
use super::life::{Actor, CHANNELS, CODES, COUNTRIES, Event, Order};
use super::products::Product;

const FIRST_NAMES: [&str; 16] = [
    "anna", "ben", "clara", "david", "emma", "felix", "greta", "hugo", "ida", "jonas", "klara", "leo", "mia", "noah",
    "olga", "paul",
];
const LAST_NAMES: [&str; 16] = [
    "adler", "bauer", "conti", "dubois", "ebner", "fischer", "gruber", "huber", "jansen", "keller", "leroy", "meier",
    "nowak", "peeters", "rossi", "weber",
];

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

static SCHEMAS: LazyLock<[SchemaRef; 4]> = LazyLock::new(|| {
    use DataType::{Boolean, Decimal128, Int32, Int64, Utf8};
    let customers = vec![
        field("id", Int64),
        field("email", Utf8),
        field("country", Utf8),
        field("created_at", timestamp()),
        field("marketing_opt_in", Boolean),
        field("merged_into", Int64),
    ];
    let orders = vec![
        field("id", Int64),
        field("checkout_id", Utf8),
        field("customer_id", Int64),
        field("ordered_at", timestamp()),
        field("status", Utf8),
        field("channel", Utf8),
        field("country", Utf8),
        field("discount_code", Utf8),
        field("discount", Decimal128(10, 2)),
        field("total", Decimal128(12, 2)),
        field("updated_at", timestamp()),
    ];
    let order_items = vec![
        field("id", Int64),
        field("order_id", Int64),
        field("product_id", Int64),
        field("quantity", Int32),
        field("returned_quantity", Int32),
        field("unit_price", Decimal128(10, 2)),
    ];
    let products =
        vec![field("id", Int64), field("name", Utf8), field("category", Utf8), field("price", Decimal128(10, 2))];
    [customers, orders, order_items, products].map(|fields| Arc::new(Schema::new(fields)))
});

/// The columns of a table.
pub(super) fn schema(table: Table) -> SchemaRef {
    Arc::clone(&SCHEMAS[table as usize])
}

/// Texts in a row.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    valid: Vec<bool>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.end(true);
    }

    fn end(&mut self, valid: bool) {
        // A batch holds some thousand rows of short texts.
        self.ends.push(self.bytes.len() as i32);
        self.valid.push(valid);
    }

    fn finish(self) -> ArrayRef {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.extend_from_slice(&self.ends);
        let nulls = NullBuffer::from(self.valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        Arc::new(StringArray::new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(self.bytes), nulls))
    }
}

fn longs(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::new(ScalarBuffer::from(values), None))
}

fn times(seconds: Vec<i64>) -> ArrayRef {
    let micros: Vec<i64> = seconds.iter().map(|s| s * 1_000_000).collect();
    Arc::new(TimestampMicrosecondArray::new(ScalarBuffer::from(micros), None).with_timezone("UTC"))
}

fn cents(values: Vec<i128>, precision: u8) -> ArrayRef {
    let array = Decimal128Array::new(ScalarBuffer::from(values), None);
    Arc::new(array.with_data_type(DataType::Decimal128(precision, 2)))
}

/// Rows of one table that wait to become a batch.
#[derive(Default)]
pub(super) struct Builder {
    ids: Vec<i64>,
    /// Ids of customers, orders, products.
    foreign: [Vec<i64>; 2],
    known: Vec<bool>,
    texts: [Texts; 5],
    times: [Vec<i64>; 2],
    flags: Vec<bool>,
    numbers: [Vec<i32>; 2],
    cents: [Vec<i128>; 2],
}

impl Builder {
    pub(super) fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Adds a customer as they are just before `end`.
    pub(super) fn customer(&mut self, actor: &Actor, end: i64) {
        self.ids.push(actor.number as i64 + 1);
        let n = actor.number as usize;
        let email = &mut self.texts[0];
        for part in [FIRST_NAMES[n % 16], ".", LAST_NAMES[n / 16 % 16]] {
            email.bytes.extend_from_slice(part.as_bytes());
        }
        email.bytes.extend_from_slice((n + 1).to_string().as_bytes());
        email.push("@example.com");
        self.texts[1].push(COUNTRIES[actor.country as usize]);
        self.times[0].push(actor.created);
        self.flags.push(actor.opted_in && actor.opted_out.is_none_or(|out| out >= end));
        let merged = actor.merged.filter(|(moment, _)| *moment < end);
        self.foreign[0].push(merged.map_or(0, |(_, number)| number as i64 + 1));
        self.known.push(merged.is_some());
    }

    /// Adds an order as it is just before `end`.
    pub(super) fn order(&mut self, order: &Order, actor: &Actor, end: i64, products: &[Product]) {
        self.ids.push(order.id);
        let checkout = &mut self.texts[0];
        checkout.bytes.extend_from_slice(b"co_");
        for shift in (0..12).rev() {
            checkout.bytes.push(b"0123456789abcdef"[(order.checkout >> (4 * shift) & 15) as usize]);
        }
        checkout.end(true);
        self.foreign[0].push(actor.number as i64 + 1);
        self.known.push(!actor.is_guest());
        self.times[0].push(order.ordered);
        self.texts[1].push(status(order, end));
        self.texts[2].push(CHANNELS[order.channel as usize]);
        self.texts[3].push(COUNTRIES[actor.country as usize]);
        let value: i64 =
            order.lines.iter().map(|l| i64::from(l.quantity) * i64::from(products[l.product as usize].price)).sum();
        let discount = match order.code {
            Some(code) => {
                let (name, percent) = CODES[code as usize];
                self.texts[4].push(name);
                (value * percent + 50) / 100
            }
            None => {
                self.texts[4].end(false);
                0
            }
        };
        self.cents[0].push(i128::from(discount));
        self.cents[1].push(i128::from(value - discount));
        self.times[1].push(changed(order, end));
    }

    /// Adds the lines of an order as they are just before `end`.
    pub(super) fn items(&mut self, order: &Order, end: i64, products: &[Product]) {
        let (mut all, mut part) = (false, false);
        for &(moment, event) in &order.events {
            all |= moment < end && event == Event::Returned;
            part |= moment < end && event == Event::PartlyReturned;
        }
        for (i, line) in order.lines.iter().enumerate() {
            self.ids.push(order.id << 2 | i as i64);
            self.foreign[0].push(order.id);
            let product = &products[line.product as usize];
            self.foreign[1].push(product.id);
            self.numbers[0].push(i32::from(line.quantity));
            self.numbers[1].push(i32::from(match (all, part) {
                (true, _) => line.quantity,
                (_, true) => line.partly,
                _ => 0,
            }));
            self.cents[0].push(i128::from(product.price));
        }
    }

    /// Adds a product.
    pub(super) fn product(&mut self, product: &Product) {
        self.ids.push(product.id);
        self.texts[0].push(&product.name);
        self.texts[1].push(product.category);
        self.cents[0].push(i128::from(product.price));
    }

    /// Makes a batch of the rows.
    pub(super) fn finish(self, table: Table) -> RecordBatch {
        let Self { ids, foreign: [first, second], known, texts, times: [early, late], flags, numbers, cents: money } =
            self;
        let [a, b, c, d, e] = texts;
        let [low, high] = money;
        let [quantity, returned] = numbers;
        let ids = longs(ids);
        let columns: Vec<ArrayRef> = match table {
            Table::Customers => {
                let merged = Int64Array::new(ScalarBuffer::from(first), Some(NullBuffer::from(known)));
                let flags = BooleanArray::from(flags);
                vec![ids, a.finish(), b.finish(), times(early), Arc::new(flags), Arc::new(merged)]
            }
            Table::Orders => {
                let customer = Int64Array::new(ScalarBuffer::from(first), Some(NullBuffer::from(known)));
                vec![
                    ids,
                    a.finish(),
                    Arc::new(customer),
                    times(early),
                    b.finish(),
                    c.finish(),
                    d.finish(),
                    e.finish(),
                    cents(low, 10),
                    cents(high, 12),
                    times(late),
                ]
            }
            Table::OrderItems => vec![
                ids,
                longs(first),
                longs(second),
                Arc::new(Int32Array::new(ScalarBuffer::from(quantity), None)),
                Arc::new(Int32Array::new(ScalarBuffer::from(returned), None)),
                cents(low, 10),
            ],
            Table::Products => vec![ids, a.finish(), b.finish(), cents(low, 10)],
        };
        RecordBatch::try_new(schema(table), columns).expect("each row adds one value to every column of its table")
    }
}

/// An order's status just before `end`.
fn status(order: &Order, end: i64) -> &'static str {
    let last = order.events.iter().rev().find(|(moment, _)| *moment < end);
    match last.map(|(_, event)| event) {
        None => "placed",
        Some(Event::Cancelled) => "cancelled",
        Some(Event::Shipped) => "shipped",
        Some(Event::Completed | Event::PartlyReturned) => "completed",
        Some(Event::Returned) => "returned",
    }
}

/// When an order last changed before `end`: its row arrived, or something became of it.
pub(super) fn changed(order: &Order, end: i64) -> i64 {
    let last = order.events.iter().rev().find(|(moment, _)| *moment < end);
    last.map_or(order.arrived, |(moment, _)| (*moment).max(order.arrived))
}
