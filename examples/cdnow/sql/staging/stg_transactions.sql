-- The records of the chosen file. Both have the same columns, but for the sample's own numbering of customers.
SELECT
  transaction_no,
  customer_id,
  date AS bought_on,
  cds,
  dollars
FROM cdnow_files.{{ data_set }}
WHERE NOT coalesce(_fivetran_deleted, false)
