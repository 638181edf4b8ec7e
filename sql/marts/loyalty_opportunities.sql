-- Segments of customers, each compared with the rest of its dimension: where do fewer come back than chance explains,
-- and what would it be worth if they came back as often as the others?
-- Counts customers of cohorts that have wholly been watched for {{ headline_window }} days.
WITH judged_customers AS (
  SELECT
    segments.customer_id,
    segments.dimension,
    segments.segment,
    coalesce(segments.days_to_second <= {{ headline_window }}, false) AS is_repeater
  FROM customer_segments AS segments
  CROSS JOIN observation
  WHERE segments.dimension NOT IN ('all', 'cohort', 'cohort quarter')
    AND segments.segment <> 'unknown'
    AND {{ <whole_cohort_observed days={headline_window} /> }}
),

repeat_revenue AS (
  -- What a customer who came back spent from the second purchase to the end of the window, on average.
  SELECT try_divide(sum(purchases.revenue), count(DISTINCT purchases.customer_id)) AS revenue_per_repeater
  FROM customer_first_second AS customers
  CROSS JOIN observation
  JOIN purchases
    ON purchases.customer_id = customers.customer_id
    AND purchases.purchased_at >= customers.second_purchased_at
    AND purchases.purchased_on <= date_add(customers.first_purchased_on, {{ headline_window }})
  WHERE {{ <whole_cohort_observed days={headline_window} /> }}
),

counts AS (
  SELECT
    dimension,
    segment,
    count(*) AS customers,
    count_if(is_repeater) AS repeaters
  FROM judged_customers
  GROUP BY dimension, segment
),

rests AS (
  SELECT
    *,
    sum(customers) OVER (PARTITION BY dimension) - customers AS rest_customers,
    sum(repeaters) OVER (PARTITION BY dimension) - repeaters AS rest_repeaters
  FROM counts
),

compared AS (
  SELECT
    *,
    repeaters / customers AS repeat_rate,
    rest_repeaters / rest_customers AS rest_rate,
    repeaters / customers - rest_repeaters / rest_customers AS difference,
    (repeaters + rest_repeaters) / (customers + rest_customers) AS pooled_rate,
    {{ <wilson_bound hits="repeaters" total="customers" sign="-" /> }} AS lower,
    {{ <wilson_bound hits="repeaters" total="customers" sign="+" /> }} AS upper,
    {{ <wilson_bound hits="rest_repeaters" total="rest_customers" sign="-" /> }} AS rest_lower,
    {{ <wilson_bound hits="rest_repeaters" total="rest_customers" sign="+" /> }} AS rest_upper
  FROM rests
  -- Where all customers are in one segment there is nothing to compare.
  WHERE rest_customers > 0
),

scored AS (
  SELECT
    *,
    -- Zero where nobody or everybody came back: then nothing differs.
    coalesce(
      try_divide(difference, sqrt(pooled_rate * (1 - pooled_rate) * (1 / customers + 1 / rest_customers))), 0
    ) AS z
  FROM compared
),

tested AS (
  SELECT
    *,
    {{ <two_sided_p z="z" /> }} AS p_value,
    least(customers, rest_customers) >= {{ segment_min_customers }} AS is_judged
  FROM scored
),

ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY is_judged ORDER BY p_value, dimension, segment) AS place,
    count(*) OVER (PARTITION BY is_judged) AS segments
  FROM tested
),

corrected AS (
  -- Holm's correction: who looks at many segments finds one that differs by chance.
  SELECT
    *,
    max(least(1, p_value * (segments - place + 1))) OVER (
      PARTITION BY is_judged
      ORDER BY place
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS corrected_p_value
  FROM ranked
)

SELECT
  dimension,
  segment,
  customers,
  repeaters,
  repeat_rate,
  rest_customers,
  rest_repeaters,
  rest_rate,
  difference,
  -- Newcombe's interval of a difference between two shares, from their Wilson intervals.
  difference - sqrt(power(repeat_rate - lower, 2) + power(rest_upper - rest_rate, 2)) AS difference_lower,
  difference + sqrt(power(upper - repeat_rate, 2) + power(rest_rate - rest_lower, 2)) AS difference_upper,
  -- Segments and rests of fewer than {{ segment_min_customers }} customers are shown, but not judged.
  is_judged,
  CASE WHEN is_judged THEN p_value END AS p_value,
  CASE WHEN is_judged THEN corrected_p_value END AS corrected_p_value,
  CASE
    WHEN NOT is_judged THEN 'too few to judge'
    WHEN corrected_p_value >= {{ significance }} THEN 'within chance'
    WHEN difference < 0 THEN 'fewer come back'
    ELSE 'more come back'
  END AS verdict,
  is_judged AND difference < 0 AND corrected_p_value < {{ significance }} AS is_opportunity,
  -- So many more would have come back at the rate of the rest, and spent so much.
  CAST(round(greatest(-difference, 0) * customers) AS BIGINT) AS customers_at_stake,
  CAST(greatest(-difference, 0) * customers * repeat_revenue.revenue_per_repeater AS DECIMAL(18, 2)) AS revenue_at_stake
FROM corrected
CROSS JOIN repeat_revenue
