-- Intervals as results and in arithmetic.
SELECT INTERVAL 1 DAY, INTERVAL '1' DAY AS a, INTERVAL '1 02:03:04.5' DAY TO SECOND AS b, INTERVAL '2-3' YEAR TO MONTH AS c, INTERVAL 3 MONTHS AS d;
--> INTERVAL '1' DAY interval day	a interval day	b interval day to second	c interval year to month	d interval month
--> INTERVAL '1' DAY	INTERVAL '1' DAY	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '2-3' YEAR TO MONTH	INTERVAL '3' MONTH
SELECT TIMESTAMP'2024-01-02 03:04:05' - TIMESTAMP'2024-01-01 00:00:00' AS d;
--> d interval day to second
--> INTERVAL '1 03:04:05' DAY TO SECOND
SELECT DATE'2024-03-01' - DATE'2024-02-01' AS d;
--> d interval day
--> INTERVAL '29' DAY
SELECT DATE'2024-01-31' + INTERVAL 1 MONTH AS x, DATE'2024-03-31' - INTERVAL 1 MONTH AS y, DATE'2024-02-29' + INTERVAL 1 YEAR AS z;
--> x date	y date	z date
--> 2024-02-29	2024-02-29	2025-02-28
SELECT DATE'2024-01-31' + INTERVAL 1 DAY AS x, DATE'2024-01-31' + INTERVAL '12' HOUR AS y;
--> x date	y timestamp
--> 2024-02-01	2024-01-31 12:00:00
SELECT TIMESTAMP'2024-01-31 10:00:00' + INTERVAL '1 02:00:00' DAY TO SECOND AS x, TIMESTAMP'2024-01-31 10:00:00' - INTERVAL 90 MINUTES AS y;
--> x timestamp	y timestamp
--> 2024-02-01 12:00:00	2024-01-31 08:30:00
SELECT INTERVAL 1 DAY + INTERVAL 2 HOURS AS x, INTERVAL 1 YEAR - INTERVAL 2 MONTHS AS y, -INTERVAL 3 DAYS AS z;
--> x interval day to hour	y interval year to month	z interval day
--> INTERVAL '1 02' DAY TO HOUR	INTERVAL '0-10' YEAR TO MONTH	INTERVAL '-3' DAY
SELECT INTERVAL 2 DAYS * 3 AS x, 1.5 * INTERVAL 2 DAYS AS y, INTERVAL 3 MONTHS * 2 AS z, INTERVAL 1 DAY / 2 AS w;
--> x interval day to second	y interval day to second	z interval year to month	w interval day to second
--> INTERVAL '6 00:00:00' DAY TO SECOND	INTERVAL '3 00:00:00' DAY TO SECOND	INTERVAL '0-6' YEAR TO MONTH	INTERVAL '0 12:00:00' DAY TO SECOND
SELECT INTERVAL 25 HOURS > INTERVAL 1 DAY AS x, INTERVAL 12 MONTHS = INTERVAL 1 YEAR AS y;
--> x boolean	y boolean
--> true	true
SELECT max(d) AS m, min(d) AS n, sum(d) AS s FROM VALUES (INTERVAL 1 DAY), (INTERVAL 30 HOURS), (NULL) AS t(d);
--> m interval day to hour	n interval day to hour	s interval day to hour
--> INTERVAL '1 06' DAY TO HOUR	INTERVAL '1 00' DAY TO HOUR	INTERVAL '2 06' DAY TO HOUR
SELECT d FROM VALUES (INTERVAL 1 DAY), (INTERVAL 30 HOURS), (NULL) AS t(d) ORDER BY d DESC;
--> d interval day to hour
--> INTERVAL '1 06' DAY TO HOUR
--> INTERVAL '1 00' DAY TO HOUR
--> NULL
SELECT t1 - t0 AS e, (t1 - t0) / 2 AS h, t0 + (t1 - t0) / 2 AS mid FROM VALUES (TIMESTAMP'2024-01-01 00:00:00', TIMESTAMP'2024-01-01 01:00:01') AS v(t0, t1);
--> e interval day to second	h interval day to second	mid timestamp
--> INTERVAL '0 01:00:01' DAY TO SECOND	INTERVAL '0 00:30:00.5' DAY TO SECOND	2024-01-01 00:30:00.5
SELECT sum(t1 - t0) AS s, avg(t1 - t0) AS a FROM VALUES (TIMESTAMP'2024-01-01 00:00:00', TIMESTAMP'2024-01-01 01:00:00'), (TIMESTAMP'2024-01-01 00:00:00', TIMESTAMP'2024-01-02 00:00:00') AS v(t0, t1);
--> s interval day to second	a interval day to second
--> INTERVAL '1 01:00:00' DAY TO SECOND	INTERVAL '0 12:30:00' DAY TO SECOND

