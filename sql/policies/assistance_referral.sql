-- universe: person registered unemployed on D with a spell of benefit ended, period month(D)
-- cut by: person
with benefit_spans as (
    -- 续发 too, and what we paid: nothing is paid from this list, so nothing can end itself
    select
        person_key,
        max(to_month) as last_benefit_month
    from unemployment_benefits
    group by person_key
    having min(to_month) < $as_of_month
)

select
    latest_registrations.person_id as subject_id,
    -- 生活困难的失业人员: whose benefit has ended
    last_benefit_month < $as_of_month as s20_benefit_ended,
    -- 失业人员
    not is_kept_in(person_key, month_plus($as_of_month, -1)) as s20_not_employed,
    -- an owner has work
    not is_owner(person_key) as s20_not_owner,
    -- whoever draws a pension has retired
    is_without_pension_in(person_key, $as_of_month) as s20_no_pension,
    -- 及时按规定纳入低保…等社会救助保障范围: who is in it already needs no referral
    not is_valid_on('低保', '个人', latest_registrations.person_id, $as_of)
    and not is_valid_on('特困', '个人', latest_registrations.person_id, $as_of) as s20_not_assisted,
    day_of_death(person_key) is null as g_alive,
    -- 服刑期间不享受
    is_free_in(person_key, $as_of_month) as g_free,
    0 as amount_fen,
    last_benefit_month,
    registered_on,
    pension_from,
    day_of_death(person_key) as died_on
from latest_registrations
-- one to at most one, then at most one
inner join benefit_spans using (person_key)
left join insured_persons using (person_key)
