-- How frequent each name is in the register. Grain: name.
with sizes as (
    select count(*) as persons
    from identity_register
)

select
    identity_register.name,
    count(*) * pow(max(sizes.persons), -1) as tf_name
from identity_register
cross join sizes
where identity_register.name is not null
group by identity_register.name
order by identity_register.name
