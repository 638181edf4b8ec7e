-- One row: the time the data covers. What the marts call observed ends here, never at the clock on the wall.
SELECT
  min(purchased_on) AS first_day,
  -- The youngest days may still miss rows: the running day is not over, and some rows arrive late.
  date_sub(max(purchased_on), {{ settle_days }}) AS last_full_day
FROM purchases
