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
  'cohort', {{ <period_name period="month" start="customers.cohort_month" /> }},
  'cohort quarter', {{ <period_name period="quarter" start="customers.cohort_month" /> }},
  'channel', customers.channel,
  'country', customers.country,
  'first category', customers.first_category,
  'first order', {{ <first_order_kind discounted="customers.first_order_discounted" /> }},
  'first basket', {{ <first_basket_size revenue="customers.first_revenue" /> }}
) segments AS dimension, segment