-- What a literal without an alias is called.
SELECT INTERVAL '1' DAY;
--> INTERVAL '1' DAY interval day
--> INTERVAL '1' DAY

SELECT INTERVAL 1 DAY, INTERVAL '3' YEAR, INTERVAL '1-2' YEAR TO MONTH, INTERVAL 25 HOURS, INTERVAL 1 DAY 2 HOURS;
--> INTERVAL '1' DAY interval day	INTERVAL '3' YEAR interval year	INTERVAL '1-2' YEAR TO MONTH interval year to month	INTERVAL '25' HOUR interval hour	INTERVAL '1 02' DAY TO HOUR interval day to hour
--> INTERVAL '1' DAY	INTERVAL '3' YEAR	INTERVAL '1-2' YEAR TO MONTH	INTERVAL '25' HOUR	INTERVAL '1 02' DAY TO HOUR

SELECT -INTERVAL '1' DAY, INTERVAL '1' DAY + INTERVAL '2' HOUR, DATE'2024-01-31' + INTERVAL '1' MONTH, INTERVAL '1' DAY * 2;
--> (- INTERVAL '1' DAY) interval day	(INTERVAL '1' DAY + INTERVAL '02' HOUR) interval day to hour	DATE '2024-01-31' + INTERVAL '1' MONTH date	(INTERVAL '1' DAY * 2) interval day to second
--> INTERVAL '-1' DAY	INTERVAL '1 02' DAY TO HOUR	2024-02-29	INTERVAL '2 00:00:00' DAY TO SECOND

SELECT CAST('1' AS INTERVAL DAY), make_dt_interval(1), make_ym_interval(1, 2);
--> CAST(1 AS INTERVAL DAY) interval day	make_dt_interval(1, 0, 0, 0.000000) interval day to second	make_ym_interval(1, 2) interval year to month
--> INTERVAL '1' DAY	INTERVAL '1 00:00:00' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH

-- Types of values in one list.
SELECT * FROM VALUES (INTERVAL '1' DAY), (INTERVAL '2' HOUR) AS t(i) ORDER BY i;
--> i interval day to hour
--> INTERVAL '0 02' DAY TO HOUR
--> INTERVAL '1 00' DAY TO HOUR

SELECT typeof(i), i FROM VALUES (INTERVAL '1' DAY), (INTERVAL '2' HOUR), (NULL) AS t(i) ORDER BY i;
--> typeof(i) string	i interval day to hour
--> interval day to hour	NULL
--> interval day to hour	INTERVAL '0 02' DAY TO HOUR
--> interval day to hour	INTERVAL '1 00' DAY TO HOUR

SELECT * FROM VALUES (1, INTERVAL '1' YEAR), (2, INTERVAL '2' MONTH) AS t(n, i) ORDER BY i;
--> n int	i interval year to month
--> 2	INTERVAL '0-2' YEAR TO MONTH
--> 1	INTERVAL '1-0' YEAR TO MONTH

