-- On which day after the first purchase the watch of how many customers ends, and with what: all that an estimate of the time
-- to the second purchase needs to know, so that it can be made anew for any selection of customers.
-- All figures can be added over any rows.
WITH repeat_spending AS (
  -- What customers who came back within the window spent from the second purchase to the window's end.
  SELECT
    customers.customer_id,
    sum(purchases.revenue) AS revenue
  FROM customer_first_second AS customers
  JOIN purchases
    ON purchases.customer_id = customers.customer_id
    AND purchases.purchased_at >= customers.second_purchased_at
    AND purchases.purchased_on <= date_add(customers.first_purchased_on, {{ headline_window }})
  GROUP BY customers.customer_id
),

watched AS (
  SELECT
    customers.cohort_month,
    customers.channel,
    customers.country,
    customers.first_category,
    {{ <first_order_kind discounted="customers.first_order_discounted" /> }} AS first_order,
    {{ <first_basket_size revenue="customers.first_revenue" /> }} AS first_basket,
    least(coalesce(customers.days_to_second, customers.observed_days), customers.observed_days) AS days_since_first,
    coalesce(customers.days_to_second <= customers.observed_days, false) AS came_back,
    coalesce(customers.days_to_second <= {{ headline_window }}, false) AS came_back_in_window,
    {{ <whole_cohort_observed days={headline_window} /> }} AS is_observed,
    repeat_spending.revenue AS repeat_revenue
  FROM customer_first_second AS customers
  CROSS JOIN observation
  LEFT JOIN repeat_spending ON repeat_spending.customer_id = customers.customer_id
)

SELECT
  cohort_month,
  channel,
  country,
  first_category,
  first_order,
  first_basket,
  days_since_first,
  count(*) AS leaving,
  count_if(came_back) AS repeaters,
  -- Of cohorts that have wholly been watched for {{ headline_window }} days.
  count_if(is_observed) AS window_customers,
  count_if(is_observed AND came_back_in_window) AS window_repeaters,
  coalesce(CAST(sum(repeat_revenue) FILTER (WHERE is_observed) AS DECIMAL(22, 2)), 0) AS window_repeat_revenue
FROM watched
GROUP BY ALL
