-- Groups: NULL is a group, -0.0 is 0.0, NaN is itself; arrays and structs group by value.
SELECT x, count(*) FROM VALUES (1), (NULL), (1), (NULL) AS t(x) GROUP BY x;
--> x int	count(1) bigint
--> 1	2
--> NULL	2
SELECT x, count(*) FROM VALUES (0.0D), (-0.0D), (CAST('NaN' AS DOUBLE)), (CAST('NaN' AS DOUBLE)) AS t(x) GROUP BY x;
--> x double	count(1) bigint
--> 0.0	2
--> NaN	2
SELECT a, count(*) AS n FROM VALUES (array(1, 2)), (array(1, 2)), (array(2)), (NULL), (array(NULL)) AS t(a) GROUP BY a;
--> a array<int>	n bigint
--> [1, 2]	2
--> [2]	1
--> NULL	1
--> [null]	1
SELECT s, count(*) AS n FROM VALUES (struct(1, 'a'), 0), (struct(1, 'a'), 0), (struct(1, NULL), 0), (NULL, 0) AS t(s, o) GROUP BY s;
--> s struct<col1:int,col2:string>	n bigint
--> {1, a}	2
--> {1, null}	1
--> NULL	1
SELECT m, count(*) AS n FROM VALUES (map(1, 2)), (map(1, 2)) AS t(m) GROUP BY m;
--> m map<int,int>	n bigint
--> {1 -> 2}	2
SELECT DISTINCT a FROM VALUES (array(1, 2)), (array(1, 2)), (array(0.0D)) AS t(a);
--> a array<double>
--> [1.0, 2.0]
--> [0.0]
SELECT DISTINCT s FROM VALUES (named_struct('x', 0.0D), 0), (named_struct('x', -0.0D), 0) AS t(s, o);
--> s struct<x:double>
--> {0.0}
SELECT a FROM VALUES (array(2)), (array(1, 5)), (NULL), (array()), (array(1, NULL)) AS t(a) ORDER BY a LIMIT 9;
--> a array<int>
--> NULL
--> []
--> [1, null]
--> [1, 5]
--> [2]
SELECT s FROM VALUES (struct(2, 'a'), 0), (struct(1, 'b'), 0), (NULL, 0), (struct(1, NULL), 0) AS t(s, o) ORDER BY s DESC LIMIT 9;
--> s struct<col1:int,col2:string>
--> {2, a}
--> {1, b}
--> {1, null}
--> NULL
SELECT m FROM VALUES (map(1, 2)) AS t(m) ORDER BY m;
--! DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09
SELECT DISTINCT m FROM VALUES (map(1, 2)), (map(1, 2)) AS t(m);
--! UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE 0A000

-- Nothing at all.
SELECT count(*), sum(x), avg(x), min(x), max(x), collect_list(x), count_if(x > 1), bool_and(x > 1), stddev(x) FROM VALUES (1) AS t(x) WHERE x > 1;
--> count(1) bigint	sum(x) bigint	avg(x) double	min(x) int	max(x) int	collect_list(x) array<int>	count_if((x > 1)) bigint	bool_and((x > 1)) boolean	stddev(x) double
--> 0	NULL	NULL	NULL	NULL	[]	0	NULL	NULL
SELECT x, sum(x) FROM VALUES (1) AS t(x) WHERE x > 1 GROUP BY x;
--> x int	sum(x) bigint

