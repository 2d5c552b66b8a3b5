-- universe: person on list 建档立卡 on D, period month(D)
-- cut by: person
select
    person_id as subject_id,
    -- 建档立卡适龄贫困劳动力: the birthday of that age is not after D, that of the next one is
    plus_years(born_on(person_id), $working_age_from) <= $as_of
    and reaches_age_on(person_id, $working_age_to_men + 1, $working_age_to_women + 1) > $as_of
        as s9_working_age,
    -- 开展即时就业援助: who was employed in the month before needs none
    not is_kept_in(person_key, month_plus($as_of_month, -1)) as s9_not_employed,
    -- nor does an owner
    not is_owner(person_key) as s9_not_owner,
    day_of_death(person_key) is null as g_alive,
    -- 服刑期间不享受
    is_free_in(person_key, $as_of_month) as g_free,
    0 as amount_fen,
    born_on(person_id) as born_on,
    valid_from,
    day_of_death(person_key) as died_on
from poor_workers
