-- The way to the second purchase: what share of a cohort has bought again by day 0, 7, 14 … after the first.
-- A cohort's curve ends with the last day up to which all its customers have been watched.
-- Several rows of one days_since_first together: sum(repeaters_cumulative) / sum(customers).
WITH stepped_customers AS (
  -- The step that the day of the second purchase closes: with steps of 7 days, days 1 to 7 are in step 7.
  SELECT
    cohort_month,
    channel,
    country,
    first_category,
    days_to_second + ({{ curve_step_days }} - days_to_second % {{ curve_step_days }}) % {{ curve_step_days }} AS step
  FROM customer_first_second
),

steps AS (
  -- Who has not bought again, or later than the curve goes, counts in step 0 as one of whom nothing is to be told.
  SELECT
    cohort_month,
    channel,
    country,
    first_category,
    CASE WHEN step <= {{ curve_days }} THEN step ELSE 0 END AS step,
    count(*) AS customers,
    count_if(step <= {{ curve_days }}) AS repeaters
  FROM stepped_customers
  GROUP BY ALL
),

so_far AS (
  SELECT
    steps.cohort_month,
    steps.channel,
    steps.country,
    steps.first_category,
    steps.step,
    -- A cohort of whom nobody is in step 0 has none who had bought again by then.
    CASE WHEN lag(steps.step) OVER in_order IS NULL THEN 0 ELSE steps.step END AS from_step,
    lead(steps.step) OVER in_order AS next_step,
    sum(steps.repeaters) OVER in_order AS repeaters_cumulative,
    sum(steps.customers) OVER (
      PARTITION BY steps.cohort_month, steps.channel, steps.country, steps.first_category
    ) AS customers,
    -- The last step up to which all customers of the cohort's month have been watched.
    least({{ curve_days }}, datediff(observation.last_full_day, last_day(steps.cohort_month))) AS last_step
  FROM steps
  CROSS JOIN observation
  WINDOW in_order AS (
    PARTITION BY steps.cohort_month, steps.channel, steps.country, steps.first_category
    ORDER BY steps.step
  )
),

curve AS (
  SELECT
    so_far.cohort_month,
    so_far.channel,
    so_far.country,
    so_far.first_category,
    CAST(days.day AS INT) AS days_since_first,
    so_far.customers,
    CASE WHEN days.day < so_far.step THEN 0 ELSE so_far.repeaters_cumulative END AS repeaters_cumulative
  FROM so_far
  LATERAL VIEW explode({{ <steps_until from="so_far.from_step" next="so_far.next_step" last="so_far.last_step" step={curve_step_days} /> }}) days AS day
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
