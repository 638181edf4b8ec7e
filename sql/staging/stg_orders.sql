-- Orders as they stand at the source, without those deleted there.
SELECT
  id AS order_id,
  checkout_id,
  customer_id,
  ordered_at,
  {{ <local_date moment="ordered_at" /> }} AS ordered_on,
  status,
  channel,
  country,
  discount_code,
  discount,
  total
FROM shop_public.orders
WHERE NOT coalesce(_fivetran_deleted, false)
