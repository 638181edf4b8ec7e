-- Groups: NULL is a group, -0.0 is 0.0, NaN is itself; arrays and structs group by value.
SELECT x, count(*) FROM VALUES (1), (NULL), (1), (NULL) AS t(x) GROUP BY x;
SELECT x, count(*) FROM VALUES (0.0D), (-0.0D), (CAST('NaN' AS DOUBLE)), (CAST('NaN' AS DOUBLE)) AS t(x) GROUP BY x;
SELECT a, count(*) AS n FROM VALUES (array(1, 2)), (array(1, 2)), (array(2)), (NULL), (array(NULL)) AS t(a) GROUP BY a;
SELECT s, count(*) AS n FROM VALUES (struct(1, 'a'), 0), (struct(1, 'a'), 0), (struct(1, NULL), 0), (NULL, 0) AS t(s, o) GROUP BY s;
SELECT m, count(*) AS n FROM VALUES (map(1, 2)), (map(1, 2)) AS t(m) GROUP BY m;
SELECT DISTINCT a FROM VALUES (array(1, 2)), (array(1, 2)), (array(0.0D)) AS t(a);
SELECT DISTINCT s FROM VALUES (named_struct('x', 0.0D), 0), (named_struct('x', -0.0D), 0) AS t(s, o);
SELECT a FROM VALUES (array(2)), (array(1, 5)), (NULL), (array()), (array(1, NULL)) AS t(a) ORDER BY a;
SELECT s FROM VALUES (struct(2, 'a'), 0), (struct(1, 'b'), 0), (NULL, 0), (struct(1, NULL), 0) AS t(s, o) ORDER BY s DESC;
SELECT m FROM VALUES (map(1, 2)) AS t(m) ORDER BY m;
SELECT DISTINCT m FROM VALUES (map(1, 2)), (map(1, 2)) AS t(m);

-- Nothing at all.
SELECT count(*), sum(x), avg(x), min(x), max(x), collect_list(x), count_if(x > 1), bool_and(x > 1), stddev(x) FROM VALUES (1) AS t(x) WHERE x > 1;
SELECT x, sum(x) FROM VALUES (1) AS t(x) WHERE x > 1 GROUP BY x;

-- Several at once.
SELECT g, sum(x), avg(x), min(x), max(x), count(DISTINCT x) FROM VALUES ('a', 1), ('a', 2), ('b', NULL), ('a', 2) AS t(g, x) GROUP BY g;
SELECT g, max_by(x, y), min_by(x, y), collect_list(x) FROM VALUES ('a', 1, 10), ('a', 2, 5), ('b', 3, NULL) AS t(g, x, y) GROUP BY g;
SELECT g, sum(DISTINCT x), count(DISTINCT y), sum(y) FROM VALUES ('a', 1, 10), ('a', 1, 5), ('b', 3, NULL) AS t(g, x, y) GROUP BY g;
SELECT g, percentile(x, 0.5), median(x), mode(x) FROM VALUES ('a', 1), ('a', 1), ('a', 4), ('b', NULL) AS t(g, x) GROUP BY g;
SELECT g, listagg(x, ',') WITHIN GROUP (ORDER BY x DESC) AS l FROM VALUES ('a', 'p'), ('a', 'q'), ('b', NULL) AS t(g, x) GROUP BY g;
SELECT g, grouping(g), grouping_id(g), sum(x) FROM VALUES ('a', 1), ('b', 2) AS t(g, x) GROUP BY ROLLUP (g);
SELECT g, h, grouping_id(g, h), sum(x) FROM VALUES ('a', 'p', 1), ('b', 'q', 2) AS t(g, h, x) GROUP BY CUBE (g, h);
SELECT g, regr_slope(y, x), regr_r2(y, x), corr(y, x) FROM VALUES ('a', 1, 2), ('a', 2, 4), ('a', 3, 5), ('b', 1, 1) AS t(g, y, x) GROUP BY g;
SELECT g, kurtosis(x), skewness(x) FROM VALUES ('a', 1), ('a', 2), ('a', 9), ('b', 1) AS t(g, x) GROUP BY g;
SELECT g, first(x), last(x), first(x, true), any_value(x) FROM VALUES ('a', NULL), ('a', 2), ('a', 9) AS t(g, x) GROUP BY g;
SELECT g, sum(x) FILTER (WHERE x > 1) AS f, count(*) FILTER (WHERE x IS NULL) AS n FROM VALUES ('a', 1), ('a', 2), ('b', NULL) AS t(g, x) GROUP BY g;
SELECT g, avg(d), sum(d) FROM VALUES ('a', 1.10), ('a', 2.25), ('b', NULL) AS t(g, d) GROUP BY g;
SELECT sum(x) AS s FROM VALUES (1), (2) AS t(x) HAVING sum(x) > 5;
SELECT x FROM VALUES (1) AS t(x) GROUP BY y;
SELECT x, sum(y) FROM VALUES (1, 2) AS t(x, y);
SELECT sum(x) FROM VALUES (1) AS t(x) WHERE sum(x) > 0;
SELECT g, bit_and(x), bit_or(x), bit_xor(x) FROM VALUES ('a', 6), ('a', 3), ('b', NULL) AS t(g, x) GROUP BY g;
SELECT g, histogram_numeric(x, 3) AS h FROM VALUES ('a', 1), ('a', 2), ('a', 9), ('b', 4) AS t(g, x) GROUP BY g;
SELECT g, try_avg(x), try_sum(x) FROM VALUES ('a', 1), ('a', 2) AS t(g, x) GROUP BY g;
