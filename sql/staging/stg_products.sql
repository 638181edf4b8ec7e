-- Products as they stand at the source. Those deleted there stay: they have been bought.
-- kiln: allow(fivetran-deleted) a product that was taken off the shelves still has a category
SELECT
  id AS product_id,
  category
FROM shop_public.products
