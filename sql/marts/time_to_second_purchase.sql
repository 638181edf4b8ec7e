-- The way to the second purchase: what share of a cohort has bought again by day 0, 7, 14 … after the first.
-- A cohort's curve ends with the last day up to which all its customers have been watched.
-- Several rows of one days_since_first together: sum(repeaters_cumulative) / sum(customers).
WITH cohorts AS (
  SELECT
    cohort_month,
    channel,
    country,
    first_category,
    count(*) AS customers
  FROM customer_first_second
  GROUP BY cohort_month, channel, country, first_category
),

repeaters AS (
  -- Second purchases, each in the step that its day closes: with steps of 7 days, days 1 to 7 are in step 7.
  SELECT
    cohort_month,
    channel,
    country,
    first_category,
    days_to_second + ({{ curve_step_days }} - days_to_second % {{ curve_step_days }}) % {{ curve_step_days }} AS days_since_first,
    count(*) AS repeaters
  FROM customer_first_second
  WHERE days_to_second IS NOT NULL
  GROUP BY ALL
),

steps AS (
  SELECT explode(sequence(0, {{ curve_days }}, {{ curve_step_days }})) AS days_since_first
),

curve AS (
  SELECT
    cohorts.cohort_month,
    cohorts.channel,
    cohorts.country,
    cohorts.first_category,
    CAST(steps.days_since_first AS INT) AS days_since_first,
    cohorts.customers,
    sum(coalesce(repeaters.repeaters, 0)) OVER (
      PARTITION BY cohorts.cohort_month, cohorts.channel, cohorts.country, cohorts.first_category
      ORDER BY steps.days_since_first
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS repeaters_cumulative
  FROM cohorts
  CROSS JOIN steps
  LEFT JOIN repeaters
    ON repeaters.cohort_month = cohorts.cohort_month
    AND repeaters.channel = cohorts.channel
    AND repeaters.country = cohorts.country
    AND repeaters.first_category = cohorts.first_category
    AND repeaters.days_since_first = steps.days_since_first
)

SELECT
  cohort_month,
  CAST(date_trunc('QUARTER', cohort_month) AS DATE) AS cohort_quarter,
  days_since_first,
  channel,
  country,
  first_category,
  customers,
  repeaters_cumulative,
  try_divide(repeaters_cumulative, customers) AS share
FROM curve
CROSS JOIN observation
WHERE {{ <whole_cohort_observed days="days_since_first" /> }}
