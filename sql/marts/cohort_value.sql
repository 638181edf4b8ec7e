-- What a cohort's customers have spent by the n-th month after their first purchase; only months that are over.
-- Value per customer over any selection, for one months_since: sum(revenue_cumulative) / sum(cohort_size).
WITH active_months AS (
  SELECT
    activity.*,
    -- In the month of the first purchase all customers of the cohort bought.
    first_value(activity.active_customers) OVER months AS cohort_size,
    sum(activity.purchases) OVER months AS purchases_cumulative,
    sum(activity.revenue) OVER months AS revenue_cumulative,
    lead(activity.months_since) OVER months AS next_active,
    least({{ retention_months }}, {{ <last_period_over period="month" start="activity.cohort_month" /> }}) AS last_over
  FROM cohort_activity AS activity
  CROSS JOIN observation
  WINDOW months AS (
    PARTITION BY activity.cohort_month, activity.channel, activity.country, activity.first_category
    ORDER BY activity.months_since
  )
)

SELECT
  active_months.cohort_month,
  CAST(cells.cell AS INT) AS months_since,
  add_months(active_months.cohort_month, cells.cell) AS activity_month,
  active_months.channel,
  active_months.country,
  active_months.first_category,
  active_months.cohort_size,
  -- Up to the next month with purchases nobody bought, and what was spent by then stays as it is.
  CASE WHEN cells.cell = active_months.months_since THEN active_months.active_customers ELSE 0 END AS active_customers,
  CASE WHEN cells.cell = active_months.months_since THEN active_months.purchases ELSE 0 END AS purchases,
  CASE WHEN cells.cell = active_months.months_since THEN active_months.revenue ELSE 0 END AS revenue,
  active_months.purchases_cumulative,
  active_months.revenue_cumulative
FROM active_months
LATERAL VIEW explode({{ <steps_until from="active_months.months_since" next="active_months.next_active" last="active_months.last_over" step={1} /> }}) cells AS cell
