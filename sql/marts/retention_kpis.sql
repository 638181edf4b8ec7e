-- One row: the figures at the top of the dashboard.
WITH totals AS (
  SELECT
    count(*) AS purchases,
    sum(revenue) AS revenue
  FROM purchases
),

customers AS (
  SELECT
    count(*) AS customers,
    count(days_to_second) AS repeat_customers,
    count_if({{ <whole_cohort_observed days={headline_window} /> }}) AS observed_customers,
    count_if({{ <whole_cohort_observed days={headline_window} /> }} AND days_to_second <= {{ headline_window }})
      AS repeaters_in_window,
    -- Everybody counted here has had the same time to come back, so that recent customers do not make it look short.
    median(CAST(days_to_second AS DOUBLE)) FILTER (
      WHERE observed_days >= {{ median_within_days }} AND days_to_second <= {{ median_within_days }}
    ) AS median_days_to_second
  FROM customer_first_second
  CROSS JOIN observation
)

SELECT
  observation.first_day,
  observation.last_full_day,
  customers.customers,
  totals.purchases,
  totals.revenue,
  customers.repeat_customers,
  CAST({{ headline_window }} AS INT) AS repeat_window_days,
  customers.observed_customers,
  try_divide(customers.repeaters_in_window, customers.observed_customers) AS repeat_rate,
  CAST({{ median_within_days }} AS INT) AS median_within_days,
  customers.median_days_to_second
FROM customers
CROSS JOIN totals
CROSS JOIN observation
