-- The retention matrix: how many of a cohort's customers bought in the n-th month after their first purchase.
-- A cell exists only once its month is over, so sum(active_customers) / sum(cohort_size) is right over any selection
-- of channels, countries and first categories, and over cohorts for one months_since.
WITH cohorts AS (
  SELECT
    cohort_month,
    channel,
    country,
    first_category,
    count(*) AS cohort_size
  FROM customer_first_second
  GROUP BY cohort_month, channel, country, first_category
),

months AS (
  SELECT explode(sequence(0, {{ retention_months }})) AS months_since
),

observed_cells AS (
  SELECT
    cohorts.*,
    CAST(months.months_since AS INT) AS months_since,
    add_months(cohorts.cohort_month, months.months_since) AS activity_month
  FROM cohorts
  CROSS JOIN months
  CROSS JOIN observation
  WHERE last_day(add_months(cohorts.cohort_month, months.months_since)) <= observation.last_full_day
)

SELECT
  cells.cohort_month,
  cells.months_since,
  cells.activity_month,
  cells.channel,
  cells.country,
  cells.first_category,
  cells.cohort_size,
  -- Nobody bought: a true zero, since the month has been watched to its end.
  coalesce(activity.active_customers, 0) AS active_customers
FROM observed_cells AS cells
LEFT JOIN cohort_activity AS activity
  ON activity.cohort_month = cells.cohort_month
  AND activity.months_since = cells.months_since
  AND activity.channel = cells.channel
  AND activity.country = cells.country
  AND activity.first_category = cells.first_category