SELECT * FROM VALUES (INTERVAL '1' YEAR), (INTERVAL '2' DAY) AS t(i);
--! INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE 42000

SELECT * FROM VALUES (INTERVAL '1' YEAR), (1) AS t(i);
--! INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE 42000

-- Set operations.
SELECT INTERVAL '1' DAY AS i UNION ALL SELECT INTERVAL '90' MINUTE ORDER BY i;
--> i interval day to minute
--> INTERVAL '0 01:30' DAY TO MINUTE
--> INTERVAL '1 00:00' DAY TO MINUTE

SELECT INTERVAL '1' DAY AS i UNION SELECT INTERVAL '24' HOUR;
--> i interval day to hour
--> INTERVAL '1 00' DAY TO HOUR

SELECT INTERVAL '1' DAY AS i UNION ALL SELECT INTERVAL '1' MONTH;
--! INCOMPATIBLE_COLUMN_TYPE 42825

SELECT INTERVAL '1' DAY AS i INTERSECT SELECT INTERVAL '24' HOUR;
--> i interval day to hour
--> INTERVAL '1 00' DAY TO HOUR

SELECT INTERVAL '1' DAY AS i EXCEPT SELECT INTERVAL '24' HOUR;
--> i interval day to hour

-- Groups, orders, joins, windows.
CREATE OR REPLACE VIEW spans AS SELECT * FROM VALUES
  (1, 'a', INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL '1-2' YEAR TO MONTH),
  (2, 'a', INTERVAL '-1 00:00:00' DAY TO SECOND, INTERVAL '-0-3' YEAR TO MONTH),
  (3, 'b', NULL, NULL),
  (4, 'b', INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL '1-2' YEAR TO MONTH),
  (5, 'c', INTERVAL '0 00:00:00' DAY TO SECOND, INTERVAL '0-0' YEAR TO MONTH) AS t(id, k, d, m);

SELECT d, count(*) AS n FROM spans GROUP BY d ORDER BY d;
--> d interval day to second	n bigint
--> NULL	1
--> INTERVAL '-1 00:00:00' DAY TO SECOND	1
--> INTERVAL '0 00:00:00' DAY TO SECOND	1
--> INTERVAL '1 02:03:04.5' DAY TO SECOND	2

SELECT m, count(*) AS n FROM spans GROUP BY m ORDER BY m DESC;
--> m interval year to month	n bigint
--> INTERVAL '1-2' YEAR TO MONTH	2
--> INTERVAL '0-0' YEAR TO MONTH	1
--> INTERVAL '-0-3' YEAR TO MONTH	1
--> NULL	1

SELECT DISTINCT d, m FROM spans ORDER BY d NULLS LAST;
--> d interval day to second	m interval year to month
--> INTERVAL '-1 00:00:00' DAY TO SECOND	INTERVAL '-0-3' YEAR TO MONTH
--> INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0-0' YEAR TO MONTH
--> INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> NULL	NULL

SELECT count(DISTINCT d) AS a, count(d) AS b, count(DISTINCT m) AS c FROM spans;
--> a bigint	b bigint	c bigint
--> 3	4	3

SELECT k, sum(d) AS s, avg(d) AS a, min(d) AS lo, max(d) AS hi FROM spans GROUP BY k ORDER BY k;
--> k string	s interval day to second	a interval day to second	lo interval day to second	hi interval day to second
--> a	INTERVAL '0 02:03:04.5' DAY TO SECOND	INTERVAL '0 01:01:32.25' DAY TO SECOND	INTERVAL '-1 00:00:00' DAY TO SECOND	INTERVAL '1 02:03:04.5' DAY TO SECOND
--> b	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1 02:03:04.5' DAY TO SECOND
--> c	INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0 00:00:00' DAY TO SECOND

