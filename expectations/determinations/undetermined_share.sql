-- check: no policy leaves an unusual share of its rows to clerks
-- checked: (select distinct policy_id from determinations)
with determined_policies as (
    select
        policy_id,
        count(*) filter (where outcome = 'undetermined') as undetermined_count,
        count(*) as row_count
    from determinations
    group by policy_id
)

select
    policy_id,
    undetermined_count,
    row_count
from determined_policies
where
    undetermined_count > $spare_rows
    and undetermined_count * 1000 > row_count * $limit_permille
order by all
