-- The lines of all invoices. The first letter of an invoice's number tells what it is.
SELECT
  invoice_no,
  stock_code,
  quantity,
  invoice_date AS invoiced_at,
  {{ <local_date moment="invoice_date" /> }} AS invoiced_on,
  CAST(unit_price AS DECIMAL(12, 3)) AS unit_price,
  customer_id,
  country,
  invoice_no LIKE 'C%' AS is_cancellation
FROM online_retail_files.invoice_lines
WHERE NOT coalesce(_fivetran_deleted, false)
