{# Statistics that Spark has no function for. Arguments are SQL expressions. #}

{# How often chance alone gives a standard normal value at least as far from zero: Abramowitz and Stegun, 26.2.17,
   wrong by less than 1.5e-7. #}
{% component two_sided_p(z: string) -%}
least(1, 2 * exp(-0.5 * {{ z }} * {{ z }}) / sqrt(2 * pi()) * (
  0.319381530 * {{ <normal_t z={z} /> }}
  - 0.356563782 * power({{ <normal_t z={z} /> }}, 2)
  + 1.781477937 * power({{ <normal_t z={z} /> }}, 3)
  - 1.821255978 * power({{ <normal_t z={z} /> }}, 4)
  + 1.330274429 * power({{ <normal_t z={z} /> }}, 5)
))
{%- endcomponent two_sided_p %}

{% component normal_t(z: string) -%}
(1 / (1 + 0.2316419 * abs({{ z }})))
{%- endcomponent normal_t %}

{# Wilson's interval of a share: `sign` is `-` for its lower end and `+` for its upper. #}
{% component wilson_bound(hits: string, total: string, sign: string, @confidence_z: float) -%}
((2 * {{ hits }} + power({{ confidence_z }}, 2) {{ sign }} {{ confidence_z }}
  * sqrt(power({{ confidence_z }}, 2) + 4 * {{ hits }} * (1 - {{ hits }} / {{ total }})))
  / (2 * ({{ total }} + power({{ confidence_z }}, 2))))
{%- endcomponent wilson_bound %}
