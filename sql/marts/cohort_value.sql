-- What a cohort's customers have spent by the n-th month after their first purchase; only months that are over.
-- Value per customer over any selection, for one months_since: sum(revenue_cumulative) / sum(cohort_size).
WITH monthly_revenue AS (
  SELECT
    customers.cohort_month,
    customers.channel,
    customers.country,
    customers.first_category,
    {{ <month_of day="purchases.purchased_on" /> }} AS activity_month,
    count(*) AS purchases,
    sum(purchases.revenue) AS revenue
  FROM purchases
  JOIN customer_first_second AS customers ON customers.customer_id = purchases.customer_id
  GROUP BY ALL
)

SELECT
  cells.cohort_month,
  cells.months_since,
  cells.activity_month,
  cells.channel,
  cells.country,
  cells.first_category,
  cells.cohort_size,
  cells.active_customers,
  coalesce(months.purchases, 0) AS purchases,
  coalesce(months.revenue, 0) AS revenue,
  sum(coalesce(months.purchases, 0)) OVER so_far AS purchases_cumulative,
  sum(coalesce(months.revenue, 0)) OVER so_far AS revenue_cumulative
FROM cohort_retention AS cells
LEFT JOIN monthly_revenue AS months
  ON months.cohort_month = cells.cohort_month
  AND months.activity_month = cells.activity_month
  AND months.channel = cells.channel
  AND months.country = cells.country
  AND months.first_category = cells.first_category
WINDOW so_far AS (
  PARTITION BY cells.cohort_month, cells.channel, cells.country, cells.first_category
  ORDER BY cells.months_since
  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
)
