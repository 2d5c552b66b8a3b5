-- universe: person who left an employer that reduces capacity in the months before D, period
--   month(D)
-- cut by: person
with leavers as (
    select
        person_id_of(person_key) as person_id,
        person_key,
        max(last_month) as last_month,
        -- several such employers: the one of the latest month, then the lowest code
        min({'not_after': -last_month, 'employer_code': employer_code}).employer_code
            as left_employer_code
    from capacity_leavers
    group by person_key
)

select
    person_id as subject_id,
    -- 转型升级过程中职工分流安置: who is employed again needs no help
    not is_kept_in(person_key, month_plus($as_of_month, -1)) as s10_not_reemployed,
    -- 职工: the month of retirement has not come
    is_up_to_retirement(
        $as_of_month,
        retires_on_earliest(person_id, $as_of),
        retires_on_latest(person_id, $as_of)
    ) as s10_before_retirement,
    day_of_death(person_key) is null as g_alive,
    0 as amount_fen,
    left_employer_code,
    last_month,
    retires_on_earliest(person_id, $as_of) as retirement_earliest_on,
    retires_on_latest(person_id, $as_of) as retirement_latest_on,
    is_registered_unemployed(person_key) as is_registered,
    day_of_death(person_key) as died_on
from leavers
