-- One row per customer: the first purchase, and the second if there is one.
WITH numbered_purchases AS (
  SELECT
    *,
    -- Two purchases of one instant: the lower purchase_id comes first, in every run.
    row_number() OVER (PARTITION BY customer_id ORDER BY purchased_on, purchased_at, purchase_id) AS purchase_number,
    dense_rank() OVER (PARTITION BY customer_id ORDER BY purchased_on) AS day_number
  FROM purchases
),

first_and_second AS (
  SELECT
    customer_id,
    min(purchased_at) AS first_purchased_at,
    min(purchased_on) AS first_purchased_on,
{%- if same_day_is_repeat %}
    min(purchased_at) FILTER (WHERE purchase_number = 2) AS second_purchased_at,
    min(purchased_on) FILTER (WHERE purchase_number = 2) AS second_purchased_on,
{%- else %}
    -- Whatever is bought on one day is one decision to buy: the second purchase is the first one of a later day.
    min(purchased_at) FILTER (WHERE day_number = 2) AS second_purchased_at,
    min(purchased_on) FILTER (WHERE day_number = 2) AS second_purchased_on,
{%- endif %}
    -- A customer belongs to the channel, country and so on of the first purchase, whatever comes later.
    max(channel) FILTER (WHERE purchase_number = 1) AS channel,
    max(country) FILTER (WHERE purchase_number = 1) AS country,
    max(category) FILTER (WHERE purchase_number = 1) AS first_category,
    max(revenue) FILTER (WHERE purchase_number = 1) AS first_revenue,
    bool_or(discounted) FILTER (WHERE purchase_number = 1) AS first_order_discounted,
    count(*) AS purchases,
    max(day_number) AS purchase_days
  FROM numbered_purchases
  GROUP BY customer_id
)

SELECT
  customer_id,
  {{ <month_of day="first_purchased_on" /> }} AS cohort_month,
  first_purchased_at,
  first_purchased_on,
  second_purchased_at,
  second_purchased_on,
  CAST(datediff(second_purchased_on, first_purchased_on) AS INT) AS days_to_second,
  channel,
  country,
  first_category,
  first_revenue,
  first_order_discounted,
  purchases,
  CAST(purchase_days AS INT) AS purchase_days,
  CAST(greatest(datediff(observation.last_full_day, first_purchased_on), 0) AS INT) AS observed_days
FROM first_and_second
CROSS JOIN observation
