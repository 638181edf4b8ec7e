-- Orders as they stand at the source, without those deleted there.
SELECT
  id AS order_id,
  customer_id,
  ordered_at,
  status,
  total
FROM shop_public.orders
WHERE NOT coalesce(_fivetran_deleted, false)
