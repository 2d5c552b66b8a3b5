-- Pairs of ids that may be one person: the same name, birth date and sex, money of tonight for one,
-- and for the other too, or a job of both; and one household, one account, or jobs at one employer
-- that follow each other. Told beside, not enough alone: one employer at once or with a gap (names
-- are common), ids one slip apart (no slip gives a valid id: the check character differs).
-- Grain: pair. Reads: concerned_persons, insured_persons, residents, accounts, employment, and the
-- facts insurance_masks and calendar_months.
with known_persons as (
    select
        person_key,
        name
    from insured_persons
    union all
    select
        person_key,
        name
    from residents
),

concerned_keys as (
    select person_key_of(person_id) as person_key
    from concerned_persons
),

alike_pairs as (
    select
        least(concerned_names.person_key, known_persons.person_key) as one_key,
        greatest(concerned_names.person_key, known_persons.person_key) as other_key
    from known_persons as concerned_names
    semi join concerned_keys on concerned_names.person_key = concerned_keys.person_key
    -- many to a handful: digits 7 to 14 of an id are the birth date, the 17th is odd for men
    inner join known_persons
        on
            concerned_names.name = known_persons.name
            and concerned_names.person_key // 1000 % 100000000
            = known_persons.person_key // 1000 % 100000000
            and concerned_names.person_key % 2 = known_persons.person_key % 2
            and concerned_names.person_key <> known_persons.person_key
    group by one_key, other_key
),

alike_keys as (
    select one_key as person_key
    from alike_pairs
    union
    select other_key as person_key
    from alike_pairs
),

job_spans as (
    select
        insurance_masks.person_key,
        insurance_masks.employer_key,
        min(calendar_months.month) as first_month,
        max(calendar_months.month) as last_month
    from insurance_masks
    -- many to at most one, then each mask to the months it holds
    semi join alike_keys on insurance_masks.person_key = alike_keys.person_key
    inner join calendar_months
        on
            insurance_masks.era = calendar_months.era
            and insurance_masks.insured_mask & calendar_months.bit <> 0
    where insurance_masks.employer_key <> 0
    group by insurance_masks.person_key, insurance_masks.employer_key
),

working_keys as (
    select person_key
    from job_spans
    union
    select employment.person_key
    from employment
    semi join alike_keys on employment.person_key = alike_keys.person_key
),

alike_accounts as (
    select
        alike_keys.person_key,
        accounts.account_no
    from alike_keys
    -- one to few
    inner join accounts on alike_keys.person_key = person_key_of(accounts.subject_id)
    where accounts.subject_kind = '个人'
),

evidences as (
    select
        alike_pairs.one_key,
        alike_pairs.other_key,
        'same_household' as evidence
    from alike_pairs
    -- one to at most one in both
    inner join residents on alike_pairs.one_key = residents.person_key
    inner join residents as others on alike_pairs.other_key = others.person_key
    where residents.household_no = others.household_no
    union
    select
        alike_pairs.one_key,
        alike_pairs.other_key,
        'same_account' as evidence
    from alike_pairs
    -- one to few in both
    inner join alike_accounts on alike_pairs.one_key = alike_accounts.person_key
    inner join alike_accounts as others
        on
            alike_pairs.other_key = others.person_key
            and alike_accounts.account_no = others.account_no
    union
    select
        one_key,
        other_key,
        'one_slip' as evidence
    from alike_pairs
    where damerau_levenshtein(cast(one_key as varchar), cast(other_key as varchar)) = 1
    union
    select
        alike_pairs.one_key,
        alike_pairs.other_key,
        case
            when
                month_plus(job_spans.last_month, 1) = others.first_month
                or month_plus(others.last_month, 1) = job_spans.first_month
                then 'employer_in_turn'
            else 'same_employer'
        end as evidence
    from alike_pairs
    -- one to few, then to at most one
    inner join job_spans on alike_pairs.one_key = job_spans.person_key
    inner join job_spans as others
        on
            alike_pairs.other_key = others.person_key
            and job_spans.employer_key = others.employer_key
)

select
    person_id_of(one_key) as one_id,
    person_id_of(other_key) as other_id,
    string_agg(evidence, ',' order by evidence) as evidence
from evidences
where
    (
        one_key in (select concerned_keys.person_key from concerned_keys)
        and other_key in (select concerned_keys.person_key from concerned_keys)
    )
    or (
        one_key in (select working_keys.person_key from working_keys)
        and other_key in (select working_keys.person_key from working_keys)
    )
group by one_key, other_key
having bool_or(evidence not in ('one_slip', 'same_employer'))
order by one_id, other_id