SELECT k, sum(m) AS s, avg(m) AS a, min(m) AS lo, max(m) AS hi FROM spans GROUP BY k ORDER BY k;
--> k string	s interval year to month	a interval year to month	lo interval year to month	hi interval year to month
--> a	INTERVAL '0-11' YEAR TO MONTH	INTERVAL '0-6' YEAR TO MONTH	INTERVAL '-0-3' YEAR TO MONTH	INTERVAL '1-2' YEAR TO MONTH
--> b	INTERVAL '1-2' YEAR TO MONTH	INTERVAL '1-2' YEAR TO MONTH	INTERVAL '1-2' YEAR TO MONTH	INTERVAL '1-2' YEAR TO MONTH
--> c	INTERVAL '0-0' YEAR TO MONTH	INTERVAL '0-0' YEAR TO MONTH	INTERVAL '0-0' YEAR TO MONTH	INTERVAL '0-0' YEAR TO MONTH

SELECT a.id, b.id FROM spans a JOIN spans b ON a.d = b.d ORDER BY 1, 2;
--> id int	id int
--> 1	1
--> 1	4
--> 2	2
--> 4	1
--> 4	4
--> 5	5

SELECT a.id, b.id FROM spans a JOIN spans b ON a.m < b.m ORDER BY 1, 2;
--> id int	id int
--> 2	1
--> 2	4
--> 2	5
--> 5	1
--> 5	4

SELECT a.id, b.id FROM spans a JOIN spans b ON a.d <=> b.d WHERE a.id = 3 ORDER BY 1, 2;
--> id int	id int
--> 3	3

SELECT id, sum(d) OVER (ORDER BY id) AS s, avg(m) OVER (PARTITION BY k) AS a FROM spans ORDER BY id;
--> id int	s interval day to second	a interval year to month
--> 1	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '0-6' YEAR TO MONTH
--> 2	INTERVAL '0 02:03:04.5' DAY TO SECOND	INTERVAL '0-6' YEAR TO MONTH
--> 3	INTERVAL '0 02:03:04.5' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> 4	INTERVAL '1 04:06:09' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> 5	INTERVAL '1 04:06:09' DAY TO SECOND	INTERVAL '0-0' YEAR TO MONTH

SELECT id, lag(d) OVER (ORDER BY id) AS l, first_value(m) OVER (ORDER BY id) AS f, rank() OVER (ORDER BY d) AS r, max(d) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS x FROM spans ORDER BY id;
--> id int	l interval day to second	f interval year to month	r int	x interval day to second
--> 1	NULL	INTERVAL '1-2' YEAR TO MONTH	4	INTERVAL '1 02:03:04.5' DAY TO SECOND
--> 2	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH	2	INTERVAL '1 02:03:04.5' DAY TO SECOND
--> 3	INTERVAL '-1 00:00:00' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH	1	INTERVAL '-1 00:00:00' DAY TO SECOND
--> 4	NULL	INTERVAL '1-2' YEAR TO MONTH	4	INTERVAL '1 02:03:04.5' DAY TO SECOND
--> 5	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH	3	INTERVAL '1 02:03:04.5' DAY TO SECOND

SELECT id, lag(d, 1, INTERVAL '5' DAY) OVER (ORDER BY id) AS l FROM spans ORDER BY id;
--! DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT id, CASE WHEN id = 1 THEN d ELSE INTERVAL '1' HOUR END AS c, coalesce(m, INTERVAL '1' MONTH) AS o, greatest(d, INTERVAL '1' DAY) AS g, nullif(d, INTERVAL '0' SECOND) AS n, if(id > 2, m, NULL) AS f FROM spans ORDER BY id;
--> id int	c interval day to second	o interval year to month	g interval day to second	n interval day to second	f interval year to month
--> 1	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1 02:03:04.5' DAY TO SECOND	NULL
--> 2	INTERVAL '0 01:00:00' DAY TO SECOND	INTERVAL '-0-3' YEAR TO MONTH	INTERVAL '1 00:00:00' DAY TO SECOND	INTERVAL '-1 00:00:00' DAY TO SECOND	NULL
--> 3	INTERVAL '0 01:00:00' DAY TO SECOND	INTERVAL '0-1' YEAR TO MONTH	INTERVAL '1 00:00:00' DAY TO SECOND	NULL	NULL
--> 4	INTERVAL '0 01:00:00' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> 5	INTERVAL '0 01:00:00' DAY TO SECOND	INTERVAL '0-0' YEAR TO MONTH	INTERVAL '1 00:00:00' DAY TO SECOND	NULL	INTERVAL '0-0' YEAR TO MONTH

