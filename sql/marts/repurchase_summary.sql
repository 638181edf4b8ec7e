-- One row per segment: how many of its customers buy again, and how long that takes, by the curves of repurchase_curves.
-- What the curve says where it is not reliable is not repeated here: such figures are NULL.
WITH curves AS (
  SELECT
    dimension,
    segment,
    days_since_first,
    customers,
    repeaters,
    is_reliable,
    CASE WHEN is_reliable THEN share END AS share,
    CASE WHEN is_reliable THEN share_lower END AS share_lower,
    CASE WHEN is_reliable THEN share_upper END AS share_upper,
    CASE WHEN is_reliable THEN naive_share END AS naive_share
  FROM repurchase_curves
)

SELECT
  dimension,
  segment,
  max(customers) AS customers,
  sum(repeaters) AS repeaters_so_far,
  CAST(max(days_since_first) FILTER (WHERE is_reliable) AS INT) AS reliable_until_day,
  max(share) AS share_reached,
{%- for window in repeat_windows %}
  max(share) FILTER (WHERE days_since_first = {{ window }}) AS share_{{ window }}d,
{%- endfor %}
  max(share_lower) FILTER (WHERE days_since_first = {{ headline_window }}) AS share_{{ headline_window }}d_lower,
  max(share_upper) FILTER (WHERE days_since_first = {{ headline_window }}) AS share_{{ headline_window }}d_upper,
  max(naive_share) FILTER (WHERE days_since_first = {{ headline_window }}) AS naive_share_{{ headline_window }}d,
  -- The first day by which so many have bought again; NULL if the curve never gets there. The share is a product of
  -- fractions, and may miss one half by the last digit.
  min(days_since_first) FILTER (WHERE share >= 0.25 - 1e-12) AS days_until_quarter,
  min(days_since_first) FILTER (WHERE share >= 0.5 - 1e-12) AS days_until_half
FROM curves
GROUP BY dimension, segment
