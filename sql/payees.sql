-- Where the money of each beneficiary would go, and by which name it is known (rulebook §4.5).
-- Grain: one row per beneficiary. Reads: beneficiaries, accounts, registrations,
-- insured_persons, residents. An account is only shown where exactly one is 正常. Where the payee
-- was asked and an account was confirmed with proof, those without it do not count beside it.
with standing_accounts as (
    select
        *,
        account_state = '正常' and confirmed_by is not null and document_no is not null
            as is_proven,
        bool_or(account_state = '正常' and confirmed_by is not null and document_no is not null)
            over (partition by subject_kind, subject_id) as has_proven
    from accounts
    where subject_id in (select beneficiaries.beneficiary_id from beneficiaries)
),

beneficiary_accounts as (
    select
        case accounts.subject_kind when '单位' then 'employer' else 'person' end
            as beneficiary_kind,
        accounts.subject_id as beneficiary_id,
        count(*) as account_count,
        count(*) filter (where accounts.account_state = '正常') as normal_count,
        min(accounts.holder) filter (where accounts.account_state = '正常') as holder,
        min(accounts.account_no) filter (where accounts.account_state = '正常') as account_no,
        min(accounts.bank_name) filter (where accounts.account_state = '正常') as bank_name,
        min(accounts.bank_code) filter (where accounts.account_state = '正常') as bank_code
    from standing_accounts as accounts
    where accounts.is_proven or not accounts.has_proven
    group by accounts.subject_kind, accounts.subject_id
),

-- The kind is a column on both sides of a join: a condition on one side would compare all pairs.
first_names as (
    select
        'employer' as beneficiary_kind,
        employer_code as beneficiary_id,
        employer_name as reference_name
    from registrations
    union all
    select
        'person' as beneficiary_kind,
        person_id as beneficiary_id,
        name as reference_name
    from insured_persons
),

second_names as (
    select
        'person' as beneficiary_kind,
        person_id as beneficiary_id,
        name as reference_name
    from residents
)

select
    beneficiaries.beneficiary_kind,
    beneficiaries.beneficiary_id,
    coalesce(beneficiary_accounts.account_count, 0) as account_count,
    coalesce(beneficiary_accounts.normal_count, 0) as normal_count,
    coalesce(first_names.reference_name, second_names.reference_name) as reference_name,
    case when beneficiary_accounts.normal_count = 1 then beneficiary_accounts.holder end
        as holder,
    case when beneficiary_accounts.normal_count = 1 then beneficiary_accounts.account_no end
        as account_no,
    case when beneficiary_accounts.normal_count = 1 then beneficiary_accounts.bank_name end
        as bank_name,
    case when beneficiary_accounts.normal_count = 1 then beneficiary_accounts.bank_code end
        as bank_code
from beneficiaries
-- one row to at most one in each join: keys of these kinds are unique
left join beneficiary_accounts
    on
        beneficiaries.beneficiary_kind = beneficiary_accounts.beneficiary_kind
        and beneficiaries.beneficiary_id = beneficiary_accounts.beneficiary_id
left join first_names
    on
        beneficiaries.beneficiary_kind = first_names.beneficiary_kind
        and beneficiaries.beneficiary_id = first_names.beneficiary_id
left join second_names
    on
        beneficiaries.beneficiary_kind = second_names.beneficiary_kind
        and beneficiaries.beneficiary_id = second_names.beneficiary_id
order by beneficiaries.beneficiary_kind, beneficiaries.beneficiary_id
