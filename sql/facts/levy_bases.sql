-- cut by: employer
-- What the levy of the fee year, the year before D's, is reckoned from: S = person_months,
-- T = disabled_person_months, P = gross_fen. Without staff or pay there is no levy.
-- Grain: employer with insured staff and gross pay in the fee year.
with insured_employers as (
    select
        employer_code,
        employer_key,
        cast(sum(headcount) as bigint) as person_months
    from headcounts
    where
        insurance = '养老'
        and month between year($as_of) * 100 - 99 and year($as_of) * 100 - 88
    group by employer_code, employer_key
)

select
    insured_employers.employer_code,
    insured_employers.person_months,
    coalesce(disabled_months.disabled_person_months, 0) as disabled_person_months,
    gross_pays.gross_fen,
    registrations.entity_type,
    registrations.employer_code is not null as has_registration
from insured_employers
-- one to at most one, all three
inner join gross_pays on insured_employers.employer_code = gross_pays.employer_code
left join disabled_months on insured_employers.employer_key = disabled_months.employer_key
left join registrations on insured_employers.employer_code = registrations.employer_code
where gross_pays.gross_fen > 0