SELECT id, DATE'2024-01-31' + m AS a, TIMESTAMP'2024-01-31 10:00:00' + d AS b, TIMESTAMP'2024-01-31 10:00:00' - d AS c, TIMESTAMP_NTZ'2024-03-31 10:00:00' - m AS e FROM spans ORDER BY id;
--> id int	a date	b timestamp	c timestamp	e timestamp_ntz
--> 1	2025-03-31	2024-02-01 12:03:04.5	2024-01-30 07:56:55.5	2023-01-31 10:00:00
--> 2	2023-10-31	2024-01-30 10:00:00	2024-02-01 10:00:00	2024-06-30 10:00:00
--> 3	NULL	NULL	NULL	NULL
--> 4	2025-03-31	2024-02-01 12:03:04.5	2024-01-30 07:56:55.5	2023-01-31 10:00:00
--> 5	2024-01-31	2024-01-31 10:00:00	2024-01-31 10:00:00	2024-03-31 10:00:00

SELECT id, d * 2 AS a, m / 2 AS b, -d AS c, d + d AS e, abs(m) AS f FROM spans ORDER BY id;
--> id int	a interval day to second	b interval year to month	c interval day to second	e interval day to second	f interval year to month
--> 1	INTERVAL '2 04:06:09' DAY TO SECOND	INTERVAL '0-7' YEAR TO MONTH	INTERVAL '-1 02:03:04.5' DAY TO SECOND	INTERVAL '2 04:06:09' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> 2	INTERVAL '-2 00:00:00' DAY TO SECOND	INTERVAL '-0-2' YEAR TO MONTH	INTERVAL '1 00:00:00' DAY TO SECOND	INTERVAL '-2 00:00:00' DAY TO SECOND	INTERVAL '0-3' YEAR TO MONTH
--> 3	NULL	NULL	NULL	NULL	NULL
--> 4	INTERVAL '2 04:06:09' DAY TO SECOND	INTERVAL '0-7' YEAR TO MONTH	INTERVAL '-1 02:03:04.5' DAY TO SECOND	INTERVAL '2 04:06:09' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> 5	INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0-0' YEAR TO MONTH	INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0-0' YEAR TO MONTH

SELECT id FROM spans WHERE d > INTERVAL '1' DAY OR m IN (INTERVAL '0' MONTH, INTERVAL '-3' MONTH) ORDER BY id;
--> id int
--> 1
--> 2
--> 4
--> 5

SELECT id FROM spans WHERE d BETWEEN INTERVAL '-2' DAY AND INTERVAL '2' HOUR ORDER BY id;
--> id int
--> 2
--> 5

SELECT collect_list(d) AS l, array_sort(collect_set(m)) AS s FROM spans;
--> l array<interval day to second>	s array<interval year to month>
--> [INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL '-1 00:00:00' DAY TO SECOND, INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL '0 00:00:00' DAY TO SECOND]	[INTERVAL '-0-3' YEAR TO MONTH, INTERVAL '0-0' YEAR TO MONTH, INTERVAL '1-2' YEAR TO MONTH]

