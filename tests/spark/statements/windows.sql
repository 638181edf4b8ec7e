-- Windows: frames, ties, nulls, named windows, QUALIFY.
CREATE TABLE w AS SELECT * FROM VALUES ('a', 1, DATE'2024-01-01', 10), ('a', 2, DATE'2024-01-02', 20), ('a', 2, DATE'2024-01-05', NULL), ('b', 1, DATE'2024-02-29', 5), ('b', NULL, DATE'2024-03-31', 7), ('b', 3, NULL, 9) AS t(g, n, d, v);

SELECT g, n, row_number() OVER (PARTITION BY g ORDER BY n, d) AS r FROM w;
--> g string	n int	r int
--> a	1	1
--> a	2	2
--> a	2	3
--> b	NULL	1
--> b	1	2
--> b	3	3
SELECT g, n, rank() OVER (PARTITION BY g ORDER BY n), dense_rank() OVER (PARTITION BY g ORDER BY n), percent_rank() OVER (PARTITION BY g ORDER BY n), cume_dist() OVER (PARTITION BY g ORDER BY n) FROM w;
--> g string	n int	RANK() OVER (PARTITION BY g ORDER BY n ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) int	DENSE_RANK() OVER (PARTITION BY g ORDER BY n ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) int	PERCENT_RANK() OVER (PARTITION BY g ORDER BY n ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) double	cume_dist() OVER (PARTITION BY g ORDER BY n ASC NULLS FIRST RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) double
--> a	1	1	1	0.0	0.3333333333333333
--> a	2	2	2	0.5	1.0
--> a	2	2	2	0.5	1.0
--> b	NULL	1	1	0.0	0.3333333333333333
--> b	1	2	2	0.5	0.6666666666666666
--> b	3	3	3	1.0	1.0
SELECT n, ntile(4) OVER (ORDER BY n, d) AS t FROM w;
--> n int	t int
--> NULL	1
--> 1	1
--> 1	2
--> 2	2
--> 2	3
--> 3	4
SELECT g, n, sum(v) OVER (PARTITION BY g ORDER BY n) AS s FROM w;
--> g string	n int	s bigint
--> a	1	10
--> a	2	30
--> a	2	30
--> b	NULL	7
--> b	1	12
--> b	3	21
SELECT g, n, sum(v) OVER (PARTITION BY g ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM w WHERE g = 'b';
--> g string	n int	s bigint
--> b	NULL	7
--> b	1	12
--> b	3	21
SELECT g, d, sum(v) OVER (PARTITION BY g ORDER BY d ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM w;
--> g string	d date	s bigint
--> a	2024-01-01	30
--> a	2024-01-02	30
--> a	2024-01-05	20
--> b	NULL	14
--> b	2024-02-29	21
--> b	2024-03-31	12
SELECT g, n, count(*) OVER (PARTITION BY g ORDER BY n RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS c FROM w;
--> g string	n int	c bigint
--> a	1	1
--> a	2	3
--> a	2	3
--> b	NULL	1
--> b	1	1
--> b	3	1
SELECT d, sum(v) OVER (ORDER BY d RANGE BETWEEN INTERVAL 3 DAYS PRECEDING AND CURRENT ROW) AS s FROM w;
--> d date	s bigint
--> NULL	9
--> 2024-01-01	10
--> 2024-01-02	30
--> 2024-01-05	20
--> 2024-02-29	5
--> 2024-03-31	7
SELECT d, count(v) OVER (ORDER BY d RANGE BETWEEN INTERVAL '1' MONTH PRECEDING AND INTERVAL '1' MONTH FOLLOWING) AS c FROM w;
--> d date	c bigint
--> NULL	1
--> 2024-01-01	2
--> 2024-01-02	2
--> 2024-01-05	2
--> 2024-02-29	1
--> 2024-03-31	2
SELECT d, sum(v) OVER (ORDER BY d RANGE BETWEEN INTERVAL 1 DAY FOLLOWING AND UNBOUNDED FOLLOWING) AS s FROM w;
--> d date	s bigint
--> NULL	51
--> 2024-01-01	32
--> 2024-01-02	12
--> 2024-01-05	12
--> 2024-02-29	7
--> 2024-03-31	NULL
SELECT CAST(d AS TIMESTAMP) AS t, sum(v) OVER (ORDER BY CAST(d AS TIMESTAMP) RANGE BETWEEN INTERVAL 36 HOURS PRECEDING AND CURRENT ROW) AS s FROM w;
--> t timestamp	s bigint
--> NULL	9
--> 2024-01-01 00:00:00	10
--> 2024-01-02 00:00:00	30
--> 2024-01-05 00:00:00	NULL
--> 2024-02-29 00:00:00	5
--> 2024-03-31 00:00:00	7
SELECT v, max(v) OVER (ORDER BY v DESC NULLS LAST RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS m FROM w;
--> v int	m int
--> 20	20
--> 10	10
--> 9	10
--> 7	10
--> 5	10
--> NULL	NULL
SELECT g, n, lag(v) OVER (PARTITION BY g ORDER BY d), lead(v, 1, -1) OVER (PARTITION BY g ORDER BY d), lag(v, 2, 0) OVER (PARTITION BY g ORDER BY d) FROM w;
--> g string	n int	lag(v, 1, NULL) OVER (PARTITION BY g ORDER BY d ASC NULLS FIRST ROWS BETWEEN -1 FOLLOWING AND -1 FOLLOWING) int	lead(v, 1, -1) OVER (PARTITION BY g ORDER BY d ASC NULLS FIRST ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING) int	lag(v, 2, 0) OVER (PARTITION BY g ORDER BY d ASC NULLS FIRST ROWS BETWEEN -2 FOLLOWING AND -2 FOLLOWING) int
--> a	1	NULL	20	0
--> a	2	10	NULL	0
--> a	2	20	-1	10
--> b	3	NULL	5	0
--> b	1	9	7	0
--> b	NULL	5	-1	9
SELECT g, first_value(v) OVER p AS f, last_value(v) OVER p AS l, nth_value(v, 2) OVER p AS n2 FROM w WINDOW p AS (PARTITION BY g ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);
--> g string	f int	l int	n2 int
--> a	10	NULL	20
--> a	10	NULL	20
--> a	10	NULL	20
--> b	9	7	5
--> b	9	7	5
--> b	9	7	5
SELECT g, d, last_value(v) IGNORE NULLS OVER (PARTITION BY g ORDER BY d) AS l, last_value(v, true) OVER (PARTITION BY g ORDER BY d) AS m, lag(v) IGNORE NULLS OVER (PARTITION BY g ORDER BY d) AS k FROM w;
--> g string	d date	l int	m int	k int
--> a	2024-01-01	10	10	NULL
--> a	2024-01-02	20	20	10
--> a	2024-01-05	20	20	20
--> b	NULL	9	9	NULL
--> b	2024-02-29	5	5	9
--> b	2024-03-31	7	7	5
SELECT g, nth_value(v, 2) IGNORE NULLS OVER (PARTITION BY g ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS k, first_value(v) RESPECT NULLS OVER (PARTITION BY g ORDER BY v) AS r FROM w;
--> g string	k int	r int
--> a	20	NULL
--> a	20	NULL
--> a	20	NULL
--> b	5	5
--> b	5	5
--> b	5	5
SELECT g, v, sum(v) OVER q AS s, avg(v) OVER (q ORDER BY d) AS a FROM w WINDOW q AS (PARTITION BY g);
--! PARSE_SYNTAX_ERROR 42601
SELECT g, n, d FROM w QUALIFY row_number() OVER (PARTITION BY g ORDER BY d DESC NULLS LAST) = 1;
--> g string	n int	d date
--> a	2	2024-01-05
--> b	NULL	2024-03-31
SELECT g, n, rank() OVER (PARTITION BY g ORDER BY n) AS r FROM w QUALIFY r = 1;
--> g string	n int	r int
--> a	1	1
--> b	NULL	1
SELECT g, sum(v) AS t FROM w GROUP BY g QUALIFY row_number() OVER (ORDER BY t DESC) = 1;
--> g string	t bigint
--> a	30
SELECT g, sum(v) AS t, rank() OVER (ORDER BY sum(v) DESC) AS r, sum(sum(v)) OVER () AS all FROM w GROUP BY g;
--> g string	t bigint	r int	all bigint
--> a	30	1	51
--> b	21	2	51
SELECT g, v, v / sum(v) OVER (PARTITION BY g) AS share FROM w;
--> g string	v int	share double
--> a	10	0.3333333333333333
--> a	20	0.6666666666666666
--> a	NULL	NULL
--> b	5	0.23809523809523808
--> b	7	0.3333333333333333
--> b	9	0.42857142857142855
SELECT g, count(*) FILTER (WHERE v > 6) OVER (PARTITION BY g) AS c FROM w;
--> g string	c bigint
--> a	2
--> a	2
--> a	2
--> b	2
--> b	2
--> b	2
SELECT n AS x, x + 1 AS y, sum(y) OVER () AS z FROM w;
--! UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_WINDOW 0A000
SELECT g, max(v) OVER () - v AS behind FROM w ORDER BY behind NULLS LAST, g, d;
--> g string	behind int
--> a	0
--> a	10
--> b	11
--> b	13
--> b	15
--> a	NULL
SELECT DISTINCT g, max(v) OVER (PARTITION BY g) AS m FROM w;
--> g string	m int
--> a	20
--> b	9
SELECT g FROM w ORDER BY row_number() OVER (ORDER BY d DESC NULLS LAST);
--! UNSUPPORTED_EXPR_FOR_OPERATOR 42K0E
SELECT row_number() OVER () IS NOT NULL FROM w LIMIT 1;
--! WINDOW_FUNCTION_FRAME_NOT_ORDERED 42601
SELECT g FROM w WHERE row_number() OVER (ORDER BY n) = 1;
--! WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE 42601
SELECT rank() OVER (PARTITION BY g) FROM w;
--! WINDOW_FUNCTION_FRAME_NOT_ORDERED 42601
SELECT sum(v) OVER nope FROM w;
--! MISSING_WINDOW_SPECIFICATION 42P20
SELECT row_number() FROM w;
--! WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE 42601
SELECT sum(v) OVER (ORDER BY g RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM w;
--! DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE 42K09
SELECT v FROM w QUALIFY v > 1;
--! QUALIFY_REQUIRES_WINDOW_FUNCTION 42903
SELECT collect_list(v) OVER (PARTITION BY g ORDER BY d) AS l FROM w;
--> l array<int>
--> [10]
--> [10, 20]
--> [10, 20]
--> [9]
--> [9, 5]
--> [9, 5, 7]
SELECT sum(v) OVER (ORDER BY n, d ROWS 2 PRECEDING) AS s FROM w;
--> s bigint
--> 7
--> 17
--> 22
--> 35
--> 25
--> 29
SELECT min(v) OVER (ORDER BY n, d ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) AS s FROM w;
--> s int
--> 5
--> 20
--> 9
--> 9
--> NULL
--> NULL
SELECT g, percentile(v, 0.5) OVER (PARTITION BY g) AS p FROM w;
--> g string	p double
--> a	15.0
--> a	15.0
--> a	15.0
--> b	7.0
--> b	7.0
--> b	7.0
SELECT g, stddev(v) OVER (PARTITION BY g) AS p FROM w;
--> g string	p double
--> a	7.0710678118654755
--> a	7.0710678118654755
--> a	7.0710678118654755
--> b	2.0
--> b	2.0
--> b	2.0
