-- One row per cohort, as a person reads it: size, repeat rate of each window, and how long the second purchase takes.
WITH ranked_customers AS (
  -- Customers in the order in which they bought again; those who did not come last.
  SELECT
    cohort_month,
    days_to_second,
    row_number() OVER (PARTITION BY cohort_month ORDER BY days_to_second NULLS LAST) AS place,
    count(*) OVER (PARTITION BY cohort_month) AS customers
  FROM customer_first_second
),

cohorts AS (
  SELECT
    cohort_month,
    count(*) AS cohort_size,
    count(days_to_second) AS repeaters_so_far,
    min(days_to_second) FILTER (WHERE place * 2 >= customers) AS days_until_half,
    median(CAST(days_to_second AS DOUBLE)) FILTER (WHERE days_to_second <= {{ median_within_days }})
      AS median_days_to_second
{%- for window in repeat_windows %},
    try_divide(count_if(days_to_second <= {{ window }}), count(*)) AS repeat_rate_{{ window }}d
{%- endfor %}
  FROM ranked_customers
  GROUP BY cohort_month
)

SELECT
  cohort_month,
  cohort_size,
  repeaters_so_far,
{%- for window in repeat_windows %}
  CASE WHEN {{ <whole_cohort_observed days={window} /> }} THEN repeat_rate_{{ window }}d END AS repeat_rate_{{ window }}d,
{%- endfor %}
  -- Of those who bought again within {{ median_within_days }} days, once the whole cohort has had these days.
  CASE WHEN {{ <whole_cohort_observed days={median_within_days} /> }} THEN median_days_to_second END AS median_days_to_second,
  -- The day by which half of the whole cohort had bought again, if that has happened.
  CASE WHEN {{ <whole_cohort_observed days="days_until_half" /> }} THEN days_until_half END AS days_until_half
FROM cohorts
CROSS JOIN observation