SELECT count_if(d IS NULL) AS n, any_value(d) AS v, max_by(id, d) AS b, min_by(d, id) AS c FROM spans WHERE id < 3;
--> n bigint	v interval day to second	b int	c interval day to second
--> 0	INTERVAL '1 02:03:04.5' DAY TO SECOND	1	INTERVAL '1 02:03:04.5' DAY TO SECOND

SELECT * FROM (SELECT id, d FROM spans WHERE id < 3) PIVOT (max(d) FOR id IN (1 AS one, 2 AS two));
--> one interval day to second	two interval day to second
--> INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '-1 00:00:00' DAY TO SECOND

SELECT k, d, count(*) AS n FROM spans WHERE id < 3 GROUP BY ROLLUP (k, d) ORDER BY k, d;
--> k string	d interval day to second	n bigint
--> NULL	NULL	2
--> a	NULL	2
--> a	INTERVAL '-1 00:00:00' DAY TO SECOND	1
--> a	INTERVAL '1 02:03:04.5' DAY TO SECOND	1

SELECT id, struct(d AS x).x AS a, array(d, INTERVAL '1' DAY)[1] AS b, map('k', m)['k'] AS c FROM spans ORDER BY id;
--> id int	a interval day to second	b interval day to second	c interval year to month
--> 1	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1 00:00:00' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> 2	INTERVAL '-1 00:00:00' DAY TO SECOND	INTERVAL '1 00:00:00' DAY TO SECOND	INTERVAL '-0-3' YEAR TO MONTH
--> 3	NULL	INTERVAL '1 00:00:00' DAY TO SECOND	NULL
--> 4	INTERVAL '1 02:03:04.5' DAY TO SECOND	INTERVAL '1 00:00:00' DAY TO SECOND	INTERVAL '1-2' YEAR TO MONTH
--> 5	INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '1 00:00:00' DAY TO SECOND	INTERVAL '0-0' YEAR TO MONTH

SELECT id, explode(array(d, d)) AS e FROM spans WHERE id = 1;
--> id int	e interval day to second
--> 1	INTERVAL '1 02:03:04.5' DAY TO SECOND
--> 1	INTERVAL '1 02:03:04.5' DAY TO SECOND

SELECT sum(d) AS s FROM spans WHERE id = 3;
--> s interval day to second
--> NULL

SELECT to_json(struct(d, m)) AS j FROM spans WHERE id = 1;
--> j string
--> {"d":"INTERVAL '1 02:03:04.5' DAY TO SECOND","m":"INTERVAL '1-2' YEAR TO MONTH"}

SELECT hash(d) = hash(d) AS h, xxhash64(m) = xxhash64(m) AS x FROM spans WHERE id = 1;
--> h boolean	x boolean
--> true	true

SELECT percentile_approx(d, 0.5) AS p, median(m) AS q FROM spans;
--> p interval day to second	q interval year to month
--> INTERVAL '0 00:00:00' DAY TO SECOND	INTERVAL '0-7' YEAR TO MONTH

SELECT d FROM spans ORDER BY d DESC NULLS FIRST, id LIMIT 2;
--> d interval day to second
--> NULL
--> INTERVAL '1 02:03:04.5' DAY TO SECOND

WITH e AS (SELECT k, max(d) AS d FROM spans GROUP BY k) SELECT s.id FROM spans s JOIN e ON s.k = e.k AND s.d = e.d ORDER BY 1;
--> id int
--> 1
--> 4
--> 5

SELECT id FROM spans WHERE d IN (SELECT max(d) FROM spans) ORDER BY id;
--> id int
--> 1
--> 4

SELECT from_json('{"i":"1"}', 'i INTERVAL DAY') AS j;
--> j struct<i:interval day>
--> {INTERVAL '1' DAY}

SELECT from_csv('1', 'i INTERVAL DAY') AS j;
--> j struct<i:interval day>
--> {INTERVAL '1' DAY}

