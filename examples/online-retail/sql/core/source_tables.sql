-- How far the file reaches that the figures come from.
-- kiln: allow(fivetran-deleted) it tells of the table as it landed, deleted rows too
SELECT
  'invoice_lines' AS source_table,
  count(*) AS landed_rows,
  max(_fivetran_synced) AS newest_row_synced_at,
  max(invoice_date) AS newest_entry_at
FROM online_retail_files.invoice_lines
