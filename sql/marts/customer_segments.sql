-- One row per customer and way of looking at customers: `dimension` names the way, `segment` where the customer belongs.
-- What is looked at by one dimension must not be added up over several: each holds every customer once.
SELECT
  customers.customer_id,
  segments.dimension,
  segments.segment,
  customers.cohort_month,
  customers.days_to_second,
  customers.observed_days
FROM customer_first_second AS customers
LATERAL VIEW stack(
  8,
  'all', 'all customers',
  'cohort', date_format(customers.cohort_month, 'yyyy-MM'),
  'cohort quarter', concat(year(customers.cohort_month), '-Q', quarter(customers.cohort_month)),
  'channel', customers.channel,
  'country', customers.country,
  'first category', customers.first_category,
  'first order', CASE
    WHEN customers.first_order_discounted THEN 'discounted'
    WHEN NOT customers.first_order_discounted THEN 'full price'
    ELSE 'unknown'
  END,
  'first basket', CASE
    WHEN customers.first_revenue IS NULL THEN 'unknown'
{%- for limit in basket_limits %}
    WHEN customers.first_revenue < {{ limit }} THEN '
    {%- if loop.first %}below {{ limit }}{% else %}{{ basket_limits[loop.index0 - 1] }} to {{ limit }}{% endif %}'
{%- endfor %}
    ELSE '{{ basket_limits | last }} and more'
  END
) segments AS dimension, segment
