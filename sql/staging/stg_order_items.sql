-- Lines of orders as they stand at the source, without those deleted there.
SELECT
  id AS order_item_id,
  order_id,
  product_id,
  quantity,
  coalesce(returned_quantity, 0) AS returned_quantity,
  unit_price
FROM shop_public.order_items
WHERE NOT coalesce(_fivetran_deleted, false)
