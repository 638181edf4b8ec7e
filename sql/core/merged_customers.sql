-- One row per account that was merged into another one, with the account that it belongs to in the end: that other one may
-- have been merged itself. Chains are followed for {{ longest_merge_chain }} merges.
WITH merges AS (
  SELECT
    customer_id,
    merged_into
  FROM stg_customers
  WHERE merged_into <> customer_id
)

SELECT
  merges.customer_id,
  coalesce(
{%- for step in range(end=longest_merge_chain) | reverse %}
    {% if step > 0 %}step_{{ step }}{% else %}merges{% endif %}.merged_into{% if not loop.last %},{% endif %}
{%- endfor %}
  ) AS merged_into,
  -- The chain is longer, or goes in a circle: nobody can say who this is.
  rest.customer_id IS NOT NULL AS is_unresolved
FROM merges
{%- for step in range(start=1, end=longest_merge_chain) %}
LEFT JOIN merges AS step_{{ step }} ON step_{{ step }}.customer_id = {% if step > 1 %}step_{{ step - 1 }}{% else %}merges{% endif %}.merged_into
{%- endfor %}
LEFT JOIN merges AS rest ON rest.customer_id = {% if longest_merge_chain > 1 %}step_{{ longest_merge_chain - 1 }}{% else %}merges{% endif %}.merged_into