-- Several at once.
SELECT g, sum(x), avg(x), min(x), max(x), count(DISTINCT x) FROM VALUES ('a', 1), ('a', 2), ('b', NULL), ('a', 2) AS t(g, x) GROUP BY g;
--> g string	sum(x) bigint	avg(x) double	min(x) int	max(x) int	count(DISTINCT x) bigint
--> a	5	1.6666666666666667	1	2	2
--> b	NULL	NULL	NULL	NULL	0
SELECT g, max_by(x, y), min_by(x, y), collect_list(x) FROM VALUES ('a', 1, 10), ('a', 2, 5), ('b', 3, NULL) AS t(g, x, y) GROUP BY g;
--> g string	max_by(x, y) int	min_by(x, y) int	collect_list(x) array<int>
--> a	1	2	[1, 2]
--> b	NULL	NULL	[3]
SELECT g, sum(DISTINCT x), count(DISTINCT y), sum(y) FROM VALUES ('a', 1, 10), ('a', 1, 5), ('b', 3, NULL) AS t(g, x, y) GROUP BY g;
--> g string	sum(DISTINCT x) bigint	count(DISTINCT y) bigint	sum(y) bigint
--> a	1	2	15
--> b	3	0	NULL
SELECT g, percentile(x, 0.5), median(x), mode(x) FROM VALUES ('a', 1), ('a', 1), ('a', 4), ('b', NULL) AS t(g, x) GROUP BY g;
--> g string	percentile(x, 0.5, 1) double	median(x) double	mode(x) int
--> a	1.0	1.0	1
--> b	NULL	NULL	NULL
SELECT g, listagg(x, ',') WITHIN GROUP (ORDER BY x DESC) AS l FROM VALUES ('a', 'p'), ('a', 'q'), ('b', NULL) AS t(g, x) GROUP BY g;
--> g string	l string
--> a	q,p
--> b	NULL
SELECT g, grouping(g), grouping_id(g), sum(x) FROM VALUES ('a', 1), ('b', 2) AS t(g, x) GROUP BY ROLLUP (g);
--> g string	grouping(g) tinyint	grouping_id(g) bigint	sum(x) bigint
--> a	0	0	1
--> b	0	0	2
--> NULL	1	1	3
SELECT g, h, grouping_id(g, h), sum(x) FROM VALUES ('a', 'p', 1), ('b', 'q', 2) AS t(g, h, x) GROUP BY CUBE (g, h);
--> g string	h string	grouping_id(g, h) bigint	sum(x) bigint
--> a	p	0	1
--> b	q	0	2
--> a	NULL	1	1
--> NULL	p	2	1
--> NULL	NULL	3	3
--> b	NULL	1	2
--> NULL	q	2	2
SELECT g, regr_slope(y, x), regr_r2(y, x), corr(y, x) FROM VALUES ('a', 1, 2), ('a', 2, 4), ('a', 3, 5), ('b', 1, 1) AS t(g, y, x) GROUP BY g;
--> g string	regr_slope(y, x) double	regr_r2(y, x) double	corr(y, x) double
--> a	0.6428571428571428	0.9642857142857141	0.9819805060619656
--> b	NULL	NULL	NULL
SELECT g, kurtosis(x), skewness(x) FROM VALUES ('a', 1), ('a', 2), ('a', 9), ('b', 1) AS t(g, x) GROUP BY g;
--> g string	kurtosis(x) double	skewness(x) double
--> a	-1.5	0.6654688661238353
--> b	NULL	NULL
SELECT g, first(x), last(x), first(x, true), any_value(x) FROM VALUES ('a', NULL), ('a', 2), ('a', 9) AS t(g, x) GROUP BY g;
--> g string	first(x) int	last(x) int	first(x) int	any_value(x) int
--> a	NULL	9	2	NULL
SELECT g, sum(x) FILTER (WHERE x > 1) AS f, count(*) FILTER (WHERE x IS NULL) AS n FROM VALUES ('a', 1), ('a', 2), ('b', NULL) AS t(g, x) GROUP BY g;
--> g string	f bigint	n bigint
--> a	2	0
--> b	NULL	1
SELECT g, avg(d), sum(d) FROM VALUES ('a', 1.10), ('a', 2.25), ('b', NULL) AS t(g, d) GROUP BY g;
--> g string	avg(d) decimal(7,6)	sum(d) decimal(13,2)
--> a	1.675000	3.35
--> b	NULL	NULL
SELECT sum(x) AS s FROM VALUES (1), (2) AS t(x) HAVING sum(x) > 5;
--> s bigint
SELECT x FROM VALUES (1) AS t(x) GROUP BY y;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT x, sum(y) FROM VALUES (1, 2) AS t(x, y);
--! MISSING_GROUP_BY 42803
SELECT sum(x) FROM VALUES (1) AS t(x) WHERE sum(x) > 0;
--! INVALID_WHERE_CONDITION 42903
SELECT g, bit_and(x), bit_or(x), bit_xor(x) FROM VALUES ('a', 6), ('a', 3), ('b', NULL) AS t(g, x) GROUP BY g;
--> g string	bit_and(x) int	bit_or(x) int	bit_xor(x) int
--> a	2	7	5
--> b	NULL	NULL	NULL
SELECT g, histogram_numeric(x, 3) AS h FROM VALUES ('a', 1), ('a', 2), ('a', 9), ('b', 4) AS t(g, x) GROUP BY g;
--> g string	h array<struct<x:int,y:double>>
--> a	[{1, 1.0}, {2, 1.0}, {9, 1.0}]
--> b	[{4, 1.0}]
SELECT g, try_avg(x), try_sum(x) FROM VALUES ('a', 1), ('a', 2) AS t(g, x) GROUP BY g;
--> g string	try_avg(x) double	try_sum(x) bigint
--> a	1.5	3
