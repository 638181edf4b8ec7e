{# How customers are told apart by their first purchase, in one place. Arguments are SQL expressions. #}

{# Whether the first order was discounted, in words. #}
{% component first_order_kind(discounted: string) -%}
CASE
    WHEN {{ discounted }} THEN 'discounted'
    WHEN NOT {{ discounted }} THEN 'full price'
    ELSE 'unknown'
  END
{%- endcomponent first_order_kind %}

{# The size of the first basket, in words; in the order of the alphabet sizes are not in order. #}
{% component first_basket_size(revenue: string, @basket_limits: array) -%}
CASE
    WHEN {{ revenue }} IS NULL THEN 'unknown'
{%- for limit in basket_limits %}
    WHEN {{ revenue }} < {{ limit }} THEN '
    {%- if loop.first %}below {{ limit }}{% else %}{{ basket_limits[loop.index0 - 1] }} to {{ limit }}{% endif %}'
{%- endfor %}
    ELSE '{{ basket_limits | last }} and more'
  END
{%- endcomponent first_basket_size %}
