-- Who bought again within so many days of the first purchase, by cohort, channel, country and first category.
-- A cohort too young for a window has NULL there: its late-comers have not had their chance yet.
-- Rates of several rows together: sum(repeaters) / sum(observed_customers).
WITH cohorts AS (
  SELECT
    cohort_month,
    channel,
    country,
    first_category,
    count(*) AS cohort_size
{%- for window in repeat_windows %},
    count_if(days_to_second <= {{ window }}) AS repeaters_within_{{ window }}
{%- endfor %}
  FROM customer_first_second
  GROUP BY cohort_month, channel, country, first_category
),

windows AS (
{%- for window in repeat_windows %}
  SELECT
    cohort_month,
    channel,
    country,
    first_category,
    cohort_size,
    {{ window }} AS window_days,
    repeaters_within_{{ window }} AS repeaters
  FROM cohorts
{%- if not loop.last %}
  UNION ALL
{%- endif %}
{%- endfor %}
),

observed_windows AS (
  SELECT
    windows.*,
    {{ <whole_cohort_observed days="window_days" /> }} AS is_observed
  FROM windows
  CROSS JOIN observation
)

SELECT
  cohort_month,
  CAST(window_days AS INT) AS window_days,
  channel,
  country,
  first_category,
  cohort_size,
  CASE WHEN is_observed THEN cohort_size END AS observed_customers,
  CASE WHEN is_observed THEN repeaters END AS repeaters,
  CASE WHEN is_observed THEN try_divide(repeaters, cohort_size) END AS repeat_rate
FROM observed_windows
