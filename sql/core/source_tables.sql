-- One row per source table that the figures come from: how far it reaches, as this run of the models read it.
-- kiln: allow(fivetran-deleted) it tells of the tables as they landed, deleted rows too
SELECT
  'customers' AS source_table,
  count(*) AS landed_rows,
  max(_fivetran_synced) AS newest_row_synced_at,
  max(created_at) AS newest_entry_at
FROM shop_public.customers
UNION ALL
SELECT
  'orders' AS source_table,
  count(*) AS landed_rows,
  max(_fivetran_synced) AS newest_row_synced_at,
  max(ordered_at) AS newest_entry_at
FROM shop_public.orders
UNION ALL
SELECT
  'order_items' AS source_table,
  count(*) AS landed_rows,
  max(_fivetran_synced) AS newest_row_synced_at,
  CAST(NULL AS TIMESTAMP) AS newest_entry_at
FROM shop_public.order_items
UNION ALL
SELECT
  'products' AS source_table,
  count(*) AS landed_rows,
  max(_fivetran_synced) AS newest_row_synced_at,
  CAST(NULL AS TIMESTAMP) AS newest_entry_at
FROM shop_public.products
