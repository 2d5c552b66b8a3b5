-- policy: zero_employment_household
-- title: 零就业家庭援助
-- authority: 川政发〔2020〕3号 附件第9项
-- in force: 2020-01-01, open
-- grain: household with a member of working age, period month(D)
-- reads: residents contributions insured_units unemployment registrations deaths
with members as (
    select
        residents.household_no,
        residents.person_key,
        born_on(residents.person_id) as born_on,
        case
            when is_male(residents.person_id) then $working_age_to_men
            else $working_age_to_women
        end as working_age_to
    from residents
    -- many to at most one: the dead are no members
    anti join first_deaths on residents.person_key = first_deaths.person_key
),

employed_persons as (
    select person_key
    from employer_insured_masks
    where
        era = month_era(month_plus($as_of_month, -1))
        and insured_mask & month_bit(month_plus($as_of_month, -1)) <> 0
),

registered_persons as (
    select person_key
    from open_unemployments
    group by person_key
),

working_age_households as (
    select
        members.household_no,
        count(*) as working_age_members,
        count(employed_persons.person_key) as employed_members,
        count(owners.person_key) as owner_members,
        count(registered_persons.person_key) as registered_members
    from members
    -- one to at most one, all three
    left join employed_persons on members.person_key = employed_persons.person_key
    left join owners on members.person_key = owners.person_key
    left join registered_persons on members.person_key = registered_persons.person_key
    where
        -- completed years on D: the birthday of that age is not after D, that of the next one is
        plus_years(members.born_on, $working_age_from) <= $as_of
        and plus_years(members.born_on, members.working_age_to + 1) > $as_of
    group by members.household_no
)

select
    period_of($as_of_month) as period,
    'household' as subject_kind,
    household_no as subject_id,
    'household' as beneficiary_kind,
    household_no as beneficiary_id,
    -- 零就业家庭: no member of working age is employed
    employed_members = 0 as s9_none_employed,
    -- nor an owner
    owner_members = 0 as s9_none_owner,
    -- 开展即时就业援助: at least one is registered unemployed
    registered_members >= 1 as s9_one_registered,
    cast(0 as bigint) as amount_fen,
    working_age_members,
    employed_members,
    owner_members,
    registered_members
from working_age_households
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
