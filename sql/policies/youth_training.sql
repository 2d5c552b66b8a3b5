-- universe: person registered unemployed on D, period month(D)
-- cut by: person
select
    person_id as subject_id,
    -- 将20岁以下…: 以下 includes, so not yet one year older
    plus_years(born_on(person_id), $training_age_years + 1) > $as_of as s11_age,
    -- 有就业意愿的
    is_willing as s11_willing,
    -- 登记失业人员: not employed in the month before
    not is_employed_in(person_key, month_plus($as_of_month, -1)) as s11_not_employed,
    day_of_death(person_key) is null as g_alive,
    -- 服刑期间不享受
    is_free_in(person_key, $as_of_month) as g_free,
    0 as amount_fen,
    born_on(person_id) as born_on,
    registered_on,
    is_willing,
    day_of_death(person_key) as died_on
from latest_registrations
