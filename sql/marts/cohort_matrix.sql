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

steps AS (
  SELECT
    activity.*,
    -- In the period of the first purchase all customers of the cohort bought.
    first_value(activity.active_customers) OVER periods AS cohort_size,
    lead(activity.periods_since) OVER periods AS next_active,
    least({{ matrix_weeks }}, CASE activity.period
      WHEN 'week' THEN {{ <last_period_over period="week" start="activity.cohort_start" /> }}
      ELSE {{ <last_period_over period="quarter" start="activity.cohort_start" /> }}
    END) AS last_over
  FROM activity
  CROSS JOIN observation
  WINDOW periods AS (
    PARTITION BY
      activity.period, activity.cohort_start, activity.cohort_month, activity.channel, activity.country, activity.first_category
    ORDER BY activity.periods_since
  )
)

SELECT
  steps.period,
  steps.cohort_start,
  CASE steps.period
    WHEN 'week' THEN {{ <period_name period="week" start="steps.cohort_start" /> }}
    ELSE {{ <period_name period="quarter" start="steps.cohort_start" /> }}
  END AS cohort,
  CAST(cells.cell AS INT) AS periods_since,
  steps.cohort_month,
  steps.channel,
  steps.country,
  steps.first_category,
  steps.cohort_size,
  CASE WHEN cells.cell = steps.periods_since THEN steps.active_customers ELSE 0 END AS active_customers
FROM steps
LATERAL VIEW explode({{ <steps_until from="steps.periods_since" next="steps.next_active" last="steps.last_over" step={1} /> }}) cells AS cell
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
