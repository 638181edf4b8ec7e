SELECT x, row_number() OVER w, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w FROM VALUES (1), (1), (2), (NULL) AS t(x) WINDOW w AS (ORDER BY x) ORDER BY x, 2;
--> x int	row_number() OVER (ORDER BY x ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) int	RANK() OVER (ORDER BY x ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) int	DENSE_RANK() OVER (ORDER BY x ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) int	PERCENT_RANK() OVER (ORDER BY x ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) double	cume_dist() OVER (ORDER BY x ASC NULLS FIRST RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) double
--> NULL	1	1	1	0.0	0.25
--> 1	2	2	2	0.3333333333333333	0.75
--> 1	3	2	2	0.3333333333333333	0.75
--> 2	4	4	3	1.0	1.0
SELECT g, x, sum(x) OVER (PARTITION BY g ORDER BY x) AS s, sum(x) OVER (PARTITION BY g) AS t FROM VALUES ('a', 1), ('a', 2), ('b', 5), ('b', NULL) AS t(g, x) ORDER BY g, x;
--> g string	x int	s bigint	t bigint
--> a	1	1	3
--> a	2	3	3
--> b	NULL	NULL	5
--> b	5	5	5
SELECT x, lag(x, 1, -1) OVER (ORDER BY x) AS p, lead(x, 1) OVER (ORDER BY x) AS n FROM VALUES (1), (2), (4) AS t(x) ORDER BY x;
--> x int	p int	n int
--> 1	-1	2
--> 2	1	4
--> 4	2	NULL
SELECT i, x, last_value(x) IGNORE NULLS OVER (ORDER BY i) AS l, first_value(x) IGNORE NULLS OVER (ORDER BY i ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS f FROM VALUES (1, NULL), (2, 7), (3, NULL), (4, 9) AS t(i, x) ORDER BY i;
--> i int	x int	l int	f int
--> 1	NULL	NULL	7
--> 2	7	7	7
--> 3	NULL	7	9
--> 4	9	9	9
SELECT x, ntile(3) OVER (ORDER BY x) AS n FROM VALUES (1), (2), (3), (4), (5), (6), (7) AS t(x) ORDER BY x;
--> x int	n int
--> 1	1
--> 2	1
--> 3	1
--> 4	2
--> 5	2
--> 6	3
--> 7	3
SELECT d, sum(x) OVER (ORDER BY d RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS s FROM VALUES (DATE'2024-01-01', 1), (DATE'2024-01-02', 2), (DATE'2024-01-05', 4) AS t(d, x) ORDER BY d;
--> d date	s bigint
--> 2024-01-01	1
--> 2024-01-02	3
--> 2024-01-05	4
SELECT i, collect_list(x) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS l, collect_set(x) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM VALUES (1, 'a'), (2, NULL), (3, 'a'), (4, 'b') AS t(i, x) ORDER BY i;
--> i int	l array<string>	s array<string>
--> 1	[a]	[a]
--> 2	[a, a]	[a]
--> 3	[a, b]	[a]
--> 4	[a, b]	[a, b]
SELECT i, avg(x) OVER (ORDER BY i ROWS 2 PRECEDING) AS a, min(x) OVER (ORDER BY i ROWS 1 PRECEDING) AS m FROM VALUES (1, 4), (2, NULL), (3, 2), (4, 10) AS t(i, x) ORDER BY i;
--> i int	a double	m int
--> 1	4.0	4
--> 2	4.0	4
--> 3	3.0	2
--> 4	6.0	2
SELECT i, nth_value(x, 2) OVER (ORDER BY i) AS n, nth_value(x, 1) IGNORE NULLS OVER (ORDER BY i) AS f FROM VALUES (1, NULL), (2, 5), (3, 6) AS t(i, x) ORDER BY i;
--> i int	n int	f int
--> 1	NULL	NULL
--> 2	5	5
--> 3	5	5
SELECT i, variance(x) OVER (ORDER BY i) AS v, stddev_samp(x) OVER (ORDER BY i ROWS 1 PRECEDING) AS s FROM VALUES (1, 4), (2, 8), (3, 2) AS t(i, x) ORDER BY i;
--> i int	v double	s double
--> 1	NULL	NULL
--> 2	8.0	2.8284271247461903
--> 3	9.333333333333334	4.242640687119285
SELECT i, x, max_by(i, x) OVER (ORDER BY i) AS m, bit_or(x) OVER (ORDER BY i ROWS 1 PRECEDING) AS b, bool_and(x > 1) OVER (ORDER BY i) AS e FROM VALUES (1, 4), (2, 8), (3, 1) AS t(i, x) ORDER BY i;
--> i int	x int	m int	b int	e boolean
--> 1	4	1	4	true
--> 2	8	2	12	true
--> 3	1	2	9	false
SELECT i, lag(x, 2) IGNORE NULLS OVER (ORDER BY i) AS l, lead(x, 1, -9) IGNORE NULLS OVER (ORDER BY i) AS r FROM VALUES (1, 4), (2, NULL), (3, 1), (4, NULL), (5, 7) AS t(i, x) ORDER BY i;
--> i int	l int	r int
--> 1	NULL	1
--> 2	NULL	1
--> 3	NULL	7
--> 4	4	7
--> 5	4	-9
SELECT g, x, percent_rank() OVER (PARTITION BY g ORDER BY x) AS p FROM VALUES ('a', 1), ('b', 1), ('b', 2) AS t(g, x) ORDER BY g, x;
--> g string	x int	p double
--> a	1	0.0
--> b	1	0.0
--> b	2	1.0
SELECT x, sum(sum(x)) OVER (ORDER BY x) AS s FROM VALUES (1), (1), (2) AS t(x) GROUP BY x ORDER BY x;
--> x int	s bigint
--> 1	2
--> 2	4
SELECT row_number() OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM VALUES (1) AS t(x);
--! _LEGACY_ERROR_TEMP_1036
SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING) FROM VALUES (1) AS t(x);
--! DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON 42K09
SELECT i, histogram_numeric(x, 2) OVER (PARTITION BY 1) AS h FROM VALUES (1, 4), (2, 8), (3, 1) AS t(i, x) ORDER BY i;
--> i int	h array<struct<x:int,y:double>>
--> 1	[{2, 2.0}, {8, 1.0}]
--> 2	[{2, 2.0}, {8, 1.0}]
--> 3	[{2, 2.0}, {8, 1.0}]
SELECT i, sum(d) OVER (ORDER BY i) AS s, avg(d) OVER (ORDER BY i) AS a FROM VALUES (1, 1.10), (2, 2.25), (3, NULL) AS t(i, d) ORDER BY i;
--> i int	s decimal(13,2)	a decimal(7,6)
--> 1	1.10	1.100000
--> 2	3.35	1.675000
--> 3	3.35	1.675000
SELECT i, avg(x) OVER (ORDER BY i ROWS 1 PRECEDING) AS a FROM VALUES (1, 1.0D), (2, CAST('NaN' AS DOUBLE)), (3, 2.0D), (4, 5.0D) AS t(i, x) ORDER BY i;
--> i int	a double
--> 1	1.0
--> 2	NaN
--> 3	NaN
--> 4	3.5
