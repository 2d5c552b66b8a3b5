-- policy: youth_training
-- title: 劳动预备制培训
-- authority: 川政发〔2020〕3号 附件第11项
-- in force: 2020-01-01, open
-- grain: person registered unemployed on D, period month(D)
-- reads: unemployment contributions insured_units deaths custody
with latest_registrations as (
    select
        person_id,
        person_key,
        registered_on,
        willing
    from open_unemployments
    -- several open rows: those of the latest registration
    qualify registered_on = max(registered_on) over (partition by person_key)
),

registered_persons as (
    select
        person_id,
        person_key,
        registered_on,
        -- equal in date and different in answer, an empty one among them too: unknown
        case
            when count(willing) = count(*) and min(willing) = max(willing)
                then min(willing) = '有'
        end as is_willing
    from latest_registrations
    group by person_id, person_key, registered_on
)

select
    period_of($as_of_month) as period,
    'person' as subject_kind,
    registered_persons.person_id as subject_id,
    'person' as beneficiary_kind,
    registered_persons.person_id as beneficiary_id,
    -- 将20岁以下…: 以下 includes, so not yet one year older
    plus_years(born_on(registered_persons.person_id), $training_age_years + 1) > $as_of as s11_age,
    -- 有就业意愿的
    registered_persons.is_willing as s11_willing,
    -- 登记失业人员: not employed in the month before
    not exists (
        select 1
        from employer_insured_masks
        where
            employer_insured_masks.person_key = registered_persons.person_key
            and employer_insured_masks.era = month_era(month_plus($as_of_month, -1))
            and employer_insured_masks.insured_mask & month_bit(month_plus($as_of_month, -1)) <> 0
    ) as s11_not_employed,
    first_deaths.died_on is null as g_alive,
    -- 服刑期间不享受
    not exists (
        select 1
        from custody_months
        where
            custody_months.person_key = registered_persons.person_key
            and custody_months.month = $as_of_month
    ) as g_free,
    cast(0 as bigint) as amount_fen,
    born_on(registered_persons.person_id) as born_on,
    registered_persons.registered_on,
    registered_persons.is_willing,
    first_deaths.died_on
from registered_persons
-- one to at most one
left join first_deaths on registered_persons.person_key = first_deaths.person_key
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
