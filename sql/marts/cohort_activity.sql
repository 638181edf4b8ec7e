-- How many customers of each cohort bought in which month, and what: counts so far, the running month included.
-- For rates take cohort_retention, which leaves out the months that are not over.
WITH active_months AS (
  SELECT
    customer_id,
    {{ <month_of day="purchased_on" /> }} AS activity_month,
    count(*) AS purchases,
    sum(revenue) AS revenue
  FROM purchases
  GROUP BY ALL
)

SELECT
  customers.cohort_month,
  active_months.activity_month,
  CAST({{ <months_between_dates from="customers.cohort_month" to="active_months.activity_month" /> }} AS INT)
    AS months_since,
  customers.channel,
  customers.country,
  customers.first_category,
  count(*) AS active_customers,
  sum(active_months.purchases) AS purchases,
  CAST(sum(active_months.revenue) AS DECIMAL(22, 2)) AS revenue
FROM active_months
JOIN customer_first_second AS customers ON customers.customer_id = active_months.customer_id
GROUP BY ALL
