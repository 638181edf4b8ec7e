-- New customers by week, month and quarter, and what became of them: the figures that are compared with the period before.
-- Only whole periods are here: one in which the data begin, or that is not over, would look like a fall. What is asked within
-- so many days is NULL until the last customer of the period has had them. `period` says which periods these are, and rows of
-- two of them must not be added up. A period in which a segment won nobody is there, with 0.
WITH days AS (
  SELECT explode(sequence(first_day, last_full_day)) AS day
  FROM observation
),

starts AS (
{%- for period in ["week", "month", "quarter"] %}
  SELECT DISTINCT
    '{{ period }}' AS period,
    {{ <period_of period={period} day="day" /> }} AS period_start,
    {{ <month_of day="day" /> }} AS cohort_month
  FROM days
{%- if not loop.last %}
  UNION ALL
{%- endif %}
{%- endfor %}
),

periods AS (
  SELECT
    *,
    CASE period
{%- for period in ["week", "month", "quarter"] %}
      WHEN '{{ period }}' THEN {{ <period_end period={period} start="period_start" /> }}
{%- endfor %}
    END AS period_end,
    CASE period
{%- for period in ["week", "month", "quarter"] %}
      WHEN '{{ period }}' THEN {{ <period_name period={period} start="period_start" /> }}
{%- endfor %}
    END AS period_name
  FROM starts
),

whole_periods AS (
  SELECT
    periods.*,
    observation.last_full_day
  FROM periods
  CROSS JOIN observation
  WHERE periods.period_start >= observation.first_day
    AND periods.period_end <= observation.last_full_day
    -- Older weeks would be hundreds that nobody compares.
    AND (
      periods.period <> 'week'
      OR periods.period_start
        >= date_sub({{ <period_of period="week" day="observation.last_full_day" /> }}, {{ 7 * matrix_weeks }})
    )
),

spending AS (
  -- What a customer spent from the first purchase to the end of the window.
  SELECT
    customers.customer_id,
    sum(purchases.revenue) AS revenue
  FROM customer_first_second AS customers
  JOIN purchases
    ON purchases.customer_id = customers.customer_id
    AND purchases.purchased_on <= date_add(customers.first_purchased_on, {{ headline_window }})
  GROUP BY customers.customer_id
),

newcomers AS (
  SELECT
    customers.first_purchased_on,
    customers.channel,
    customers.country,
    customers.first_category,
    count(*) AS customers,
{%- for window in repeat_windows %}
    count_if(customers.days_to_second <= {{ window }}) AS repeaters_{{ window }}d,
{%- endfor %}
    sum(spending.revenue) AS revenue
  FROM customer_first_second AS customers
  JOIN spending ON spending.customer_id = customers.customer_id
  GROUP BY customers.first_purchased_on, customers.channel, customers.country, customers.first_category
),

segments AS (
  SELECT DISTINCT
    channel,
    country,
    first_category
  FROM newcomers
),

counts AS (
{%- for period in ["week", "month", "quarter"] %}
  SELECT
    '{{ period }}' AS period,
    {{ <period_of period={period} day="first_purchased_on" /> }} AS period_start,
    {{ <month_of day="first_purchased_on" /> }} AS cohort_month,
    channel,
    country,
    first_category,
    sum(customers) AS customers,
{%- for window in repeat_windows %}
    sum(repeaters_{{ window }}d) AS repeaters_{{ window }}d,
{%- endfor %}
    sum(revenue) AS revenue
  FROM newcomers
  GROUP BY ALL
{%- if not loop.last %}
  UNION ALL
{%- endif %}
{%- endfor %}
)

SELECT
  periods.period,
  periods.period_start,
  periods.period_name,
  periods.cohort_month,
  segments.channel,
  segments.country,
  segments.first_category,
  coalesce(counts.customers, 0) AS customers,
{%- for window in repeat_windows %}
  CASE WHEN periods.last_full_day >= date_add(periods.period_end, {{ window }}) THEN coalesce(counts.customers, 0) END
    AS observed_{{ window }}d,
  CASE WHEN periods.last_full_day >= date_add(periods.period_end, {{ window }}) THEN coalesce(counts.repeaters_{{ window }}d, 0) END
    AS repeaters_{{ window }}d,
{%- endfor %}
  CASE WHEN periods.last_full_day >= date_add(periods.period_end, {{ headline_window }}) THEN coalesce(counts.revenue, 0) END
    AS revenue_{{ headline_window }}d
FROM whole_periods AS periods
CROSS JOIN segments
LEFT JOIN counts
  ON counts.period = periods.period
  AND counts.period_start = periods.period_start
  AND counts.cohort_month = periods.cohort_month
  AND counts.channel = segments.channel
  AND counts.country = segments.country
  AND counts.first_category = segments.first_category
