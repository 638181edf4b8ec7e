-- Every record is a purchase. Those of one day stay apart here, though the marts count the day once.
-- Nothing is known of the channel, the country, the category or discounts.
SELECT
  transaction_no AS purchase_id,
  customer_id,
  CAST(bought_on AS TIMESTAMP) AS purchased_at,
  bought_on AS purchased_on,
  'online' AS channel,
  'unknown' AS country,
  'unknown' AS category,
  CAST(dollars AS DECIMAL(12, 2)) AS revenue,
  CAST(NULL AS BOOLEAN) AS discounted,
  cds AS units
FROM stg_transactions
