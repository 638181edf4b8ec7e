-- How far the file reaches that the figures come from.
-- kiln: allow(fivetran-deleted) it tells of the table as it landed, deleted rows too
SELECT
  '{{ data_set }}' AS source_table,
  count(*) AS landed_rows,
  max(_fivetran_synced) AS newest_row_synced_at,
  CAST(max(date) AS TIMESTAMP) AS newest_entry_at
FROM cdnow_files.{{ data_set }}