SELECT date_sub(DATE'2024-01-10', 3) - DATE'2024-01-01' AS d, TIMESTAMP'2024-01-02 00:00:00' - DATE'2024-01-01' AS e;
--> d interval day	e interval day to second
--> INTERVAL '6' DAY	INTERVAL '1 00:00:00' DAY TO SECOND

SELECT avg(TIMESTAMP'2024-01-02 00:00:00' - x) AS a, max(DATE'2024-01-05' - to_date(x)) AS b FROM VALUES (TIMESTAMP'2024-01-01 00:00:00'), (TIMESTAMP'2024-01-01 06:00:00') AS t(x);
--> a interval day to second	b interval day
--> INTERVAL '0 21:00:00' DAY TO SECOND	INTERVAL '4' DAY

SELECT sequence(DATE'2024-01-01', DATE'2024-03-01', INTERVAL '1' MONTH) AS a, sequence(DATE'2024-01-01', DATE'2024-01-04', INTERVAL 1 DAY) AS b, sequence(TIMESTAMP'2024-01-01 00:00:00', TIMESTAMP'2024-01-01 03:00:00', INTERVAL 90 MINUTES) AS c;
--> a array<date>	b array<date>	c array<timestamp>
--> [2024-01-01, 2024-02-01, 2024-03-01]	[2024-01-01, 2024-01-02, 2024-01-03, 2024-01-04]	[2024-01-01 00:00:00, 2024-01-01 01:30:00, 2024-01-01 03:00:00]

SELECT id, sequence(DATE'2024-01-01', DATE'2025-03-01', m) AS a FROM spans WHERE id = 1;
--> id int	a array<date>
--> 1	[2024-01-01, 2025-03-01]

-- Names of sums with a moment.
SELECT DATE'2024-01-31' - INTERVAL '1' MONTH, DATE'2024-01-31' + INTERVAL '1' DAY, DATE'2024-01-31' - INTERVAL 1 DAY, TIMESTAMP'2024-01-31 00:00:00' + INTERVAL '1' HOUR, TIMESTAMP'2024-01-31 00:00:00' - INTERVAL '1' MONTH, INTERVAL '1' DAY + DATE'2024-01-31';
--> DATE '2024-01-31' - INTERVAL '1' MONTH date	date_add(DATE '2024-01-31', extractansiintervaldays(INTERVAL '1' DAY)) date	date_add(DATE '2024-01-31', (- extractansiintervaldays(INTERVAL '1' DAY))) date	TIMESTAMP '2024-01-31 00:00:00' + INTERVAL '01' HOUR timestamp	TIMESTAMP '2024-01-31 00:00:00' - INTERVAL '1' MONTH timestamp	date_add(DATE '2024-01-31', extractansiintervaldays(INTERVAL '1' DAY)) date
--> 2023-12-31	2024-02-01	2024-01-30	2024-01-31 01:00:00	2023-12-31 00:00:00	2024-02-01

SELECT a + INTERVAL '1' DAY, b - INTERVAL '1' HOUR, a - a, b - b FROM VALUES (DATE'2024-01-31', TIMESTAMP'2024-01-31 00:00:00') AS t(a, b);
--> date_add(a, extractansiintervaldays(INTERVAL '1' DAY)) date	b - INTERVAL '01' HOUR timestamp	(a - a) interval day	(b - b) interval day to second
--> 2024-02-01	2024-01-30 23:00:00	INTERVAL '0' DAY	INTERVAL '0 00:00:00' DAY TO SECOND

SELECT INTERVAL '1' DAY AS i UNION ALL SELECT NULL;
--> i interval day
--> INTERVAL '1' DAY
--> NULL

SELECT INTERVAL '1' DAY AS i UNION ALL SELECT 1;
--! INCOMPATIBLE_COLUMN_TYPE 42825

SELECT INTERVAL '1' DAY AS i UNION ALL SELECT '1';
--! INCOMPATIBLE_COLUMN_TYPE 42825
