-- One row: the variables of jobs.yaml that the dashboard's own SQL goes by, so that its estimates and judgements are made as
-- the marts make theirs.
SELECT
  CAST({{ headline_window }} AS INT) AS headline_window,
  CAST({{ estimate_days }} AS INT) AS estimate_days,
  CAST({{ estimate_min_at_risk }} AS INT) AS estimate_min_at_risk,
  CAST({{ segment_min_customers }} AS INT) AS segment_min_customers,
  CAST({{ confidence_z }} AS DOUBLE) AS confidence_z,
  CAST({{ significance }} AS DOUBLE) AS significance,
  {{ currency | sql_string }} AS currency
