-- One row per invoice of a known customer.
{%- if cleaning == "purchases" %}
-- Only lines that were bought: no cancellations, nothing returned, nothing given away.
{%- elif cleaning == "activity" %}
-- Whatever names a customer is activity, cancellations and returns too. Common, and wrong for purchases.
{%- else %}
{{ throw(message="the variable `cleaning` must be `purchases` or `activity`") }}
{%- endif %}
SELECT
  invoice_no AS purchase_id,
  CAST(customer_id AS BIGINT) AS customer_id,
  -- Thirty invoices span two minutes: an invoice's moment is its earliest line.
  min(invoiced_at) AS purchased_at,
  min(invoiced_on) AS purchased_on,
  'online' AS channel,
  min(country) AS country,
  'unknown' AS category,
  CAST(sum(quantity * unit_price) AS DECIMAL(12, 2)) AS revenue,
  CAST(NULL AS BOOLEAN) AS discounted,
  count(*) AS lines
FROM stg_invoice_lines
WHERE customer_id IS NOT NULL
{%- if cleaning == "purchases" %}
  AND NOT is_cancellation
  AND quantity > 0
  AND unit_price > 0
{%- endif %}
GROUP BY invoice_no, customer_id
