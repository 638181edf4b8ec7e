-- The share of each segment's customers that has bought again by day 0, 1, 2 … after the first purchase, estimated from
-- customers of every age (Kaplan and Meier): who has been watched for 40 days says nothing about day 41, but counts up
-- to there. Beside it the naive share, which takes "not yet" for "never" and so is too low where customers are young.
WITH watched AS (
  SELECT
    dimension,
    segment,
    least(coalesce(days_to_second, observed_days), observed_days) AS days_since_first,
    coalesce(days_to_second <= observed_days, false) AS came_back
  FROM customer_segments
),

last_days AS (
  -- For how many customers the watch ends with a day, be it that they bought again or that the data end.
  SELECT
    dimension,
    segment,
    days_since_first,
    count(*) AS leaving,
    count_if(came_back) AS repeaters
  FROM watched
  GROUP BY dimension, segment, days_since_first
),

steps AS (
  SELECT
    dimension,
    segment,
    days_since_first,
    leaving,
    repeaters,
    -- Nobody left before the first of these days.
    CASE WHEN lag(days_since_first) OVER in_order IS NULL THEN 0 ELSE days_since_first END AS from_day,
    lead(days_since_first) OVER in_order AS next_day,
    sum(leaving) OVER in_order AS left_so_far,
    sum(leaving) OVER (PARTITION BY dimension, segment) AS customers
  FROM last_days
  WINDOW in_order AS (PARTITION BY dimension, segment ORDER BY days_since_first)
),

at_risk AS (
  -- At risk on a day is who was watched up to it and had not bought again before.
  SELECT
    steps.dimension,
    steps.segment,
    days.day AS days_since_first,
    steps.customers,
    CASE WHEN days.day = steps.days_since_first THEN steps.repeaters ELSE 0 END AS repeaters,
    steps.customers - CASE
      WHEN days.day > steps.days_since_first THEN steps.left_so_far
      ELSE steps.left_so_far - steps.leaving
    END AS at_risk
  FROM steps
  LATERAL VIEW explode({{ <steps_until from="steps.from_day" next="steps.next_day" last={estimate_days} step={1} /> }}) days AS day
),

sums AS (
  SELECT
    dimension,
    segment,
    days_since_first,
    customers,
    at_risk,
    repeaters,
    sum(repeaters) OVER so_far AS repeaters_cumulative,
    -- Zero from the day on which the last customer at risk bought again.
    min(at_risk - repeaters) OVER so_far AS fewest_left,
    sum(ln(CASE WHEN repeaters < at_risk THEN (at_risk - repeaters) / at_risk ELSE 1 END)) OVER so_far AS log_not_yet,
    -- Greenwood's sum.
    sum(CASE WHEN repeaters < at_risk THEN repeaters / (CAST(at_risk AS DOUBLE) * (at_risk - repeaters)) ELSE 0 END)
      OVER so_far AS variance
  FROM at_risk
  WHERE at_risk > 0
  WINDOW so_far AS (
    PARTITION BY dimension, segment
    ORDER BY days_since_first
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
),

estimates AS (
  SELECT
    *,
    CASE WHEN fewest_left > 0 THEN exp(log_not_yet) ELSE 0 END AS not_yet,
    -- The band is that of log(-log(not_yet)), so that it never leaves 0 to 1. None before the first has come back.
    CASE WHEN fewest_left > 0 AND log_not_yet < 0 THEN exp({{ confidence_z }} * sqrt(variance) / log_not_yet) END AS spread
  FROM sums
)

SELECT
  dimension,
  segment,
  CAST(days_since_first AS INT) AS days_since_first,
  customers,
  at_risk,
  repeaters,
  1 - not_yet AS share,
  1 - power(not_yet, spread) AS share_lower,
  1 - power(not_yet, 1 / spread) AS share_upper,
  repeaters_cumulative / customers AS naive_share,
  at_risk >= {{ estimate_min_at_risk }} AS is_reliable
FROM estimates
