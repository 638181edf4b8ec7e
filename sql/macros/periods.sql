{# Weeks, months and quarters under one name. `period` is `week`, `month` or `quarter`; the other arguments are SQL
   expressions, `start` the first day of such a period. Weeks begin on Mondays. #}

{# The first day of the period in which a date lies. #}
{% component period_of(period: string, day: string) -%}
CAST(date_trunc('{{ period | upper }}', {{ day }}) AS DATE)
{%- endcomponent period_of %}

{# The last day of the period that begins with `start`. #}
{% component period_end(period: string, start: string) -%}
{% if period == "week" -%}
date_add({{ start }}, 6)
{%- elif period == "month" -%}
last_day({{ start }})
{%- else -%}
last_day(add_months({{ start }}, 2))
{%- endif %}
{%- endcomponent period_end %}

{# Periods from the one that begins with `from` to the one that begins with `to`. #}
{% component periods_between(period: string, from: string, to: string) -%}
{% if period == "week" -%}
CAST(datediff({{ to }}, {{ from }}) / 7 AS INT)
{%- elif period == "month" -%}
CAST({{ <months_between_dates from={from} to={to} /> }} AS INT)
{%- else -%}
CAST(({{ <months_between_dates from={from} to={to} /> }}) / 3 AS INT)
{%- endif %}
{%- endcomponent periods_between %}

{# What a person calls the period that begins with `start`: 2024-W07, 2024-02, 2024-Q1. Weeks and their years are ISO 8601's. #}
{% component period_name(period: string, start: string) -%}
{% if period == "week" -%}
concat(extract(YEAROFWEEK FROM {{ start }}), '-W', lpad(weekofyear({{ start }}), 2, '0'))
{%- elif period == "month" -%}
date_format({{ start }}, 'yyyy-MM')
{%- else -%}
concat(year({{ start }}), '-Q', quarter({{ start }}))
{%- endif %}
{%- endcomponent period_name %}

{# How many periods after the one that begins with `start` are over: negative if not even that one. #}
{% component last_period_over(period: string, start: string) -%}
{% set running %}{{ <period_of period={period} day="date_add(observation.last_full_day, 1)" /> }}{% endset -%}
{{ <periods_between period={period} from={start} to={running} /> }} - 1
{%- endcomponent last_period_over %}
