-- The retention matrix: how many of a cohort's customers bought in the n-th month after their first purchase.
-- A cell exists only once its month is over, so sum(active_customers) / sum(cohort_size) is right over any selection
-- of channels, countries and first categories, and over cohorts for one months_since.
SELECT
  cohort_month,
  months_since,
  activity_month,
  channel,
  country,
  first_category,
  cohort_size,
  active_customers
FROM cohort_value
