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

valid_orders AS (
  SELECT
    orders.*,
    -- A retried checkout leaves several orders with one checkout_id: the earliest that is valid stands for all.
    row_number() OVER (
      PARTITION BY coalesce(orders.checkout_id, concat('order ', CAST(orders.order_id AS STRING)))
      ORDER BY orders.ordered_at, orders.order_id
    ) AS attempt,
    -- A partial return takes its share of the price and of the discount with it.
    coalesce(try_divide(orders.total * kept_items.kept_value, kept_items.ordered_value), orders.total) AS kept_total
  FROM stg_orders AS orders
  LEFT JOIN kept_items ON kept_items.order_id = orders.order_id
  WHERE orders.customer_id IS NOT NULL
    AND orders.status NOT IN ('cancelled', 'returned')
    -- Everything sent back, though nobody has set the status yet. An order whose lines have not arrived counts.
    AND coalesce(kept_items.kept_quantity, 1) > 0
{%- if customer_sample_percent < 100 %}
    -- Only some of the customers, but these with all their orders: see the environment's `customer_sample_percent`.
    AND orders.customer_id % 100 < {{ customer_sample_percent }}
{%- endif %}
)

SELECT
  order_id AS purchase_id,
  customer_id,
  ordered_at AS purchased_at,
  ordered_on AS purchased_on,
  coalesce(channel, 'unknown') AS channel,
  coalesce(country, 'unknown') AS country,
  CAST(kept_total AS DECIMAL(12, 2)) AS revenue,
  discount_code IS NOT NULL OR coalesce(discount, 0) > 0 AS discounted
FROM valid_orders
WHERE attempt = 1
