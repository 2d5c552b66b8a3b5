-- universe: household with a member of working age, period month(D)
-- cut by: household
with working_age_members as (
    select
        household_no,
        is_employed_in(person_key, month_plus($as_of_month, -1)) as is_employed,
        is_owner(person_key) as owns_a_business,
        is_registered_unemployed(person_key) as is_registered
    from residents
    where
        -- completed years on D: the birthday of that age is not after D, that of the next one is
        plus_years(born_on(person_id), $working_age_from) <= $as_of
        and reaches_age_on(person_id, $working_age_to_men + 1, $working_age_to_women + 1) > $as_of
        -- the dead are no members
        and day_of_death(person_key) is null
)

select
    household_no as subject_id,
    -- 零就业家庭: no member of working age is employed
    count(*) filter (is_employed) = 0 as s9_none_employed,
    -- nor an owner
    count(*) filter (owns_a_business) = 0 as s9_none_owner,
    -- 开展即时就业援助: at least one is registered unemployed
    count(*) filter (is_registered) >= 1 as s9_one_registered,
    0 as amount_fen,
    count(*) as working_age_members,
    count(*) filter (is_employed) as employed_members,
    count(*) filter (owns_a_business) as owner_members,
    count(*) filter (is_registered) as registered_members
from working_age_members
group by household_no
