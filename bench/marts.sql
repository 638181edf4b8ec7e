-- The questions of the project's marts, asked of TPC-H's orders: days to the second purchase, retention by cohort.

-- first and second purchase
SELECT date_trunc('MONTH', first_at) AS cohort, count(*) AS customers, count(second_at) AS repeaters,
  sum(days_between) AS days
FROM (
  SELECT o_custkey, min(CASE WHEN rank = 1 THEN o_orderdate END) AS first_at,
    min(CASE WHEN rank = 2 THEN o_orderdate END) AS second_at,
    datediff(min(CASE WHEN rank = 2 THEN o_orderdate END), min(CASE WHEN rank = 1 THEN o_orderdate END)) AS days_between
  FROM (
    SELECT o_custkey, o_orderdate, row_number() OVER (PARTITION BY o_custkey ORDER BY o_orderdate, o_orderkey) AS rank
    FROM orders
  ) AS ranked WHERE rank <= 2 GROUP BY o_custkey
) AS customers GROUP BY 1 ORDER BY 1;

-- retention by month
WITH firsts AS (SELECT o_custkey AS customer, min(o_orderdate) AS first_at FROM orders GROUP BY o_custkey)
SELECT date_trunc('MONTH', first_at) AS cohort,
  (year(o_orderdate) - year(first_at)) * 12 + month(o_orderdate) - month(first_at) AS months_since,
  count(DISTINCT o_custkey) AS active
FROM orders JOIN firsts ON customer = o_custkey GROUP BY 1, 2 ORDER BY 1, 2;

-- revenue by segment and month
SELECT c_mktsegment, date_trunc('MONTH', o_orderdate) AS month, count(DISTINCT o_custkey) AS customers,
  sum(o_totalprice) AS revenue, avg(o_totalprice) AS mean
FROM orders JOIN customer ON c_custkey = o_custkey GROUP BY 1, 2 ORDER BY 1, 2;
