-- One account in normal state that several parties are to be paid on. Persons of one household
-- are one party, and so are an individual business and its owner; where no residents or no
-- registrations were delivered nobody is told apart.
-- Source: pattern named in published audits of subsidies (Guilin, July 2016, is cited by the doubt
-- of this name); for unemployment insurance funds unconfirmed.
-- Rows: one per subject of such an account.
with usable_accounts as (
    select
        account_no,
        subject_kind,
        subject_id
    from accounts
    where account_state = '正常'
),

told_accounts as (
    select account_no
    from usable_accounts
    where
        exists (select 1 from residents)
        and exists (select 1 from registrations)
    group by account_no
    having count(*) > 1
),

holders as (
    select
        usable_accounts.account_no,
        usable_accounts.subject_kind,
        usable_accounts.subject_id,
        case
            when usable_accounts.subject_kind = '个人' then usable_accounts.subject_id
            when registrations.entity_type = '个体工商户' then registrations.legal_rep_id
        end as holder_id
    from usable_accounts
    -- many to at most one, each: the code is a key of registrations
    semi join told_accounts on usable_accounts.account_no = told_accounts.account_no
    left join registrations on usable_accounts.subject_id = registrations.employer_code
),

parties as (
    select
        holders.account_no,
        holders.subject_kind,
        holders.subject_id,
        coalesce(residents.household_no, holders.holder_id, holders.subject_id) as party
    from holders
    -- many to at most one: the id is a key of residents
    left join residents on person_key_of(holders.holder_id) = residents.person_key
),

shared_accounts as (
    select
        account_no,
        count(distinct party) as party_count
    from parties
    group by account_no
    having count(distinct party) > 1
)

select
    'shared_account' as finding,
    'warning' as severity,
    '' as policy_id,
    case parties.subject_kind when '单位' then 'employer' else 'person' end as subject_kind,
    parties.subject_id,
    concat(
        'households and employers on one account, its last four digits: ',
        shared_accounts.party_count, ', ', right(shared_accounts.account_no, 4)
    ) as detail
from parties
-- many to at most one
inner join shared_accounts on parties.account_no = shared_accounts.account_no
group by
    parties.subject_kind,
    parties.subject_id,
    shared_accounts.party_count,
    shared_accounts.account_no
order by subject_id, detail
