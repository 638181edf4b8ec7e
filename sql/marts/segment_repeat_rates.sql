-- Repeat rates by channel, country and whether the first order was discounted, over all cohorts old enough.
WITH customer_windows AS (
{%- for window in repeat_windows %}
  SELECT
    channel,
    country,
    first_order_discounted,
    {{ window }} AS window_days,
    count(*) AS customers,
    count_if(days_to_second <= {{ window }}) AS repeaters
  FROM customer_first_second
  CROSS JOIN observation
  WHERE {{ <whole_cohort_observed days={window} /> }}
  GROUP BY channel, country, first_order_discounted
{%- if not loop.last %}
  UNION ALL
{%- endif %}
{%- endfor %}
)

SELECT
  channel,
  country,
  first_order_discounted,
  CAST(window_days AS INT) AS window_days,
  customers,
  repeaters,
  try_divide(repeaters, customers) AS repeat_rate
FROM customer_windows
