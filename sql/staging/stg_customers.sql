-- Accounts as they stand at the source. Those deleted there stay: whoever was merged into another account is still that person.
-- kiln: allow(fivetran-deleted) a merge holds, though the account that was merged is deleted
SELECT
  id AS customer_id,
  merged_into
FROM shop_public.customers
