-- One row per purchase: an order of a known customer that was neither cancelled nor wholly returned.
-- The marts read this model and nothing else, so a shop with other sources only has to give these columns.
WITH kept_items AS (
  -- How much of each order the customer kept.
  SELECT
    order_id,
    sum(quantity - returned_quantity) AS kept_quantity,
    CAST(sum((quantity - returned_quantity) * unit_price) AS DECIMAL(12, 2)) AS kept_value,
    CAST(sum(quantity * unit_price) AS DECIMAL(12, 2)) AS ordered_value
  FROM stg_order_items
  GROUP BY order_id
),

main_items AS (
  -- The line of which the customer kept the most, by value; of two equal ones the lower id.
  SELECT
    items.order_id,
    products.category,
    row_number() OVER (
      PARTITION BY items.order_id
      ORDER BY (items.quantity - items.returned_quantity) * items.unit_price DESC, items.order_item_id
    ) AS place
  FROM stg_order_items AS items
  LEFT JOIN stg_products AS products ON products.product_id = items.product_id
),

valid_orders AS (
  SELECT
    orders.*,
    -- Accounts that turned out to be one person's are one customer.
    coalesce(merged_customers.merged_into, orders.customer_id) AS buyer_id,
    -- A retried checkout leaves several orders with one checkout_id: the earliest that is valid stands for all.
    row_number() OVER (
      PARTITION BY coalesce(orders.checkout_id, concat('order ', CAST(orders.order_id AS STRING)))
      ORDER BY orders.ordered_at, orders.order_id
    ) AS attempt,
    -- A partial return takes its share of the price and of the discount with it.
    coalesce(try_divide(orders.total * kept_items.kept_value, kept_items.ordered_value), orders.total) AS kept_total
  FROM stg_orders AS orders
  LEFT JOIN kept_items ON kept_items.order_id = orders.order_id
  LEFT JOIN merged_customers ON merged_customers.customer_id = orders.customer_id
  WHERE orders.customer_id IS NOT NULL
    AND orders.status NOT IN ('cancelled', 'returned')
    -- Everything sent back, though nobody has set the status yet. An order whose lines have not arrived counts.
    AND coalesce(kept_items.kept_quantity, 1) > 0
{%- if customer_sample_percent < 100 %}
    -- Only some of the customers, but these with all their orders: see the environment's `customer_sample_percent`.
    AND coalesce(merged_customers.merged_into, orders.customer_id) % 100 < {{ customer_sample_percent }}
{%- endif %}
)

SELECT
  orders.order_id AS purchase_id,
  orders.buyer_id AS customer_id,
  orders.ordered_at AS purchased_at,
  orders.ordered_on AS purchased_on,
  coalesce(orders.channel, 'unknown') AS channel,
  coalesce(orders.country, 'unknown') AS country,
  coalesce(main_items.category, 'unknown') AS category,
  CAST(orders.kept_total AS DECIMAL(12, 2)) AS revenue,
  orders.discount_code IS NOT NULL OR coalesce(orders.discount, 0) > 0 AS discounted
FROM valid_orders AS orders
LEFT JOIN main_items ON main_items.order_id = orders.order_id AND main_items.place = 1
WHERE orders.attempt = 1
