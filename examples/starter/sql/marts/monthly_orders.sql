SELECT
  trunc(CAST(ordered_at AS DATE), 'MM') AS month,
  count(*) AS orders,
  count(DISTINCT customer_id) AS customers,
  sum(total) AS revenue
FROM stg_orders
WHERE status NOT IN ('cancelled', 'returned')
GROUP BY ALL
