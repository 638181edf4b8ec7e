{# What the models say about dates, in one place. Arguments are SQL expressions. #}

{# The day on which a moment falls in the shop's time zone. Moments are stored in UTC and the session's zone is UTC. #}
{% component local_date(moment: string, @time_zone: string) -%}
{% if time_zone == "UTC" -%}
CAST({{ moment }} AS DATE)
{%- else -%}
CAST(from_utc_timestamp({{ moment }}, {{ time_zone | sql_string }}) AS DATE)
{%- endif %}
{%- endcomponent local_date %}

{# The first day of a date's month, as a date. #}
{% component month_of(day: string) -%}
CAST(date_trunc('MONTH', {{ day }}) AS DATE)
{%- endcomponent month_of %}

{# Calendar months from one date to a later one: 31 January to 1 February is 1. #}
{% component months_between_dates(from: string, to: string) -%}
(year({{ to }}) * 12 + month({{ to }})) - (year({{ from }}) * 12 + month({{ from }}))
{%- endcomponent months_between_dates %}

{# Whether even a customer who came on the last day of the cohort's month has been watched for so many days. #}
{% component whole_cohort_observed(days) -%}
observation.last_full_day >= date_add(last_day(cohort_month), {{ days }})
{%- endcomponent whole_cohort_observed %}

{# The steps from `from` to the one before `next`, or to `last` where nothing follows or comes sooner; NULL if there are none.
   A figure that stays as it is until something happens is so written out for each step, without a join to a calendar. #}
{% component steps_until(from: string, next: string, last, step) -%}
CASE WHEN {{ from }} <= {{ last }} THEN sequence({{ from }}, least(coalesce({{ next }} - {{ step }}, {{ last }}), {{ last }}), {{ step }}) END
{%- endcomponent steps_until %}
