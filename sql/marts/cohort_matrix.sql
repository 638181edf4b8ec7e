-- The retention matrix by week, month and quarter: how many of a cohort's customers bought in the n-th period after the
-- one of their first purchase. `period` says which, and rows of two of them must not be added up: each holds every customer.
-- As in cohort_retention, a cell exists only once its period is over. A cohort's rows are apart by the month of the first
-- purchase too, so that a selection of months is the same customers here as everywhere.
WITH customers AS (
{%- for period in ["week", "quarter"] %}
  SELECT
    '{{ period }}' AS period,
    customer_id,
    {{ <period_of period={period} day="first_purchased_on" /> }} AS cohort_start,
    cohort_month,
    channel,
    country,
    first_category
  FROM customer_first_second
{%- if period == "week" %}
  CROSS JOIN observation
  -- Older weeks would be hundreds of rows that nobody could read.
  WHERE first_purchased_on >= date_sub({{ <period_of period="week" day="observation.last_full_day" /> }}, {{ 7 * matrix_weeks }})
  UNION ALL
{%- endif %}
{%- endfor %}
),

cohorts AS (
  SELECT
    period,
    cohort_start,
    cohort_month,
    channel,
    country,
    first_category,
    count(*) AS cohort_size
  FROM customers
  GROUP BY period, cohort_start, cohort_month, channel, country, first_category
),

active_periods AS (
{%- for period in ["week", "quarter"] %}
  SELECT DISTINCT
    '{{ period }}' AS period,
    customer_id,
    {{ <period_of period={period} day="purchased_on" /> }} AS active_start
  FROM purchases
{%- if not loop.last %}
  UNION ALL
{%- endif %}
{%- endfor %}
),

activity AS (
  SELECT
    customers.period,
    customers.cohort_start,
    customers.cohort_month,
    customers.channel,
    customers.country,
    customers.first_category,
    CASE customers.period
      WHEN 'week' THEN {{ <periods_between period="week" from="customers.cohort_start" to="active_periods.active_start" /> }}
      ELSE {{ <periods_between period="quarter" from="customers.cohort_start" to="active_periods.active_start" /> }}
    END AS periods_since,
    count(*) AS active_customers
  FROM customers
  JOIN active_periods
    ON active_periods.customer_id = customers.customer_id
    AND active_periods.period = customers.period
  GROUP BY ALL
),

numbers AS (
  SELECT explode(sequence(0, {{ matrix_weeks }})) AS periods_since
),

observed_cells AS (
  SELECT
    cohorts.*,
    CAST(numbers.periods_since AS INT) AS periods_since
  FROM cohorts
  CROSS JOIN numbers
  CROSS JOIN observation
  -- The next period has begun by the day after the last that is wholly there.
  WHERE CASE cohorts.period
    WHEN 'week' THEN {{ <period_after period="week" start="cohorts.cohort_start" n="(numbers.periods_since + 1)" /> }}
    ELSE {{ <period_after period="quarter" start="cohorts.cohort_start" n="(numbers.periods_since + 1)" /> }}
  END <= date_add(observation.last_full_day, 1)
)

SELECT
  cells.period,
  cells.cohort_start,
  CASE cells.period
    WHEN 'week' THEN {{ <period_name period="week" start="cells.cohort_start" /> }}
    ELSE {{ <period_name period="quarter" start="cells.cohort_start" /> }}
  END AS cohort,
  cells.periods_since,
  cells.cohort_month,
  cells.channel,
  cells.country,
  cells.first_category,
  cells.cohort_size,
  coalesce(activity.active_customers, 0) AS active_customers
FROM observed_cells AS cells
LEFT JOIN activity
  ON activity.period = cells.period
  AND activity.cohort_start = cells.cohort_start
  AND activity.periods_since = cells.periods_since
  AND activity.cohort_month = cells.cohort_month
  AND activity.channel = cells.channel
  AND activity.country = cells.country
  AND activity.first_category = cells.first_category
UNION ALL
SELECT
  'month' AS period,
  cohort_month AS cohort_start,
  {{ <period_name period="month" start="cohort_month" /> }} AS cohort,
  months_since AS periods_since,
  cohort_month,
  channel,
  country,
  first_category,
  cohort_size,
  active_customers
FROM cohort_retention
