-- Products as they stand at the source. Those deleted there stay: they have been bought.
SELECT
  id AS product_id,
  category
FROM shop_public.products
