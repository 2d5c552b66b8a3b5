-- cut by: whole
-- Employers with one legal representative, as registered. A representative who is not stated
-- relates nobody. Grain: employer, other employer (each pair from both sides).
with represented_employers as (
    select
        registrations.employer_code,
        employers.employer_key,
        registrations.legal_rep_id
    from registrations
    -- one to at most one: who insures nobody has no staff that could move
    inner join employers on registrations.employer_code = employers.employer_code
    where registrations.legal_rep_id is not null
)

select
    represented_employers.employer_code,
    represented_employers.employer_key,
    others.employer_code as other_code,
    others.employer_key as other_key
from represented_employers
-- many to many: the few employers of one representative
inner join represented_employers as others
    on
        represented_employers.legal_rep_id = others.legal_rep_id
        and represented_employers.employer_code <> others.employer_code
