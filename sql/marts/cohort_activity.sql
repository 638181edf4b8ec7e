-- How many customers of each cohort bought in which month, and what: counts so far, the running month included.
-- For rates take cohort_retention, which leaves out the months that are not over.
WITH active_months AS (
  SELECT
    customers.customer_id,
    customers.cohort_month,
    customers.channel,
    customers.country,
    customers.first_category,
    {{ <month_of day="purchases.purchased_on" /> }} AS activity_month,
    count(*) AS purchases,
    sum(purchases.revenue) AS revenue,
    -- From the second purchase on; what is bought on the day of the first one belongs to it.
    sum(CASE WHEN purchases.purchased_at >= customers.second_purchased_at THEN purchases.revenue ELSE 0 END) AS repeat_revenue
  FROM purchases
  JOIN customer_first_second AS customers ON customers.customer_id = purchases.customer_id
  GROUP BY ALL
)

SELECT
  cohort_month,
  activity_month,
  CAST({{ <months_between_dates from="cohort_month" to="activity_month" /> }} AS INT) AS months_since,
  channel,
  country,
  first_category,
  count(*) AS active_customers,
  sum(purchases) AS purchases,
  CAST(sum(revenue) AS DECIMAL(22, 2)) AS revenue,
  CAST(sum(repeat_revenue) AS DECIMAL(22, 2)) AS repeat_revenue
FROM active_months
GROUP BY ALL
