-- universe: person who left an employer that reduces capacity, period month(D)
-- cut by: person
select
    person_id as subject_id,
    -- 职工分流安置: who is employed again needs no help
    not is_kept_in(person_key, month_plus($as_of_month, -1)) as s10_not_reemployed,
    -- nor who has reached the age of retirement
    is_up_to_retirement(
        $as_of_month,
        retires_on_earliest(person_id, $as_of),
        retires_on_latest(person_id, $as_of)
    ) as s10_before_retirement,
    day_of_death(person_key) is null as g_alive,
    0 as amount_fen,
    employer_code as left_employer_code,
    last_month,
    retires_on_earliest(person_id, $as_of) as retirement_earliest_on,
    retires_on_latest(person_id, $as_of) as retirement_latest_on,
    day_of_death(person_key) as died_on
from capacity_leavers
